#ifndef Z4J_BASE_TESTING_STATUS_MATCHERS_H_
#define Z4J_BASE_TESTING_STATUS_MATCHERS_H_

#include <gmock/gmock.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace z4j {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// EXPECT_THAT(store.Get(id), StatusIs(absl::StatusCode::kNotFound));
MATCHER_P(StatusIs, code, std::string("has code ") + absl::StatusCodeToString(code)) {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code;
}
MATCHER_P2(StatusIs, code, message_matcher,
           std::string("has code ") + absl::StatusCodeToString(code) + " and a matching message") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code &&
         testing::Matches(message_matcher)(std::string(StatusOf(arg).message()));
}
MATCHER(IsOk, "is OK") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

}  // namespace z4j

#define EXPECT_OK(expr) EXPECT_THAT(expr, ::z4j::IsOk())
#define ASSERT_OK(expr) ASSERT_THAT(expr, ::z4j::IsOk())

#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  Z4J_ASSERT_OK_AND_ASSIGN(Z4J_TEST_CONCAT(z4j_or_, __LINE__), lhs, expr)
#define Z4J_TEST_CONCAT_INNER(a, b) a##b
#define Z4J_TEST_CONCAT(a, b) Z4J_TEST_CONCAT_INNER(a, b)
#define Z4J_ASSERT_OK_AND_ASSIGN(temp, lhs, expr) \
  auto temp = (expr);                             \
  ASSERT_TRUE(temp.ok()) << temp.status();        \
  lhs = *std::move(temp)

#endif  // Z4J_BASE_TESTING_STATUS_MATCHERS_H_
