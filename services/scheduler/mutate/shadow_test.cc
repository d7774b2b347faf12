#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/mutate/decide.h"
#include "services/scheduler/mutate/testing/sample_mutations.h"

// What a change of state comes to while another scheduler still sends, and when this one takes
// over.
namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Starts at 2026-03-10 08:30 UTC with a schedule of every full hour in shadow.
class ShadowTest : public testing::Test {
 protected:
  ShadowTest() {
    Schedule schedule = HourlySchedule("a");
    schedule.state = ScheduleState::kShadow;
    stored_ = Created(std::move(schedule));
  }
  absl::StatusOr<Decision> Try(const StoredSchedule* current, MutationAction action) {
    return Decide(current, ByAnn(std::move(action)), {now_, ++revision_, Uuid{{7}}});
  }
  StoredSchedule Created(Schedule schedule) {
    auto decision = Try(nullptr, CreateSchedule{std::move(schedule)});
    EXPECT_OK(decision);
    return *decision->result.schedule;
  }
  // Decides on the schedule and takes up the result.
  Decision Do(MutationAction action) {
    auto decision = Try(&stored_, std::move(action));
    EXPECT_OK(decision);
    if (decision->result.schedule.has_value()) stored_ = *decision->result.schedule;
    return *decision;
  }
  // The leader decides what has come due.
  std::vector<Fire> Tick() {
    const auto recurrence = CompileRecurrence(stored_.schedule);
    const Plan plan = PlanFires(stored_.schedule.id, **recurrence, PolicyOf(stored_.schedule),
                                stored_.cursor, {}, {}, now_, 1000);
    stored_.cursor = plan.cursor;
    return plan.fires;
  }
  void SetTime(int hour, int minute) {
    now_ = absl::FromCivil(absl::CivilMinute(2026, 3, 10, hour, minute), absl::UTCTimeZone());
  }
  absl::Time Hour(int hour) {
    return absl::FromCivil(absl::CivilHour(2026, 3, 10, hour), absl::UTCTimeZone());
  }

  absl::Time now_ = absl::FromCivil(absl::CivilMinute(2026, 3, 10, 8, 30), absl::UTCTimeZone());
  int64_t revision_ = 0;
  const ScheduleKey key_ = SampleKey("a");
  StoredSchedule stored_;
};

TEST_F(ShadowTest, AScheduleCanBeCreatedInShadow) {
  EXPECT_EQ(stored_.schedule.state, ScheduleState::kShadow);
  EXPECT_EQ(stored_.schedule.pause, std::nullopt);
  Schedule past = OneShotSchedule("b", now_ - absl::Hours(1));
  past.state = ScheduleState::kShadow;
  ASSERT_OK_AND_ASSIGN(const Decision decision, Try(nullptr, CreateSchedule{past}));
  EXPECT_THAT(decision.result.notes, ElementsAre(HasSubstr("recorded once")));
  past.end_at = now_ - absl::Minutes(1);
  past.spec = HourlySchedule("b").spec;
  EXPECT_EQ(Created(past).schedule.state, ScheduleState::kFinished);
}

TEST_F(ShadowTest, TakingOverLosesNoDueTimeAndFiresNoneTwice) {
  SetTime(10, 30);
  const std::vector<Fire> seen = Tick();  // 9 and 10 o'clock.
  ASSERT_EQ(seen.size(), 2u);
  SetTime(11, 0);  // 11 o'clock is due, and the leader has not come to it.
  const Decision resume = Do(ResumeSchedule{key_});
  EXPECT_EQ(resume.audit.action, "schedule.resume");
  EXPECT_EQ(stored_.schedule.state, ScheduleState::kEnabled);
  ASSERT_EQ(resume.fires.size(), 1u);
  EXPECT_EQ(resume.fires[0].key.due_at, Hour(11));
  EXPECT_EQ(resume.fires[0].state, FireState::kSkipped);
  EXPECT_EQ(resume.fires[0].reason, FireReason::kShadow);
  EXPECT_THAT(Tick(), IsEmpty());
  SetTime(12, 0);
  const std::vector<Fire> fired = Tick();
  ASSERT_EQ(fired.size(), 1u);
  EXPECT_EQ(fired[0].key.due_at, Hour(12));
  EXPECT_EQ(fired[0].state, FireState::kPending);
  EXPECT_EQ(stored_.cursor.fires, 1);
}

// A leader that does not know of it yet plans from the watermark it has seen.
TEST_F(ShadowTest, APlanMadeBeforeAChangeIsRefusedAlsoIfTheLeadersClockIsAhead) {
  SetTime(9, 0);
  Tick();
  for (const MutationAction& change :
       {MutationAction(ResumeSchedule{key_}), MutationAction(ShadowSchedule{key_}),
        MutationAction(PauseSchedule{key_, "", absl::InfiniteFuture()})}) {
    const absl::Time planned_from = stored_.cursor.watermark;
    now_ = planned_from - absl::Milliseconds(20);  // Of the node that takes the change.
    EXPECT_THAT(Do(change).fires, IsEmpty());
    EXPECT_GT(stored_.cursor.watermark, planned_from);
    EXPECT_LT(stored_.cursor.watermark, planned_from + absl::Milliseconds(1));
  }
}

