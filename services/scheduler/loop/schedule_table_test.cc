#include "services/scheduler/loop/schedule_table.h"

#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/loop/testing/loop_world.h"

namespace z4j::scheduler {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

CronSpec CronOf(const std::string& expression) {
  CronSpec cron;
  cron.expression = expression;
  return cron;
}

class ScheduleTableTest : public testing::Test {
 protected:
  StoredSchedule Make(int number) {
    return {world_.Make(number), {.watermark = kStart, .fires = 0}};
  }
  std::vector<ScheduleTable::Slot> Pop(absl::Time now) {
    std::vector<ScheduleTable::Slot> due;
    table_.PopDue(now, 100, &due);
    return due;
  }
  LoopWorld world_{kStart};
  ScheduleTable table_;
};

TEST_F(ScheduleTableTest, UnpacksEverythingThatDispatchingNeeds) {
  StoredSchedule stored = Make(1);
  Schedule& schedule = stored.schedule;
  schedule.args_json = "[1, \"é\"]";
  schedule.kwargs_json = "{\"a\": 300}";
  schedule.queue = "mail";
  schedule.priority = -7;
  schedule.expires = absl::Hours(5);
  schedule.retry = {3, absl::Milliseconds(10), absl::Hours(1)};
  schedule.engine_options = {{"routing_key", "\"x\""}, {"shadow", "null"}};
  schedule.catch_up_window = absl::Minutes(9);
  ASSERT_OK(table_.Upsert(stored));
  const auto target = table_.TargetOf(table_.Find(schedule.id));
  EXPECT_EQ(target->engine, "celery");
  EXPECT_EQ(target->retry, schedule.retry);
  EXPECT_EQ(target->catch_up_window, schedule.catch_up_window);
  EXPECT_EQ(target->task->schedule_name, "projects/default/schedules/s1");
  EXPECT_EQ(target->task->task, schedule.task);
  EXPECT_EQ(target->task->args_json, schedule.args_json);
  EXPECT_EQ(target->task->kwargs_json, schedule.kwargs_json);
  EXPECT_EQ(target->task->queue, "mail");
  EXPECT_EQ(target->task->priority, -7);
  EXPECT_EQ(target->task->expires, absl::Hours(5));
  EXPECT_EQ(target->task->engine_options, schedule.engine_options);
}

TEST_F(ScheduleTableTest, TemplatesWithTheSameContentHaveTheSameId) {
  StoredSchedule stored = Make(1);
  ASSERT_OK(table_.Upsert(stored));
  const ScheduleTable::Slot slot = table_.Find(stored.schedule.id);
  const uint64_t id = table_.TargetOf(slot)->task->id;
  EXPECT_EQ(table_.TargetOf(slot, "", "")->task->id, id);
  EXPECT_NE(table_.TargetOf(slot, "[2]", "")->task->id, id);
  stored.schedule.description = "says nothing to the engine";
  ASSERT_OK(table_.Upsert(stored));
  EXPECT_EQ(table_.TargetOf(slot)->task->id, id);
  stored.schedule.priority = 3;
  ASSERT_OK(table_.Upsert(stored));
  EXPECT_NE(table_.TargetOf(slot)->task->id, id);
}

TEST_F(ScheduleTableTest, EqualCronsShareOneRecurrence) {
  StoredSchedule first = Make(1), second = Make(2);
  first.schedule.spec = second.schedule.spec = CronOf("0 3 * * *");
  ASSERT_OK(table_.Upsert(first));
  ASSERT_OK(table_.Upsert(second));
  const auto a = table_.Get(table_.Find(LoopWorld::IdOf(1)));
  const auto b = table_.Get(table_.Find(LoopWorld::IdOf(2)));
  EXPECT_EQ(a.recurrence, b.recurrence);
  EXPECT_EQ(a.policy, b.policy);
}

TEST_F(ScheduleTableTest, EachIntervalAndOneShotIsDueOnItsOwnGrid) {
  constexpr int kIntervals = 500;
  for (int i = 0; i < kIntervals; ++i) {
    StoredSchedule stored = Make(i);
    stored.schedule.spec =
        IntervalSpec{absl::Hours(1), kStart + absl::Seconds(i), Arithmetic::kAbsolute};
    ASSERT_OK(table_.Upsert(stored));
  }
  StoredSchedule once = Make(kIntervals);
  once.schedule.spec = OneShotSpec{kStart + absl::Minutes(30)};
  ASSERT_OK(table_.Upsert(once));
  for (int i = 0; i < kIntervals; ++i) {
    const auto view = table_.Get(table_.Find(LoopWorld::IdOf(i)));
    EXPECT_EQ(view.recurrence->NextAfter(kStart + absl::Minutes(30)),
              kStart + absl::Hours(1) + absl::Seconds(i));
  }
  const auto view = table_.Get(table_.Find(once.schedule.id));
  EXPECT_EQ(view.recurrence->NextAfter(kStart), kStart + absl::Minutes(30));
  EXPECT_EQ(view.recurrence->NextAfter(kStart + absl::Minutes(30)), absl::InfiniteFuture());
}

TEST_F(ScheduleTableTest, AnEditChangesTheKindOfSpecAndNoOtherSchedule) {
  StoredSchedule edited = Make(1), other_interval = Make(2), other_cron = Make(3);
  other_interval.schedule.spec =
      IntervalSpec{absl::Hours(1), kStart + absl::Seconds(7), Arithmetic::kAbsolute};
  other_cron.schedule.spec = CronOf("0 3 * * *");
  for (const auto& stored : {other_interval, other_cron}) ASSERT_OK(table_.Upsert(stored));
  const auto next = [&](const StoredSchedule& stored) {
    const auto view = table_.Get(table_.Find(stored.schedule.id));
    return view.recurrence == nullptr ? absl::InfinitePast() : view.recurrence->NextAfter(kStart);
  };
  const absl::Time interval_due = next(other_interval), cron_due = next(other_cron);
  const absl::Time at = kStart + absl::Minutes(9);
  for (int round = 0; round < 3; ++round) {
    edited.schedule.spec = other_cron.schedule.spec;
    ASSERT_OK(table_.Upsert(edited));
    EXPECT_EQ(next(edited), cron_due);
    edited.schedule.spec = OneShotSpec{at};
    ASSERT_OK(table_.Upsert(edited));
    EXPECT_EQ(next(edited), at);
    edited.schedule.spec = CronOf("no cron");
    EXPECT_THAT(table_.Upsert(edited), StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(next(edited), absl::InfinitePast()) << "of what it was before, nothing is left";
    table_.Remove(edited.schedule.id);
    EXPECT_EQ(next(other_interval), interval_due);
    EXPECT_EQ(next(other_cron), cron_due);
  }
}

TEST_F(ScheduleTableTest, SlotsOfRemovedSchedulesAreUsedAgain) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_OK(table_.Upsert(Make(i)));
    EXPECT_EQ(table_.Find(LoopWorld::IdOf(i)), 0);
    table_.Remove(LoopWorld::IdOf(i));
    EXPECT_EQ(table_.Find(LoopWorld::IdOf(i)), ScheduleTable::kNoSlot);
  }
  EXPECT_EQ(table_.size(), 0);
  EXPECT_EQ(table_.NextWake(), absl::InfiniteFuture());
}

