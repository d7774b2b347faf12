#include "services/scheduler/core/wall_clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>
#include <vector>

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A handful of wall seconds.
class Listed final : public WallPattern {
 public:
  Listed(std::initializer_list<WallSecond> walls) : walls_(walls) {}

  WallSecond FirstAtOrAfter(WallSecond from) const override {
    const auto it = walls_.lower_bound(from);
    return it == walls_.end() ? kDistantFuture : *it;
  }
  WallSecond LastAtOrBefore(WallSecond at) const override {
    const auto it = walls_.upper_bound(at);
    return it == walls_.begin() ? kDistantPast : *std::prev(it);
  }
  int64_t CountIn(WallSecond from, WallSecond to) const override {
    return std::distance(walls_.lower_bound(from), walls_.lower_bound(to));
  }

 private:
  const std::set<WallSecond> walls_;
};

// At 1000 the clock goes 100 forward: walls 1000..1099 are removed.  At 5000 it goes back: walls
// 5000..5099 are shown twice.
std::shared_ptr<const Zone> ToyZone() {
  return std::make_shared<Zone>(
      std::vector<OffsetSegment>{{kDistantPast, 0}, {1000, 100}, {5000, 0}});
}

// All instants, and a check that the three questions agree on them.
std::vector<int64_t> Instants(const WallPattern& pattern, GapPolicy gap, FoldPolicy fold) {
  const WallClock clock(ToyZone(), gap, fold);
  std::vector<int64_t> forward, backward;
  for (int64_t t = clock.FirstAtOrAfter(pattern, -10'000); t != kDistantFuture;
       t = clock.FirstAtOrAfter(pattern, t + 1)) {
    forward.push_back(t);
  }
  for (int64_t t = clock.LastAtOrBefore(pattern, 10'000); t != kDistantPast;
       t = clock.LastAtOrBefore(pattern, t - 1)) {
    backward.push_back(t);
  }
  std::reverse(backward.begin(), backward.end());
  EXPECT_EQ(forward, backward);
  for (int64_t from : {-10'000, 999, 1000, 1001, 1050, 1100, 4950, 5000, 5050, 5100}) {
    EXPECT_EQ(clock.CountIn(pattern, from, 10'000),
              std::count_if(forward.begin(), forward.end(), [&](int64_t t) { return t >= from; }));
    EXPECT_EQ(clock.CountIn(pattern, -10'000, from),
              std::count_if(forward.begin(), forward.end(), [&](int64_t t) { return t < from; }));
  }
  return forward;
}

TEST(WallClockTest, TheEdgesOfAGapBelongToTheRightSide) {
  const Listed pattern = {999, 1000, 1099, 1100};
  EXPECT_THAT(Instants(pattern, GapPolicy::kSkip, FoldPolicy::kFirst), ElementsAre(999, 1000));
  EXPECT_THAT(Instants(pattern, GapPolicy::kNextValid, FoldPolicy::kFirst), ElementsAre(999, 1000));
  EXPECT_THAT(Instants(pattern, GapPolicy::kShift, FoldPolicy::kFirst),
              ElementsAre(999, 1000, 1099));
}

TEST(WallClockTest, ShiftKeepsOrderAmongOrdinaryTimes) {
  const Listed pattern = {1010, 1060, 1120, 1160};
  EXPECT_THAT(Instants(pattern, GapPolicy::kShift, FoldPolicy::kFirst),
              ElementsAre(1010, 1020, 1060));
  EXPECT_THAT(Instants(pattern, GapPolicy::kNextValid, FoldPolicy::kFirst),
              ElementsAre(1000, 1020, 1060));
}

TEST(WallClockTest, TheEdgesOfAFoldAreRepeatedOrNot) {
  const Listed pattern = {4999, 5000, 5099, 5100};
  EXPECT_THAT(Instants(pattern, GapPolicy::kSkip, FoldPolicy::kFirst),
              ElementsAre(4899, 4900, 4999, 5100));
  EXPECT_THAT(Instants(pattern, GapPolicy::kSkip, FoldPolicy::kSecond),
              ElementsAre(4899, 5000, 5099, 5100));
  EXPECT_THAT(Instants(pattern, GapPolicy::kSkip, FoldPolicy::kBoth),
              ElementsAre(4899, 4900, 4999, 5000, 5099, 5100));
}

TEST(WallClockTest, APatternThatOnlyAGapHoldsMayHaveNoInstant) {
  EXPECT_THAT(Instants(Listed{1050}, GapPolicy::kSkip, FoldPolicy::kBoth), IsEmpty());
  EXPECT_THAT(Instants(Listed{1050}, GapPolicy::kNextValid, FoldPolicy::kBoth), ElementsAre(1000));
  EXPECT_THAT(Instants(Listed{1050}, GapPolicy::kShift, FoldPolicy::kBoth), ElementsAre(1050));
}

TEST(WallClockTest, ShowsTheWallTime) {
  const WallClock clock(ToyZone(), GapPolicy::kSkip, FoldPolicy::kFirst);
  EXPECT_EQ(clock.Shows(999), 999);
  EXPECT_EQ(clock.Shows(1000), 1100);
  EXPECT_EQ(clock.Shows(5000), 5000);
}

}  // namespace
}  // namespace z4j::scheduler
