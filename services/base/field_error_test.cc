#include "services/base/field_error.h"

#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"

namespace z4j {
namespace {

TEST(FieldErrorTest, CarriesEveryViolationAndNamesTheFirst) {
  const std::vector<FieldViolation> violations = {
      {"schedule.time_zone",
       "'Mars/Phobos' is no IANA time zone; write one such as 'Europe/Berlin'"},
      {"schedule.task", "must not be empty"}};
  const absl::Status status = FieldError(violations);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               testing::StartsWith("schedule.time_zone: 'Mars/Phobos'")));
  EXPECT_EQ(FieldViolationsOf(status), violations);
}

TEST(FieldErrorTest, OtherStatusesCarryNone) {
  EXPECT_TRUE(FieldViolationsOf(absl::NotFoundError("x")).empty());
  EXPECT_TRUE(FieldViolationsOf(absl::OkStatus()).empty());
}

}  // namespace
}  // namespace z4j
