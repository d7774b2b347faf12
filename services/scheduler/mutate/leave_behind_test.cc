#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/mutate/decide.h"
#include "services/scheduler/mutate/testing/sample_mutations.h"

// What a change comes to if a leader whose clock is ahead has decided more than has come due here.
// One that does not know of the change yet plans from the watermark it has seen.
namespace z4j::scheduler {
namespace {

using testing::IsEmpty;

const absl::Time kNow = absl::FromCivil(absl::CivilHour(2026, 3, 10, 9), absl::UTCTimeZone());
const ScheduleKey kKey = SampleKey("a");

StoredSchedule EveryHourDecidedUpTo(absl::Time watermark) {
  StoredSchedule stored{HourlySchedule("a"), {}};
  stored.cursor.watermark = watermark;
  return stored;
}

TEST(LeaveBehindTest, APlanMadeBeforeAPauseOrAnEditIsRefusedAlsoIfTheLeadersClockIsAhead) {
  Schedule values = HourlySchedule("a");
  std::get<CronSpec>(values.spec).expression = "*/10 * * * *";
  const absl::Time planned_from = kNow + absl::Milliseconds(20);
  for (const MutationAction& change :
       {MutationAction(PauseSchedule{kKey, "", absl::InfiniteFuture()}),
        MutationAction(UpdateSchedule{kKey, values, {"spec"}, ""})}) {
    const StoredSchedule stored = EveryHourDecidedUpTo(planned_from);
    ASSERT_OK_AND_ASSIGN(const Decision decision, Decide(&stored, ByAnn(change), {kNow, 1, {}}));
    EXPECT_THAT(decision.fires, IsEmpty());
    EXPECT_GT(decision.result.schedule->cursor.watermark, planned_from);
    EXPECT_LT(decision.result.schedule->cursor.watermark, planned_from + absl::Milliseconds(1));
  }
}

TEST(LeaveBehindTest, WhatIsDueJustAfterAWatermarkThatIsAheadIsCountedIfAChangePassesIt) {
  const absl::Time due = kNow + absl::Hours(1);
  const StoredSchedule stored = EveryHourDecidedUpTo(due - absl::Microseconds(1));
  const auto pause = ByAnn(PauseSchedule{kKey, "", absl::InfiniteFuture()});
  ASSERT_OK_AND_ASSIGN(const Decision decision,
                       Decide(&stored, pause, {due - absl::Milliseconds(20), 1, {}}));
  ASSERT_EQ(decision.fires.size(), 1u);
  EXPECT_EQ(decision.fires[0].key.due_at, due);
  EXPECT_EQ(decision.fires[0].reason, FireReason::kPaused);
}

}  // namespace
}  // namespace z4j::scheduler
