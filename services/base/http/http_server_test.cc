#include "services/base/http/http_server.h"

#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <boost/asio.hpp>

#include "absl/strings/str_cat.h"
#include "services/base/http/probes.h"
#include "services/base/testing/status_matchers.h"

namespace z4j {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Sends `text` as it is and returns all that comes back until the server closes.
std::string Talk(int port, const std::string& text) {
  boost::asio::io_context io;
  boost::asio::ip::tcp::socket socket(io);
  boost::system::error_code error;
  socket.connect({boost::asio::ip::address_v4::loopback(), static_cast<uint16_t>(port)}, error);
  boost::asio::write(socket, boost::asio::buffer(text), error);
  std::string answer;
  boost::asio::read(socket, boost::asio::dynamic_buffer(answer), error);
  return answer;
}

std::string Get(int port, const std::string& path) {
  return Talk(port,
              absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
}

class HttpServerTest : public testing::Test {
 protected:
  void SetUp() override {
    prometheus::BuildCounter().Name("things_total").Register(registry_).Add({}).Increment(3);
    auto server =
        HttpServer::Start("127.0.0.1:0", MakeProbes({&registry_}, [] { return reason_; }));
    ASSERT_OK(server);
    server_ = *std::move(server);
  }

  inline static std::string reason_;
  prometheus::Registry registry_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, MetricsAreThoseOfTheRegistry) {
  EXPECT_THAT(Get(server_->port(), "/metrics?x=y"),
              testing::AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("things_total 3")));
}

TEST_F(HttpServerTest, ReadinessSaysWhyNot) {
  reason_ = "the store cannot be reached";
  EXPECT_THAT(Get(server_->port(), "/readyz"),
              testing::AllOf(StartsWith("HTTP/1.1 503"), HasSubstr(reason_)));
  EXPECT_THAT(Get(server_->port(), "/livez"), StartsWith("HTTP/1.1 200"));
  reason_.clear();
  EXPECT_THAT(Get(server_->port(), "/readyz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, OtherPathsMethodsAndNonsenseAreRefused) {
  const int port = server_->port();
  EXPECT_THAT(Get(port, "/"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Talk(port, "DELETE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 405"));
  EXPECT_EQ(Talk(port, "what?\r\n\r\n"), "");
  EXPECT_EQ(Talk(port, "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n"), "");
}

TEST_F(HttpServerTest, HeadHasTheHeadersOfGetAndNoBody) {
  EXPECT_THAT(Talk(server_->port(), "HEAD /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              testing::AllOf(HasSubstr("Content-Length: 3"), testing::EndsWith("\r\n\r\n")));
}

TEST_F(HttpServerTest, OneConnectionCarriesManyRequests) {
  EXPECT_THAT(Talk(server_->port(),
                   "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
                   "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              testing::AllOf(HasSubstr("200 OK"), HasSubstr("404 Not Found")));
}

TEST_F(HttpServerTest, AnAddressInUseIsSaidPlainly) {
  const std::string listen = absl::StrCat("127.0.0.1:", server_->port());
  EXPECT_THAT(HttpServer::Start(listen, [](const std::string&) { return HttpAnswer(); }),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(listen)));
}

}  // namespace
}  // namespace z4j
