#include "services/scheduler/audited_changes.h"

#include <gtest/gtest.h>

#include "services/scheduler/mutate/testing/committer_fixture.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;

// What the loop asks for, beside what users do meanwhile.
class AuditedChangesTest : public CommitterTest {
 protected:
  void SetUp() override { ASSERT_OK(Run(CreateSchedule{HourlySchedule("a")})); }
  absl::Time InMinutes(int minutes) { return clock_.Now() + absl::Minutes(minutes); }
  ScheduleState State() { return memory_.GetSchedule(key_)->schedule.state; }

  const ScheduleKey key_ = SampleKey("a");
  AuditedChanges changes_{committer_, "node-1"};
};

TEST_F(AuditedChangesTest, APauseThatIsOverEndsInTheNameOfTheNode) {
  ASSERT_OK(Run(PauseSchedule{key_, "", InMinutes(5)}));
  clock_.Advance(absl::Minutes(5));
  changes_.Resume(key_);
  Settle();
  EXPECT_EQ(State(), ScheduleState::kEnabled);
  EXPECT_EQ(Audit().back().action, "schedule.resume");
  EXPECT_EQ(Audit().back().actor, "scheduler:node-1");
}

TEST_F(AuditedChangesTest, APauseThatSomeoneProlongedAtItsEndGoesOn) {
  ASSERT_OK(Run(PauseSchedule{key_, "", InMinutes(5)}));
  clock_.Advance(absl::Minutes(5));
  ASSERT_OK(Run(PauseSchedule{key_, "", InMinutes(60)}));
  changes_.Resume(key_);
  Settle();
  EXPECT_EQ(State(), ScheduleState::kPaused);
  EXPECT_THAT(Actions(), ElementsAre("schedule.create", "schedule.pause", "schedule.pause"));
}

TEST_F(AuditedChangesTest, AScheduleThatWasPutInShadowAtThePausesEndStaysThere) {
  ASSERT_OK(Run(PauseSchedule{key_, "", InMinutes(5)}));
  clock_.Advance(absl::Minutes(5));
  ASSERT_OK(Run(ShadowSchedule{key_}));
  changes_.Resume(key_);
  Settle();
  EXPECT_EQ(State(), ScheduleState::kShadow);
}

}  // namespace
}  // namespace z4j::scheduler
