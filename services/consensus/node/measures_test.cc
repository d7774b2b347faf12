#include "services/consensus/node/measures.h"

#include <gtest/gtest.h>

namespace z4j::consensus {
namespace {

TEST(MeasuresTest, PercentilesAreOfTheLastDurationsOnly) {
  RecentDurations durations;
  EXPECT_EQ(durations.Percentile(99), absl::ZeroDuration());
  for (int i = 0; i < 100; ++i) durations.Add(absl::Hours(1));
  for (size_t i = 0; i < RecentDurations::kKept; ++i) {
    durations.Add(absl::Milliseconds(static_cast<int>(i % 100) + 1));
  }
  EXPECT_LT(durations.Percentile(99), absl::Hours(1));
  EXPECT_GE(durations.Percentile(99), absl::Milliseconds(98));
  EXPECT_GE(durations.Percentile(50), absl::Milliseconds(48));
  EXPECT_LE(durations.Percentile(50), absl::Milliseconds(52));
}

TEST(MeasuresTest, TheLongestOfAMinuteIsForgottenAfterIt) {
  const auto at = [](int seconds) { return MonoTime{absl::Seconds(seconds)}; };
  LongestOfMinute longest;
  EXPECT_EQ(longest.At(at(0)), absl::ZeroDuration());
  longest.Add(at(0), absl::Seconds(3));
  longest.Add(at(10), absl::Seconds(1));
  longest.Add(at(20), absl::Seconds(2));
  EXPECT_EQ(longest.At(at(60)), absl::Seconds(3));
  EXPECT_EQ(longest.At(at(61)), absl::Seconds(2));
  longest.Add(at(70), absl::Milliseconds(1));
  EXPECT_EQ(longest.At(at(81)), absl::Milliseconds(1));
  EXPECT_EQ(longest.At(at(131)), absl::ZeroDuration());
}

}  // namespace
}  // namespace z4j::consensus
