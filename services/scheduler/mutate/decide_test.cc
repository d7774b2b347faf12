#include "services/scheduler/mutate/decide.h"

#include <gtest/gtest.h>

#include "services/base/field_error.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/mutate/testing/sample_mutations.h"
#include "services/scheduler/store/codec.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Uuid kFreshId{{7, 7, 7}};

MATCHER_P(FaultsField, field, "") {
  const auto violations = FieldViolationsOf(arg.status());
  *result_listener << arg.status();
  return !violations.empty() && violations[0].field == field;
}

// Starts at 2026-03-10 08:30 UTC with revision 1; each decision takes the next.
class DecideTest : public testing::Test {
 protected:
  absl::StatusOr<Decision> TryOn(const StoredSchedule* current, MutationAction action,
                                 std::string request_id = "") {
    return Decide(current, ByAnn(std::move(action), std::move(request_id)),
                  {now_, ++revision_, kFreshId});
  }
  StoredSchedule Created(Schedule schedule) {
    auto decision = TryOn(nullptr, CreateSchedule{std::move(schedule)});
    EXPECT_OK(decision);
    return *decision->result.schedule;
  }
  // Decides on `stored` and takes up the result.
  Decision On(StoredSchedule& stored, MutationAction action) {
    auto decision = TryOn(&stored, std::move(action));
    EXPECT_OK(decision);
    if (decision->result.schedule.has_value()) stored = *decision->result.schedule;
    return *decision;
  }
  Decision Update(StoredSchedule& stored, Schedule values, std::set<std::string> mask) {
    return On(stored, UpdateSchedule{key_, std::move(values), std::move(mask), ""});
  }

  const absl::Time start_ =
      absl::FromCivil(absl::CivilMinute(2026, 3, 10, 8, 30), absl::UTCTimeZone());
  absl::Time now_ = start_;
  int64_t revision_ = 0;
  const ScheduleKey key_ = SampleKey("a");
};

TEST_F(DecideTest, CreationSetsWhatTheServerSets) {
  Schedule given = HourlySchedule("a");
  given.id = {Uuid{{9}}};
  given.revision = 99;
  given.state_reason = "made up";
  const StoredSchedule stored = Created(given);
  EXPECT_EQ(stored.schedule.id.value, kFreshId);
  EXPECT_EQ(stored.schedule.created_at, now_);
  EXPECT_EQ(stored.schedule.updated_at, now_);
  EXPECT_EQ(stored.schedule.revision, 1);
  EXPECT_EQ(stored.schedule.state, ScheduleState::kEnabled);
  EXPECT_EQ(stored.schedule.state_reason, "");
  EXPECT_EQ(stored.cursor.watermark, now_);
  EXPECT_EQ(EtagOf(stored.schedule), "\"1\"");
}

TEST_F(DecideTest, CreationIsAuditedWithWhoAndWhat) {
  ASSERT_OK_AND_ASSIGN(const Decision decision,
                       TryOn(nullptr, CreateSchedule{HourlySchedule("a")}, "r-1"));
  EXPECT_EQ(decision.audit.action, "schedule.create");
  EXPECT_EQ(decision.audit.resource, "projects/default/schedules/a");
  EXPECT_EQ(decision.audit.actor, "cli:ann");
  EXPECT_EQ(decision.audit.source, "127.0.0.1:5000");
  EXPECT_EQ(decision.audit.request_id, "r-1");
  EXPECT_EQ(decision.audit.at, now_);
  EXPECT_EQ(decision.audit.before, "");
  EXPECT_EQ(decision.audit.after, EncodeSchedule(decision.result.schedule->schedule));
}

TEST_F(DecideTest, ATakenNameIsRefusedByItsName) {
  const StoredSchedule stored = Created(HourlySchedule("a"));
  EXPECT_THAT(TryOn(&stored, CreateSchedule{HourlySchedule("a")}),
              StatusIs(StatusCode::kAlreadyExists, HasSubstr("projects/default/schedules/a")));
}