TEST_F(ScheduleTableTest, TheCursorNeverMovesBack) {
  StoredSchedule stored = Make(1);
  ASSERT_OK(table_.Upsert(stored));
  const ScheduleTable::Slot slot = table_.Find(stored.schedule.id);
  const Cursor ahead = {.watermark = kStart + absl::Minutes(5), .fires = 5};
  table_.Advance(slot, ahead, kStart + absl::Minutes(6));
  ASSERT_OK(table_.Upsert(stored));  // As it was read before.
  EXPECT_EQ(table_.Get(slot).cursor, ahead);
  EXPECT_THAT(Pop(kStart + absl::Minutes(5)), testing::IsEmpty());
  EXPECT_THAT(Pop(kStart + absl::Minutes(6)), testing::ElementsAre(slot));
}

TEST_F(ScheduleTableTest, ARefreshTakesTheCursorOfTheStoreAsItIs) {
  const StoredSchedule stored = Make(1);
  ASSERT_OK(table_.Upsert(stored));
  const ScheduleTable::Slot slot = table_.Find(stored.schedule.id);
  table_.Advance(slot, {.watermark = kStart + absl::Minutes(5), .fires = 5},
                 absl::InfiniteFuture());
  table_.Refresh(slot, stored.cursor);
  EXPECT_EQ(table_.Get(slot).cursor, stored.cursor);
  EXPECT_LE(table_.NextWake(), kStart + absl::Minutes(1));
}

TEST_F(ScheduleTableTest, OnlyEnabledOnesAndEndingPausesAreDue) {
  StoredSchedule finished = Make(1), paused = Make(2), until = Make(3);
  finished.schedule.state = ScheduleState::kFinished;
  paused.schedule.state = until.schedule.state = ScheduleState::kPaused;
  paused.schedule.pause = Pause();
  until.schedule.pause =
      Pause{.reason = "", .actor = "", .since = kStart, .until = kStart + absl::Hours(1)};
  for (const StoredSchedule& stored : {finished, paused, until}) ASSERT_OK(table_.Upsert(stored));
  EXPECT_EQ(table_.NextWake() <= kStart + absl::Hours(1), true);
  EXPECT_THAT(Pop(kStart + absl::Hours(2)), testing::ElementsAre(table_.Find(until.schedule.id)));
  EXPECT_EQ(table_.CountOf(ScheduleState::kPaused), 2);
  EXPECT_EQ(table_.CountOf(ScheduleState::kFinished), 1);
}

TEST_F(ScheduleTableTest, HoldsWhatCannotBeComputedWithoutEverBeingDue) {
  StoredSchedule bad = Make(1);
  bad.schedule.time_zone = "Mars/Olympus";
  EXPECT_THAT(table_.Upsert(bad), StatusIs(absl::StatusCode::kInvalidArgument));
  const ScheduleTable::Slot slot = table_.Find(bad.schedule.id);
  EXPECT_EQ(table_.Get(slot).recurrence, nullptr);
  EXPECT_EQ(table_.KeyOf(slot).name, "s1");
  EXPECT_EQ(table_.NextWake(), absl::InfiniteFuture());
}

}  // namespace
}  // namespace z4j::scheduler
