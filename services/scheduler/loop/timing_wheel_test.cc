#include "services/scheduler/loop/timing_wheel.h"

#include <gmock/gmock.h>

#include <iostream>
#include <random>
#include <set>

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Slots = std::vector<TimingWheel::Slot>;

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

Slots Pop(TimingWheel& wheel, absl::Time now, int limit = 1 << 30) {
  Slots due;
  wheel.PopDue(now, limit, &due);
  return due;
}

TEST(TimingWheelTest, OrdersByMicrosecondWithinOneSecond) {
  TimingWheel wheel;
  wheel.Insert(0, kStart + absl::Microseconds(300));
  wheel.Insert(1, kStart + absl::Microseconds(100));
  wheel.Insert(2, kStart + absl::Microseconds(200));
  EXPECT_THAT(Pop(wheel, kStart + absl::Microseconds(99)), IsEmpty());
  EXPECT_EQ(wheel.NextWake(), kStart + absl::Microseconds(100));
  EXPECT_THAT(Pop(wheel, kStart + absl::Microseconds(200)), ElementsAre(1, 2));
  EXPECT_THAT(Pop(wheel, kStart + absl::Seconds(1)), ElementsAre(0));
}

TEST(TimingWheelTest, HandsOutAtMostTheLimitOldestFirst) {
  TimingWheel wheel;
  for (uint32_t slot = 0; slot < 5; ++slot) wheel.Insert(slot, kStart - absl::Hours(slot));
  EXPECT_THAT(Pop(wheel, kStart, 2), ElementsAre(4, 3));
  EXPECT_THAT(Pop(wheel, kStart), ElementsAre(2, 1, 0));
  EXPECT_EQ(wheel.size(), 0);
}

TEST(TimingWheelTest, ADueTimeFinerThanAMicrosecondIsNeverEarly) {
  TimingWheel wheel;
  wheel.Insert(7, kStart + absl::Nanoseconds(1));
  EXPECT_THAT(Pop(wheel, kStart), IsEmpty());
  EXPECT_THAT(Pop(wheel, kStart + absl::Microseconds(1)), ElementsAre(7));
}

TEST(TimingWheelTest, HoldsInstantsFromTheFirstYearToTheLast) {
  TimingWheel wheel;
  const absl::Time first = absl::FromCivil(absl::CivilSecond(1), absl::UTCTimeZone());
  const absl::Time last = absl::FromCivil(absl::CivilSecond(9999, 12, 31), absl::UTCTimeZone());
  wheel.Insert(0, last);
  wheel.Insert(1, first);
  wheel.Insert(2, absl::UnixEpoch() - absl::Microseconds(1));
  EXPECT_THAT(Pop(wheel, kStart), ElementsAre(1, 2));
  EXPECT_THAT(Pop(wheel, last - absl::Seconds(1)), IsEmpty());
  EXPECT_THAT(Pop(wheel, last), ElementsAre(0));
}

TEST(TimingWheelTest, NothingComesEarlyAfterTheClockWasSetBack) {
  TimingWheel wheel;
  wheel.Insert(0, kStart);
  EXPECT_THAT(Pop(wheel, kStart), ElementsAre(0));
  wheel.Insert(1, kStart - absl::Minutes(30));
  EXPECT_THAT(Pop(wheel, kStart - absl::Hours(1)), IsEmpty());
  EXPECT_THAT(Pop(wheel, kStart - absl::Minutes(30)), ElementsAre(1));
}

TEST(TimingWheelTest, AnInfiniteDueTimeTakesTheSlotOut) {
  TimingWheel wheel;
  wheel.Insert(0, kStart);
  wheel.Insert(0, absl::InfiniteFuture());
  EXPECT_EQ(wheel.size(), 0);
  EXPECT_EQ(wheel.NextWake(), absl::InfiniteFuture());
}

// The reference is a sorted set; times are drawn from ranges of very different widths.
TEST(TimingWheelTest, AgreesWithASortedSetOnRandomOperations) {
  const uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << std::endl;
  std::mt19937_64 random(seed);
  const int64_t widths_us[] = {1000,           2'000'000,         90'000'000,
                               86'400'000'000, 86'400'000'000'00, 3'000'000'000'000'000};
  TimingWheel wheel;
  std::set<std::pair<int64_t, uint32_t>> expected;
  std::vector<int64_t> due_us(200, -1);
  int64_t now_us = absl::ToUnixMicros(kStart);
  for (int step = 0; step < 200'000; ++step) {
    const uint32_t slot = random() % due_us.size();
    const int64_t width = widths_us[random() % std::size(widths_us)];
    switch (random() % 4) {
      case 0:
      case 1:
        if (due_us[slot] >= 0) expected.erase({due_us[slot], slot});
        due_us[slot] = now_us - width / 4 + static_cast<int64_t>(random() % width);
        expected.emplace(due_us[slot], slot);
        wheel.Insert(slot, absl::FromUnixMicros(due_us[slot]));
        break;
      case 2:
        if (due_us[slot] >= 0) expected.erase({due_us[slot], slot});
        due_us[slot] = -1;
        wheel.Remove(slot);
        break;
      default: {
        now_us += static_cast<int64_t>(random() % (width / 8 + 1));
        const int limit = 1 + random() % 20;
        Slots want;
        while (!expected.empty() && expected.begin()->first <= now_us && want.size() < limit) {
          want.push_back(expected.begin()->second);
          due_us[want.back()] = -1;
          expected.erase(expected.begin());
        }
        ASSERT_EQ(Pop(wheel, absl::FromUnixMicros(now_us), limit), want) << "step " << step;
      }
    }
    ASSERT_EQ(wheel.size(), expected.size());
    if (!expected.empty()) {
      ASSERT_LE(wheel.NextWake(), absl::FromUnixMicros(expected.begin()->first));
    }
  }
}

}  // namespace
}  // namespace z4j::scheduler