TEST_F(DecideTest, AnIntervalWithoutAnchorStartsAtItsCreation) {
  Schedule given = HourlySchedule("a");
  given.spec = IntervalSpec{absl::Minutes(7), absl::InfinitePast()};
  StoredSchedule stored = Created(given);
  EXPECT_EQ(std::get<IntervalSpec>(stored.schedule.spec).anchor, start_);

  // Neither does an edit shift its grid.
  now_ += absl::Minutes(10);
  given.spec = IntervalSpec{absl::Minutes(9), absl::InfinitePast()};
  Update(stored, given, {"spec"});
  EXPECT_EQ(std::get<IntervalSpec>(stored.schedule.spec).anchor, start_);
}

TEST_F(DecideTest, AOneShotInThePastFiresAtOnceAndSaysSo) {
  ASSERT_OK_AND_ASSIGN(const Decision decision,
                       TryOn(nullptr, CreateSchedule{OneShotSchedule("a", now_ - absl::Hours(5))}));
  EXPECT_THAT(decision.result.notes, ElementsAre(HasSubstr("at once")));
  EXPECT_TRUE(HasFuture(*decision.result.schedule));
  EXPECT_LT(decision.result.schedule->cursor.watermark, now_ - absl::Hours(5));
}

TEST_F(DecideTest, AScheduleCanBeCreatedPaused) {
  Schedule given = HourlySchedule("a");
  given.state = ScheduleState::kPaused;
  given.pause = Pause{"not yet", "someone else", absl::InfinitePast(), absl::InfiniteFuture()};
  const StoredSchedule stored = Created(given);
  EXPECT_EQ(stored.schedule.pause, (Pause{"not yet", "cli:ann", now_, absl::InfiniteFuture()}));
  given.pause->until = now_;
  EXPECT_THAT(TryOn(nullptr, CreateSchedule{given}), FaultsField("pause.until_time"));
}

TEST_F(DecideTest, BadInputIsRefusedWithItsField) {
  Schedule bad = HourlySchedule("a");
  bad.time_zone = "Mars/Olympus";
  EXPECT_THAT(TryOn(nullptr, CreateSchedule{bad}), FaultsField("time_zone"));
  StoredSchedule stored = Created(HourlySchedule("a"));
  EXPECT_THAT(TryOn(&stored, UpdateSchedule{key_, bad, {"time_zone"}, ""}),
              FaultsField("time_zone"));
  EXPECT_THAT(TryOn(&stored, UpdateSchedule{key_, bad, {"colour"}, ""}),
              FaultsField("update_mask"));
  EXPECT_THAT(TryOn(&stored, UpdateSchedule{key_, bad, {"name"}, ""}), FaultsField("update_mask"));
  EXPECT_THAT(TryOn(&stored, PauseSchedule{key_, "why", now_}), FaultsField("until_time"));
  EXPECT_THAT(TryOn(&stored, TriggerSchedule{key_, "{}", ""}), FaultsField("args_json"));
  EXPECT_THAT(TryOn(&stored, TriggerSchedule{key_, "", "[1"}), FaultsField("kwargs_json"));
  // As deep as a schedule's own and no deeper: readers in other languages recurse.
  const std::string deep = std::string(65, '[') + std::string(65, ']');
  EXPECT_THAT(TryOn(&stored, TriggerSchedule{key_, deep, ""}), FaultsField("args_json"));
  const std::string large = "[\"" + std::string(kPayloadBytesMax, 'x') + "\"]";
  EXPECT_THAT(TryOn(&stored, TriggerSchedule{key_, large, ""}), FaultsField("args_json"));
}

