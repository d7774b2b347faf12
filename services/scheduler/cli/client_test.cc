#include "services/scheduler/cli/client.h"

#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"

namespace z4j::scheduler {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

absl::Status Answer(const std::string& message) {
  return Invoke(ClientOptions{}, [&](grpc::ClientContext&) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, message);
  });
}

TEST(ClientTest, SaysHowToStartAServerWhenNoneAnswersAndWhy) {
  EXPECT_THAT(
      Answer("failed to connect to all addresses; last error: UNKNOWN: Ssl handshake failed"),
      StatusIs(absl::StatusCode::kUnavailable,
               AllOf(HasSubstr("no scheduler answers at 127.0.0.1:7801; start one"),
                     HasSubstr("(UNKNOWN: Ssl handshake failed)"))));
}

TEST(ClientTest, LeavesTheWordsOfAServerWhoseDatabaseIsDown) {
  const std::string words = "postgres: connection to server at \"db\" failed: Connection refused";
  EXPECT_THAT(Answer(words), StatusIs(absl::StatusCode::kUnavailable, words));
}

}  // namespace
}  // namespace z4j::scheduler
