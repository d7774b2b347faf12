#include "services/base/grpc_status.h"

#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "services/base/field_error.h"
#include "services/base/retry_after.h"
#include "services/base/testing/status_matchers.h"

namespace z4j {
namespace {

TEST(GrpcStatusTest, EveryCodeSurvivesTheRoundTrip) {
  for (int code = 0; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), code == 0 ? "" : "a sentence");
    EXPECT_EQ(FromGrpcStatus(ToGrpcStatus(status)), status);
  }
}

TEST(GrpcStatusTest, FieldViolationsSurviveTheRoundTrip) {
  const std::vector<FieldViolation> violations = {{"schedule.time_zone", "no such zone"},
                                                  {"schedule.task", "must not be empty"}};
  const absl::Status back = FromGrpcStatus(ToGrpcStatus(FieldError(violations)));
  EXPECT_EQ(FieldViolationsOf(back), violations);
  EXPECT_EQ(back, FieldError(violations));
}

TEST(GrpcStatusTest, WhenToTryAgainSurvivesTheRoundTrip) {
  const absl::Duration after = absl::Seconds(2) + absl::Nanoseconds(345'678);
  const absl::Status status = RetryAfter(absl::ResourceExhaustedError("later"), after);
  const absl::Status back = FromGrpcStatus(ToGrpcStatus(status));
  EXPECT_EQ(back, status);
  EXPECT_EQ(RetryAfterOf(back), after);
  EXPECT_EQ(RetryAfterOf(absl::ResourceExhaustedError("later")), std::nullopt);
}

TEST(GrpcStatusTest, DetailsNameDomainAndReason) {
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(ToGrpcStatus(absl::NotFoundError("gone")).error_details()));
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.domain(), "z4j.dev");
  EXPECT_EQ(info.reason(), "NOT_FOUND");
}

TEST(GrpcStatusTest, HugeTextsAreCutBetweenCharacters) {
  std::string huge;
  for (int i = 0; i < 100'000; ++i) huge += "ä";
  std::vector<FieldViolation> violations(100, {"schedule.args_json", huge});
  const grpc::Status status = ToGrpcStatus(FieldError(violations));
  EXPECT_LT(status.error_details().size() * 4 / 3 + status.error_message().size(), 8000);
  EXPECT_FALSE(FieldViolationsOf(FromGrpcStatus(status)).empty());
}

TEST(GrpcStatusTest, StatusOfAProxyWithoutDetailsKeepsCodeAndMessage) {
  EXPECT_EQ(FromGrpcStatus(grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection refused")),
            absl::UnavailableError("connection refused"));
}

}  // namespace
}  // namespace z4j