TEST_F(DecideTest, WhatDoesNotExistIsNotFound) {
  EXPECT_THAT(TryOn(nullptr, UpdateSchedule{key_, HourlySchedule("a"), {}, ""}),
              StatusIs(StatusCode::kNotFound, HasSubstr("projects/default/schedules/a")));
  EXPECT_THAT(TryOn(nullptr, PauseSchedule{key_, "", absl::InfiniteFuture()}),
              StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(TryOn(nullptr, DeleteSchedule{key_, "", false}), StatusIs(StatusCode::kNotFound));
  ASSERT_OK_AND_ASSIGN(const Decision decision, TryOn(nullptr, DeleteSchedule{key_, "", true}));
  EXPECT_EQ(decision.effect, Decision::Effect::kNothing);
}

TEST_F(DecideTest, AStaleEtagIsAbortedAndSaysToRead) {
  StoredSchedule stored = Created(HourlySchedule("a"));
  const std::string etag = EtagOf(stored.schedule);
  Update(stored, HourlySchedule("a"), {"description"});
  EXPECT_THAT(TryOn(&stored, UpdateSchedule{key_, HourlySchedule("a"), {"task"}, etag}),
              StatusIs(StatusCode::kAborted, HasSubstr("read it again")));
  EXPECT_THAT(TryOn(&stored, DeleteSchedule{key_, etag, true}), StatusIs(StatusCode::kAborted));
  EXPECT_OK(TryOn(&stored, DeleteSchedule{key_, EtagOf(stored.schedule), false}));
}

TEST_F(DecideTest, AnUpdateTakesTheMaskedFieldsAlone) {
  StoredSchedule stored = Created(HourlySchedule("a"));
  Schedule values = HourlySchedule("b");
  values.task = "app.tasks.other";
  values.queue = "slow";
  values.start_at = now_;
  const Decision decision = Update(stored, values, {"task", "start_time"});
  EXPECT_EQ(stored.schedule.task, "app.tasks.other");
  EXPECT_EQ(stored.schedule.start_at, now_);
  EXPECT_EQ(stored.schedule.queue, "");
  EXPECT_EQ(stored.schedule.name, "a");
  EXPECT_THAT(decision.audit.before, HasSubstr("app.tasks.report"));
  EXPECT_THAT(decision.audit.after, HasSubstr("app.tasks.other"));

  Update(stored, HourlySchedule("a"), {});
  EXPECT_EQ(stored.schedule.task, "app.tasks.report");
  EXPECT_EQ(stored.schedule.start_at, std::nullopt);
}

TEST_F(DecideTest, AnEditOfTheSpecNeverFiresThePastAndSkipsNothingSilently) {
  StoredSchedule stored = Created(HourlySchedule("a"));
  now_ += absl::Minutes(150);  // 11:00: 9, 10 and 11 o'clock are undecided.
  Schedule values = HourlySchedule("a");
  std::get<CronSpec>(values.spec).expression = "*/10 * * * *";
  const Decision decision = Update(stored, values, {"spec"});
  ASSERT_EQ(decision.fires.size(), 1u);
  EXPECT_EQ(decision.fires[0].state, FireState::kSkipped);
  EXPECT_EQ(decision.fires[0].reason, FireReason::kEdited);
  EXPECT_EQ(decision.fires[0].count, 3);
  EXPECT_EQ(decision.fires[0].key.due_at, now_);
  EXPECT_EQ(stored.cursor.watermark, now_);
}

TEST_F(DecideTest, AnEditThatLeavesTheDueTimesLeavesTheWatermark) {
  StoredSchedule stored = Created(HourlySchedule("a"));
  const absl::Time watermark = stored.cursor.watermark;
  now_ += absl::Hours(3);
  Schedule values = HourlySchedule("a");
  values.task = "app.tasks.other";
  const Decision decision = Update(stored, values, {});
  EXPECT_THAT(decision.fires, IsEmpty());
  EXPECT_EQ(stored.cursor.watermark, watermark);
}

TEST_F(DecideTest, AFinishedScheduleThatIsGivenATimeComesBack) {
  StoredSchedule stored = Created(OneShotSchedule("a", now_ + absl::Minutes(1)));
  now_ += absl::Minutes(5);
  stored.cursor.watermark = now_ - absl::Minutes(4);
  On(stored, FinishSchedule{key_});
  EXPECT_EQ(stored.schedule.state, ScheduleState::kFinished);

  Decision decision = Update(stored, OneShotSchedule("a", now_ - absl::Minutes(1)), {"spec"});
  EXPECT_EQ(stored.schedule.state, ScheduleState::kFinished);
  EXPECT_THAT(decision.result.notes, ElementsAre(HasSubstr("never fires a past")));

  decision = Update(stored, OneShotSchedule("a", now_ + absl::Minutes(1)), {"spec"});
  EXPECT_EQ(stored.schedule.state, ScheduleState::kEnabled);
  EXPECT_THAT(decision.result.notes, IsEmpty());
  EXPECT_THAT(decision.fires, IsEmpty());
}

TEST_F(DecideTest, OnlyWhatIsAtItsEndIsFinished) {
  StoredSchedule stored = Created(HourlySchedule("a"));
  EXPECT_THAT(TryOn(&stored, FinishSchedule{key_}), StatusIs(StatusCode::kFailedPrecondition));
  stored = Created(OneShotSchedule("a", now_));
  stored.cursor.watermark = now_;
  On(stored, FinishSchedule{key_});
  EXPECT_EQ(On(stored, FinishSchedule{key_}).effect, Decision::Effect::kNothing);
  EXPECT_THAT(TryOn(&stored, PauseSchedule{key_, "", absl::InfiniteFuture()}),
              StatusIs(StatusCode::kFailedPrecondition));
}

TEST_F(DecideTest, APauseKeepsItsStartAndTakesTheNewReason) {
  StoredSchedule stored = Created(HourlySchedule("a"));
  On(stored, PauseSchedule{key_, "first", absl::InfiniteFuture()});
  now_ += absl::Minutes(1);
  On(stored, PauseSchedule{key_, "second", now_ + absl::Hours(1)});
  EXPECT_EQ(stored.schedule.pause, (Pause{"second", "cli:ann", start_, now_ + absl::Hours(1)}));
  EXPECT_EQ(stored.schedule.state, ScheduleState::kPaused);
}

TEST_F(DecideTest, ResumingCountsTheTimesOfThePauseInOneRow) {
  StoredSchedule stored = Created(HourlySchedule("a"));
  now_ += absl::Minutes(60);  // 9:30; 9:00 was not decided yet.
  const Decision pause = On(stored, PauseSchedule{key_, "", absl::InfiniteFuture()});
  ASSERT_EQ(pause.fires.size(), 1u);
  EXPECT_EQ(pause.fires[0].reason, FireReason::kPaused);
  EXPECT_EQ(stored.cursor.watermark, now_);

  now_ += absl::Hours(24);
  const Decision resume = On(stored, ResumeSchedule{key_});
  ASSERT_EQ(resume.fires.size(), 1u);
  EXPECT_EQ(resume.fires[0].reason, FireReason::kPaused);
  EXPECT_EQ(resume.fires[0].count, 24);
  EXPECT_EQ(stored.cursor.watermark, now_);
  EXPECT_EQ(stored.schedule.state, ScheduleState::kEnabled);
  EXPECT_EQ(stored.schedule.pause, std::nullopt);
  EXPECT_THAT(TryOn(&stored, ResumeSchedule{key_}), StatusIs(StatusCode::kFailedPrecondition));
}

TEST_F(DecideTest, APauseThatEndedByItselfSwallowsNothingAfterItsEnd) {
  StoredSchedule stored = Created(HourlySchedule("a"));
  const absl::Time until = start_ + absl::Hours(2);  // 10:30
  On(stored, PauseSchedule{key_, "", until});
  now_ = start_ + absl::Hours(3);  // Nobody was there at 10:30 to resume it.
  const Decision resume = On(stored, ResumeSchedule{key_});
  ASSERT_EQ(resume.fires.size(), 1u);
  EXPECT_EQ(resume.fires[0].count, 2);
  EXPECT_EQ(stored.cursor.watermark, until);  // 11:00 is still to be decided.
}

TEST_F(DecideTest, TheLoopResumesOnlyAPauseThatIsOver) {
  StoredSchedule stored = Created(HourlySchedule("a"));
  const ResumeSchedule by_loop{key_, /*if_expired=*/true};
  EXPECT_THAT(TryOn(&stored, by_loop), StatusIs(StatusCode::kFailedPrecondition));
  On(stored, PauseSchedule{key_, "", now_ + absl::Hours(1)});
  EXPECT_THAT(TryOn(&stored, by_loop), StatusIs(StatusCode::kFailedPrecondition));
  now_ += absl::Hours(1);
  On(stored, by_loop);
  EXPECT_EQ(stored.schedule.state, ScheduleState::kEnabled);
  On(stored, QuarantineSchedule{key_, "why"});
  EXPECT_THAT(TryOn(&stored, by_loop), StatusIs(StatusCode::kFailedPrecondition));
}

TEST_F(DecideTest, QuarantineIsLeftByResumingOrEditing) {
  StoredSchedule stored = Created(HourlySchedule("a"));
  On(stored, QuarantineSchedule{key_, "zone is gone"});
  EXPECT_EQ(stored.schedule.state, ScheduleState::kQuarantined);
  EXPECT_EQ(stored.schedule.state_reason, "zone is gone");
  StoredSchedule edited = stored;
  Update(edited, HourlySchedule("a"), {"task"});
  EXPECT_EQ(edited.schedule.state, ScheduleState::kEnabled);
  EXPECT_EQ(edited.schedule.state_reason, "");

  StoredSchedule broken = stored;
  broken.schedule.time_zone = "Mars/Olympus";
  EXPECT_THAT(TryOn(&broken, ResumeSchedule{key_}),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("Mars/Olympus")));
  On(stored, ResumeSchedule{key_});
  EXPECT_EQ(stored.schedule.state, ScheduleState::kEnabled);
  EXPECT_EQ(stored.schedule.state_reason, "");
}

