#include "services/scheduler/core/outage.h"

#include <gmock/gmock.h>

#include "services/scheduler/limits.h"

namespace z4j::scheduler {

void PrintTo(const Outage& outage, std::ostream* out) {
  *out << "(" << absl::ToUnixSeconds(outage.from) << ", " << absl::ToUnixSeconds(outage.to) << "]";
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

absl::Time At(int seconds) { return absl::FromUnixSeconds(1'800'000'000 + seconds); }

std::vector<Outage> Added(std::vector<Outage> outages, absl::Time from, absl::Time to) {
  AddOutage(outages, from, to);
  return outages;
}

TEST(OutageTest, KeepsWhatIsNotCaughtUpBesideTheNewOne) {
  EXPECT_THAT(Added({{At(0), At(100)}}, At(200), At(300)),
              ElementsAre(Outage{At(0), At(100)}, Outage{At(200), At(300)}));
}

TEST(OutageTest, LeavesOutWhatTheGraceCovers) {
  EXPECT_THAT(Added({}, At(0), At(30)), IsEmpty());
  EXPECT_THAT(Added({}, At(0), At(31)), ElementsAre(Outage{At(0), At(31)}));
  EXPECT_THAT(Added({{At(0), At(100)}}, At(101), At(110)), ElementsAre(Outage{At(0), At(100)}));
}

TEST(OutageTest, GrowsIfNobodyWasLiveBetween) {
  EXPECT_THAT(Added({{At(0), At(100)}}, At(100), At(102)), ElementsAre(Outage{At(0), At(102)}));
}

TEST(OutageTest, HoldsTheTimeBeforeTheFirstLeader) {
  EXPECT_THAT(Added({}, absl::InfinitePast(), At(0)),
              ElementsAre(Outage{absl::InfinitePast(), At(0)}));
}

TEST(OutageTest, ForgetsTimesThatAClockAheadOfOursGave) {
  EXPECT_THAT(Added({{At(0), At(100)}, {At(500), At(900)}}, At(50), At(50)),
              ElementsAre(Outage{At(0), At(50)}));
}

TEST(OutageTest, JoinsTheClosestTwoWhenThereAreTooMany) {
  std::vector<Outage> outages;
  for (int i = 0; i <= kOutagesMax; ++i) {
    const int begin = 1000 * i - (i == 5 ? 900 : 0);  // The fifth follows soon after the fourth.
    AddOutage(outages, At(begin), At(1000 * i + 50));
  }
  ASSERT_THAT(outages, SizeIs(kOutagesMax));
  EXPECT_EQ(outages[4], (Outage{At(4000), At(5050)}));
}

}  // namespace
}  // namespace z4j::scheduler
