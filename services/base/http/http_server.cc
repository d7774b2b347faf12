#include "services/base/http/http_server.h"

#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace z4j {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;

Response Answer(const Request& request, const HttpServer::Handler& handler) {
  HttpAnswer answer;
  if (request.method() == http::verb::get || request.method() == http::verb::head) {
    const std::string target(request.target());
    answer = handler(target.substr(0, target.find('?')));
  } else {
    answer.status = 405;
    answer.body = "only GET and HEAD\n";
  }
  Response response(static_cast<http::status>(answer.status), request.version());
  response.set(http::field::content_type, answer.content_type);
  response.set(http::field::cache_control, "no-store");
  response.keep_alive(request.keep_alive());
  response.body() = std::move(answer.body);
  response.prepare_payload();  // HEAD, too, says how long the answer to GET is.
  if (request.method() == http::verb::head) response.body().clear();
  return response;
}

// One connection: read, answer, again.  Keeps itself alive through the pending operation.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const HttpServer::Handler& handler)
      : stream_(std::move(socket)), handler_(handler) {}

  void Read() {
    parser_.emplace();
    parser_->body_limit(0);  // A GET has none.
    stream_.expires_after(absl::ToChronoSeconds(kHttpTimeout));
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](beast::error_code error, size_t) {
                       if (!error) self->Write();  // Otherwise closed, too slow, or no HTTP.
                     });
  }

 private:
  void Write() {
    response_ = Answer(parser_->get(), handler_);
    http::async_write(stream_, response_,
                      [self = shared_from_this()](beast::error_code error, size_t) {
                        if (!error && self->response_.keep_alive()) self->Read();
                      });
  }

  beast::tcp_stream stream_;
  const HttpServer::Handler& handler_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::empty_body>> parser_;
  Response response_;
};

}  // namespace

struct HttpServer::Impl {
  explicit Impl(Handler h) : handler(std::move(h)) {}

  void Accept() {
    acceptor.async_accept([this](beast::error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error) std::make_shared<Connection>(std::move(socket), handler)->Read();
      Accept();
    });
  }

  absl::Status Listen(const std::string& listen) {
    const size_t colon = listen.rfind(':');
    absl::string_view host = absl::string_view(listen).substr(0, colon);
    if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
    beast::error_code error;
    tcp::resolver resolver(io);
    const auto found = resolver.resolve(std::string(host), listen.substr(colon + 1),
                                        tcp::resolver::passive, error);
    const auto failed = [&] {
      return absl::UnavailableError(
          absl::StrCat("cannot serve HTTP on ", listen, ": ", error.message()));
    };
    if (error) return failed();
    const tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    return error ? failed() : absl::OkStatus();
  }

  const Handler handler;
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  std::thread thread;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& listen,
                                                              Handler handler) {
  auto impl = std::make_unique<Impl>(std::move(handler));
  if (absl::Status status = impl->Listen(listen); !status.ok()) return status;
  impl->Accept();
  impl->thread = std::thread([io = &impl->io] { io->run(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() { Stop(); }

int HttpServer::port() const { return impl_->acceptor.local_endpoint().port(); }

void HttpServer::Stop() {
  impl_->io.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

}  // namespace z4j