TEST_F(DecideTest, ATriggerFiresNowAlsoWhilePausedAndLeavesTheSchedule) {
  StoredSchedule stored = Created(HourlySchedule("a"));
  On(stored, PauseSchedule{key_, "", absl::InfiniteFuture()});
  const StoredSchedule before = stored;
  const Decision decision = On(stored, TriggerSchedule{key_, "[1]", "{\"a\":2}"});
  EXPECT_EQ(stored, before);
  EXPECT_EQ(decision.effect, Decision::Effect::kFireOnly);
  ASSERT_EQ(decision.fires.size(), 1u);
  const Fire& fire = decision.fires[0];
  EXPECT_EQ(decision.result.fire, fire);
  EXPECT_EQ(fire.kind, FireKind::kManual);
  EXPECT_EQ(fire.state, FireState::kPending);
  EXPECT_EQ(fire.key, (FireKey{before.schedule.id, now_, kFreshId}));
  EXPECT_EQ(fire.id, MakeFireId(fire.key));
  EXPECT_EQ(fire.args_json, "[1]");
  EXPECT_THAT(decision.audit.after, HasSubstr(fire.id.ToString()));
}

TEST_F(DecideTest, ATriggersKeyFollowsFromItsRequestId) {
  const StoredSchedule stored = Created(HourlySchedule("a"));
  const TriggerSchedule trigger{key_, "", ""};
  ASSERT_OK_AND_ASSIGN(const Decision one, TryOn(&stored, trigger, "r-1"));
  ASSERT_OK_AND_ASSIGN(const Decision again, TryOn(&stored, trigger, "r-1"));
  ASSERT_OK_AND_ASSIGN(const Decision other, TryOn(&stored, trigger, "r-2"));
  EXPECT_EQ(one.fires[0].key, again.fires[0].key);
  EXPECT_NE(one.fires[0].key.trigger, other.fires[0].key.trigger);
  EXPECT_NE(one.fires[0].key.trigger, kFreshId);
}

TEST_F(DecideTest, ACancellationNamesItsFire) {
  const CancelFire cancel{{{Uuid{{1}}}, now_, {}}, {Uuid{{2}}}, key_};
  ASSERT_OK_AND_ASSIGN(const Decision decision, TryOn(nullptr, cancel));
  EXPECT_THAT(decision.cancelled, ElementsAre(cancel.key));
  EXPECT_EQ(decision.audit.resource, "projects/default/fires/" + cancel.id.ToString());
  EXPECT_EQ(decision.audit.schedule, cancel.key.schedule);
}

}  // namespace
}  // namespace z4j::scheduler
