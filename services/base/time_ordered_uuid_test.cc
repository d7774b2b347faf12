#include "services/base/time_ordered_uuid.h"

#include <gtest/gtest.h>

namespace z4j {
namespace {

TEST(TimeOrderedUuidTest, SortsByItsMillisecond) {
  const absl::Time time = absl::FromUnixMillis(0x017f22e279b0);  // The example of RFC 9562.
  const Uuid first = TimeOrderedUuid(time);
  EXPECT_EQ(first.ToString().substr(0, 15), "017f22e2-79b0-7");
  EXPECT_EQ(first.bytes[8] >> 6, 2) << "the variant";
  EXPECT_NE(first, TimeOrderedUuid(time));
  for (int i = 0; i < 100; ++i) {
    EXPECT_LT(first, TimeOrderedUuid(time + absl::Milliseconds(1)));
    EXPECT_GT(first, TimeOrderedUuid(time - absl::Milliseconds(1)));
  }
}

}  // namespace
}  // namespace z4j
