#include "services/scheduler/transfer/shadow_match.h"

#include <gmock/gmock.h>

#include <random>

#include "services/scheduler/core/testing/samples.h"

namespace z4j::scheduler {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::Lt;

const absl::Time kStart = Utc("2026-01-01 00:00:00");

absl::Time At(double seconds) { return kStart + absl::Seconds(seconds); }

ShadowSchedule Of(const std::string& task, const std::string& args = "[]", double reach = 5) {
  return {task + args, task, args, "{}", absl::Seconds(reach)};
}

// Fires of `schedule` and jobs, some seconds after kStart, watched for a minute.
class ShadowMatchTest : public ::testing::Test {
 protected:
  void Recorded(int schedule, const std::vector<double>& dues) {
    for (const double due : dues) fires_.push_back({schedule, At(due)});
  }
  void Seen(const std::string& task, const std::vector<double>& times,
            std::optional<std::string> args = "[]", std::optional<std::string> kwargs = "{}") {
    for (const double time : times) jobs_.push_back({task, args, kwargs, At(time)});
  }
  ShadowComparison Compare() { return CompareShadow(schedules_, fires_, jobs_, window_); }

  std::vector<ShadowSchedule> schedules_ = {Of("mail")};
  std::vector<ShadowFire> fires_;
  std::vector<SeenJob> jobs_;
  ShadowWindow window_ = {At(0), At(60)};
};

TEST_F(ShadowMatchTest, JobsWithinReachOfTheirDueTimesMatch) {
  Recorded(0, {10, 20, 30});
  Seen("mail", {10.25, 19.5, 34});
  const ShadowLine line = Compare().lines[0];
  EXPECT_EQ(line.matched, 3);
  EXPECT_THAT(line.apart, ElementsAre(absl::Seconds(0.25), absl::Seconds(-0.5), absl::Seconds(4)));
  EXPECT_THAT(line.missing, IsEmpty());
  EXPECT_THAT(line.extra, IsEmpty());
}

TEST_F(ShadowMatchTest, WhatOneSideLacksIsNamedByItsInstant) {
  Recorded(0, {10, 20, 30});
  Seen("mail", {10, 30, 45});
  const ShadowLine line = Compare().lines[0];
  EXPECT_EQ(line.matched, 2);
  EXPECT_THAT(line.missing, ElementsAre(At(20)));
  EXPECT_THAT(line.extra, ElementsAre(At(45)));
}

TEST_F(ShadowMatchTest, OfDenseFiresTheOneThatLacksIsNamedAndNotItsNeighbour) {
  std::vector<double> dues, times;
  for (int i = 0; i < 60; ++i) {
    dues.push_back(i);
    if (i != 30) times.push_back(i + 0.1);
  }
  Recorded(0, dues);
  Seen("mail", times);
  EXPECT_THAT(Compare().lines[0].missing, ElementsAre(At(30)));
}

TEST_F(ShadowMatchTest, AJobThatCameTwiceIsExtraAlsoAmongDenseFires) {
  std::vector<double> dues, times = {30.2};
  for (int i = 0; i < 60; ++i) {
    dues.push_back(i);
    times.push_back(i + 0.1);
  }
  Recorded(0, dues);
  Seen("mail", times);
  const ShadowLine line = Compare().lines[0];
  EXPECT_EQ(line.matched, 60);
  EXPECT_THAT(line.extra, ElementsAre(At(30.2)));
}

TEST_F(ShadowMatchTest, NothingNearTheEndsOfTheWindowIsMissingOrExtra) {
  Recorded(0, {1, 58});
  Seen("mail", {8, 57.5});
  const ShadowLine line = Compare().lines[0];
  EXPECT_EQ(line.matched, 1);
  EXPECT_THAT(line.missing, IsEmpty());
  EXPECT_THAT(line.extra, ElementsAre(At(8)));
  EXPECT_EQ(line.not_judged, 1);
}

TEST_F(ShadowMatchTest, NothingNearAGapInTheWatchIsMissing) {
  window_.gaps = {{At(22), At(28)}};
  Recorded(0, {10, 20, 25, 40});
  Seen("mail", {});
  EXPECT_THAT(Compare().lines[0].missing, ElementsAre(At(10), At(40)));
}

TEST_F(ShadowMatchTest, ArgumentsTellSchedulesOfOneTaskApart) {
  schedules_ = {Of("mail", R"([1,{"a":1,"b":2}])"), Of("mail", "[2]")};
  Recorded(0, {10, 30});
  Recorded(1, {10});
  Seen("mail", {10.5, 30.5}, R"([ 1, {"b": 2, "a": 1} ])");
  Seen("mail", {20}, "[2]");
  const ShadowComparison result = Compare();
  EXPECT_EQ(result.lines[0].matched, 2);
  EXPECT_THAT(result.lines[1].missing, ElementsAre(At(10)));
  EXPECT_THAT(result.lines[1].extra, ElementsAre(At(20)));
}

TEST_F(ShadowMatchTest, WithoutVisibleArgumentsTheDueTimesTellSchedulesApart) {
  schedules_ = {Of("mail", "[1]"), Of("mail", "[2]")};
  Recorded(0, {10, 30});
  Recorded(1, {20, 30});
  Seen("mail", {10, 20, 30, 30.1}, std::nullopt, std::nullopt);
  const ShadowComparison result = Compare();
  EXPECT_EQ(result.lines[0].matched, 2);
  EXPECT_EQ(result.lines[1].matched, 2);
}

TEST_F(ShadowMatchTest, AnExtraJobCountsForTheScheduleThatIsDueNearest) {
  schedules_ = {Of("mail"), Of("mail")};
  Recorded(0, {10});
  Recorded(1, {40});
  Seen("mail", {10, 33, 40});
  const ShadowComparison result = Compare();
  EXPECT_THAT(result.lines[0].extra, IsEmpty());
  EXPECT_THAT(result.lines[1].extra, ElementsAre(At(33)));
}

TEST_F(ShadowMatchTest, JobsOfNoScheduleAreCountedAndNotHeldAgainstAny) {
  schedules_ = {Of("mail", "[1]")};
  Seen("other", {10, 20});
  Seen("mail", {30}, "[9]");
  Seen("mail", {30}, "[9]", std::nullopt);
  const ShadowComparison result = Compare();
  EXPECT_EQ(result.unscheduled, 2);
  EXPECT_EQ(result.other_arguments, 2);
  EXPECT_THAT(result.lines[0].extra, IsEmpty());
}

TEST_F(ShadowMatchTest, AnIntervalThatCountsFromItsLastRunMayHaveItsOwnPhase) {
  schedules_ = {Of("mail", "[]", 10)};
  Recorded(0, {5, 15, 25, 35, 45, 55});
  Seen("mail", {1, 11.01, 21.02, 31.03, 41.04, 51.05});
  const ShadowLine line = Compare().lines[0];
  EXPECT_EQ(line.matched, 6);
  EXPECT_THAT(line.extra, IsEmpty());
}

TEST_F(ShadowMatchTest, WhatASourceLeavesOutBecauseItCountsFromTheLastRunIsNotMissing) {
  schedules_ = {Of("mail", "[]", 2)};
  schedules_[0].between_max = absl::Seconds(1.5);
  std::vector<double> dues, times;
  for (int i = 0; i < 60; ++i) dues.push_back(i);
  for (double at = 0; at < 60; at += 1.05) times.push_back(at);
  Recorded(0, dues);
  Seen("mail", times);
  ShadowLine line = Compare().lines[0];
  EXPECT_THAT(line.missing, IsEmpty());
  EXPECT_GT(line.drifted, 0);
  EXPECT_EQ(line.matched + line.drifted + line.not_judged, 60);
  jobs_.erase(jobs_.begin() + 30);
  line = Compare().lines[0];
  EXPECT_THAT(line.missing, Contains(AllOf(Gt(At(30)), Lt(At(33)))));  // Where one was lost.
}

TEST_F(ShadowMatchTest, FiresFarOutsideTheWindowDoNotCount) {
  Recorded(0, {-1000, -5, 30, 2000});
  Seen("mail", {30});
  const ShadowLine line = Compare().lines[0];
  EXPECT_EQ(line.matched, 1);
  EXPECT_EQ(line.not_judged, 1);
}

TEST_F(ShadowMatchTest, LateByAShareOfRandomSecondsLosesAndDoublesExactlyWhatWasLostAndDoubled) {
  const int seed = 20260101;
  std::mt19937 draw(seed);
  SCOPED_TRACE(seed);
  window_.end = At(40'000);
  for (int i = 1; i < 1000; ++i) {
    const double due = 40 * i, late = std::uniform_real_distribution<double>(0, 4)(draw);
    Recorded(0, {due});
    const int fate = std::uniform_int_distribution<int>(0, 19)(draw);
    if (fate > 0) Seen("mail", {due + late});
    if (fate == 1) Seen("mail", {due + late + 12});
  }
  const ShadowLine line = Compare().lines[0];
  EXPECT_EQ(line.matched + line.missing.size() + line.not_judged, 999);
  EXPECT_EQ(line.matched + line.extra.size(), jobs_.size());
  for (const absl::Duration apart : line.apart) EXPECT_LE(apart, absl::Seconds(4));
}

TEST(ShadowMatchPartsTest, TheApartAtAPercentageGoesBySizeAndKeepsItsSign) {
  EXPECT_EQ(ApartAt({}, 50), absl::ZeroDuration());
  EXPECT_EQ(ApartAt({absl::Seconds(3), absl::Seconds(-9), absl::Seconds(1)}, 50), absl::Seconds(3));
  EXPECT_EQ(ApartAt({absl::Seconds(3), absl::Seconds(-9), absl::Seconds(1)}, 100),
            absl::Seconds(-9));
}

}  // namespace
}  // namespace z4j::scheduler