TEST_F(ShadowTest, GoingBackToShadowFiresNothingMoreAndSkipsNothingSilently) {
  Do(ResumeSchedule{key_});
  SetTime(10, 30);  // 9 and 10 o'clock are not decided.
  const Decision shadow = Do(ShadowSchedule{key_});
  EXPECT_EQ(shadow.audit.action, "schedule.shadow");
  EXPECT_EQ(stored_.schedule.state, ScheduleState::kShadow);
  ASSERT_EQ(shadow.fires.size(), 1u);
  EXPECT_EQ(shadow.fires[0].reason, FireReason::kShadow);
  EXPECT_EQ(shadow.fires[0].count, 2);
  EXPECT_EQ(stored_.cursor.watermark, now_);
  EXPECT_EQ(Do(ShadowSchedule{key_}).effect, Decision::Effect::kNothing);
}

TEST_F(ShadowTest, APauseIsCountedAsOneUntilItsEnd) {
  Do(ResumeSchedule{key_});
  Do(PauseSchedule{key_, "", Hour(10) + absl::Minutes(30)});
  SetTime(12, 30);  // Nobody was there at 10:30 to resume it.
  const Decision shadow = Do(ShadowSchedule{key_});
  ASSERT_EQ(shadow.fires.size(), 2u);
  EXPECT_EQ(shadow.fires[0].reason, FireReason::kPaused);
  EXPECT_EQ(shadow.fires[0].count, 2);
  EXPECT_EQ(shadow.fires[1].reason, FireReason::kShadow);
  EXPECT_EQ(shadow.fires[1].count, 2);
  EXPECT_EQ(stored_.schedule.pause, std::nullopt);
}

TEST_F(ShadowTest, APauseKeepsTheShadowsTimesApartAndDoesNotEndByItself) {
  SetTime(9, 30);
  const Decision pause = Do(PauseSchedule{key_, "why", absl::InfiniteFuture()});
  ASSERT_EQ(pause.fires.size(), 1u);
  EXPECT_EQ(pause.fires[0].reason, FireReason::kShadow);
  EXPECT_EQ(stored_.schedule.state, ScheduleState::kPaused);
  Do(ShadowSchedule{key_});
  EXPECT_THAT(Try(&stored_, PauseSchedule{key_, "", now_ + absl::Hours(1)}),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("until_time")));
}

TEST_F(ShadowTest, AnEditKeepsItAndRefiresNothing) {
  SetTime(10, 30);
  Schedule values = HourlySchedule("a");
  std::get<CronSpec>(values.spec).expression = "*/10 * * * *";
  const Decision edit = Do(UpdateSchedule{key_, values, {"spec"}, ""});
  EXPECT_EQ(stored_.schedule.state, ScheduleState::kShadow);
  ASSERT_EQ(edit.fires.size(), 1u);
  EXPECT_EQ(edit.fires[0].reason, FireReason::kShadow);
  EXPECT_EQ(edit.fires[0].count, 2);
  EXPECT_EQ(stored_.cursor.watermark, now_);

  values.source.emplace();
  values.source->kind = "celery";
  values.source->locator = "proj:app";
  Do(UpdateSchedule{key_, values, {"source"}, ""});
  EXPECT_EQ(stored_.schedule.state, ScheduleState::kShadow);
  EXPECT_EQ(stored_.schedule.source->locator, "proj:app");
}

TEST_F(ShadowTest, ItCanBeFinishedAndThenNoMorePutInShadow) {
  Schedule once = OneShotSchedule("a", Hour(9));
  once.state = ScheduleState::kShadow;
  stored_ = Created(once);
  SetTime(9, 0);
  ASSERT_EQ(Tick().size(), 1u);
  Do(FinishSchedule{key_});
  EXPECT_EQ(stored_.schedule.state, ScheduleState::kFinished);
  EXPECT_THAT(Try(&stored_, ShadowSchedule{key_}), StatusIs(StatusCode::kFailedPrecondition));
}

TEST_F(ShadowTest, WhatCannotBeComputedIsNotPutInShadow) {
  Do(QuarantineSchedule{key_, "zone is gone"});
  EXPECT_THAT(Try(&stored_, ShadowSchedule{key_}),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("update it")));
  EXPECT_THAT(Try(nullptr, ShadowSchedule{key_}), StatusIs(StatusCode::kNotFound));
}

TEST_F(ShadowTest, ATriggerRunsAllTheSame) {
  const Decision trigger = Do(TriggerSchedule{key_, "", ""});
  ASSERT_EQ(trigger.fires.size(), 1u);
  EXPECT_EQ(trigger.fires[0].state, FireState::kPending);
  EXPECT_EQ(stored_.schedule.state, ScheduleState::kShadow);
}

}  // namespace
}  // namespace z4j::scheduler
