#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "services/scheduler/store/contract/schedule_store_contract.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST_P(ScheduleStoreContract, ReturnsEveryFieldOfAFireAsItWasWritten) {
  Lead();
  Insert({Sample("a")});
  Fire full = AutomaticFire(Sample("a").schedule.id, At(5.000001));
  full.kind = FireKind::kCatchUp;
  full.state = FireState::kSkipped;
  full.reason = FireReason::kCatchUpPolicy;
  full.dispatch_after = At(5.000002);
  full.decided_at = At(5.000003);
  full.dispatched_at = At(5.000004);
  full.started_at = At(5.000005);
  full.finished_at = At(5.000006);
  full.attempts = 3;
  full.error = "Fehler: 世界 ' \" \\ \n" + std::string(4000, 'e');
  full.adapter = "celery@häst";
  full.count = int64_t{1} << 33;
  full.first_due_at = At(-1e6);
  full.args_json = R"(["ü"])";
  full.kwargs_json = "{}";
  full.run = 7;
  full.retry_of = {Uuid::Random()};
  const Fire plain = AutomaticFire(Sample("a").schedule.id, At(5.000002));
  Commit({full, plain});
  EXPECT_EQ(Read(full), full);
  EXPECT_EQ(Read(plain), plain);
}

TEST_P(ScheduleStoreContract, ACommitWritesFiresAndCursorsTogether) {
  Lead();
  Insert({Sample("a"), Sample("b"), Sample("c")});
  FireBatch batch;
  batch.fires = {AutomaticFire(Sample("a").schedule.id, At(1)),
                 AutomaticFire(Sample("a").schedule.id, At(2)),
                 AutomaticFire(Sample("b").schedule.id, At(1.000001))};
  batch.cursors = {{.schedule = Sample("a").schedule.id, .cursor = {At(2), 2}},
                   {.schedule = Sample("b").schedule.id, .cursor = {At(1.000001), 1}},
                   {.schedule = Sample("c").schedule.id, .cursor = {At(1), 0}}};
  ASSERT_OK_AND_ASSIGN(const CommitResult result, store_->CommitFires(kToken, batch));
  EXPECT_THAT(result.advanced, ElementsAre(true, true, true));
  EXPECT_GT(result.batch_id, 0);
  for (const Fire& fire : batch.fires) EXPECT_EQ(Read(fire), fire);
  EXPECT_EQ(store_->GetSchedule({"p", "a"})->cursor, (Cursor{At(2), 2}));
  EXPECT_EQ(store_->GetSchedule({"p", "b"})->cursor, (Cursor{At(1.000001), 1}));
  EXPECT_EQ(store_->GetSchedule({"p", "c"})->cursor, (Cursor{At(1), 0}));
}

TEST_P(ScheduleStoreContract, SendingACommitAgainWritesNothingTwice) {
  Lead();
  Insert({Sample("a")});
  const Fire fire = AutomaticFire(Sample("a").schedule.id, At(1));
  EXPECT_THAT(Commit({fire}).advanced, ElementsAre(true));
  ASSERT_OK(store_->UpdateFires(kToken, {UpdateOf(fire, FireState::kDispatched, At(2))}, {}));
  EXPECT_THAT(Commit({fire}).advanced, ElementsAre(false));
  EXPECT_EQ(Read(fire).state, FireState::kDispatched);
  EXPECT_THAT(Pending(), IsEmpty());
  FireQuery query;
  query.project = "p";
  EXPECT_THAT(ListAllFires(query, 10), SizeIs(1));
}

TEST_P(ScheduleStoreContract, AWatermarkNeverMovesBack) {
  Lead();
  Insert({Sample("a"), Sample("b")});
  Commit({AutomaticFire(Sample("a").schedule.id, At(5))});
  const Fire late = AutomaticFire(Sample("a").schedule.id, At(4));
  FireBatch batch;
  batch.fires = {late, AutomaticFire(Sample("b").schedule.id, At(4))};
  batch.cursors = {{.schedule = Sample("a").schedule.id, .cursor = {At(4), 9}},
                   {.schedule = Sample("b").schedule.id, .cursor = {At(4), 1}}};
  ASSERT_OK_AND_ASSIGN(const CommitResult result, store_->CommitFires(kToken, batch));
  EXPECT_THAT(result.advanced, ElementsAre(false, true));  // One does not disturb the other.
  EXPECT_THAT(store_->GetFire(late.id), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Read(batch.fires[1]), batch.fires[1]);
  EXPECT_EQ(store_->GetSchedule({"p", "a"})->cursor, (Cursor{At(5), 1}));
}

TEST_P(ScheduleStoreContract, AnEditThatWasFirstKeepsTheFireFromBeingWritten) {
  Lead();
  Insert({Sample("a")});
  WriteSet edit;
  edit.updated = {Sample("a").schedule};
  edit.watermarks = {{Sample("a").schedule.id, At(10)}};
  Write(edit, "schedule.update", Sample("a").schedule.id);
  const Fire fire = AutomaticFire(Sample("a").schedule.id, At(10));
  EXPECT_THAT(Commit({fire}).advanced, ElementsAre(false));
  EXPECT_THAT(store_->GetFire(fire.id), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(ScheduleStoreContract, APlanFromBeforeAnEditIsRefusedAlsoIfItReachesFurther) {
  Lead();
  Insert({Sample("a")});  // Its watermark is At(0).
  WriteSet edit;
  edit.watermarks = {{Sample("a").schedule.id, At(10)}};
  ASSERT_OK(TryWrite(edit));
  FireBatch batch;
  batch.fires = {AutomaticFire(Sample("a").schedule.id, At(11))};
  batch.cursors = {{Sample("a").schedule.id, {At(11), 1}, At(0)}};
  EXPECT_THAT(store_->CommitFires(kToken, batch)->advanced, ElementsAre(false));
  EXPECT_THAT(store_->GetFire(batch.fires[0].id), StatusIs(absl::StatusCode::kNotFound));
  batch.cursors[0].planned_from = At(10);
  EXPECT_THAT(store_->CommitFires(kToken, batch)->advanced, ElementsAre(true));
  EXPECT_EQ(Read(batch.fires[0]), batch.fires[0]);
}

TEST_P(ScheduleStoreContract, ADeletionThatWasFirstKeepsTheFireFromBeingWritten) {
  Lead();
  Insert({Sample("a")});
  Delete(Sample("a"));
  const Fire fire = AutomaticFire(Sample("a").schedule.id, At(10));
  EXPECT_THAT(Commit({fire}).advanced, ElementsAre(false));
  EXPECT_THAT(store_->GetFire(fire.id), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(ScheduleStoreContract, RefusesABatchThatFiresTooEarlyOrLacksACursor) {
  Lead();
  Insert({Sample("a")});
  FireBatch batch;
  batch.fires = {AutomaticFire(Sample("a").schedule.id, absl::Now() + absl::Hours(1))};
  EXPECT_THAT(store_->CommitFires(kToken, batch), StatusIs(absl::StatusCode::kInvalidArgument));
  batch.cursors = {{.schedule = Sample("a").schedule.id, .cursor = {batch.fires[0].key.due_at, 1}}};
  EXPECT_THAT(store_->CommitFires(kToken, batch), StatusIs(absl::StatusCode::kFailedPrecondition));
  // Nor is one in shadow recorded early: if it were resumed just before its time, nobody would
  // fire.
  batch.fires[0].state = FireState::kSkipped;
  batch.fires[0].reason = FireReason::kShadow;
  EXPECT_THAT(store_->CommitFires(kToken, batch), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(store_->GetSchedule({"p", "a"})->cursor, Sample("a").cursor);
  EXPECT_THAT(Pending(), IsEmpty());
}

TEST_P(ScheduleStoreContract, AManualTriggerNeitherCollidesWithNorSuppressesAnAutomaticFire) {
  Lead();
  Insert({Sample("a")});
  const Fire automatic = AutomaticFire(Sample("a").schedule.id, At(1));
  const Fire first = ManualFire(Sample("a").schedule.id, At(1), "r1");
  const Fire second = ManualFire(Sample("a").schedule.id, At(1), "r2");
  WriteSet write;
  write.fires = {first};
  Write(write, "schedule.trigger", first.key.schedule);
  EXPECT_THAT(Commit({automatic}).advanced, ElementsAre(true));
  write.fires = {second, first};  // The first again: left as it is.
  write.fires[1].error = "replaced";
  Write(write, "schedule.trigger", first.key.schedule);
  EXPECT_THAT(Pending(), ElementsAre(first, automatic, second));
  EXPECT_EQ(Read(first), first);
}

TEST_P(ScheduleStoreContract, FiresMoveForwardThroughTheirStatesOnly) {
  Lead();
  Fire fire = InsertWithFire("a", 1);
  auto send = [&](FireState state, double at) {
    FireUpdate update = UpdateOf(fire, state, At(at));
    update.reason = state == FireState::kFailed ? FireReason::kTaskFailed : FireReason::kNone;
    update.error = absl::StrCat("e", at);
    update.adapter = "celery-1";
    update.attempts = 2;
    ASSERT_OK(store_->UpdateFires(kToken, {update}, {}));
  };
  send(FireState::kRunning, 3.000001);
  fire.state = FireState::kRunning;
  fire.started_at = At(3.000001);
  fire.error = absl::StrCat("e", 3.000001);
  fire.adapter = "celery-1";
  fire.attempts = 2;
  EXPECT_EQ(Read(fire), fire);
  send(FireState::kDispatched, 4);  // Late.
  send(FireState::kPending, 4);
  EXPECT_EQ(Read(fire), fire);
  send(FireState::kFailed, 5.000001);
  fire.state = FireState::kFailed;
  fire.reason = FireReason::kTaskFailed;
  fire.finished_at = At(5.000001);
  fire.error = absl::StrCat("e", 5.000001);
  EXPECT_EQ(Read(fire), fire);
  for (FireState state :
       {FireState::kSucceeded, FireState::kFailed, FireState::kSkipped, FireState::kDispatched}) {
    send(state, 6);
    EXPECT_EQ(Read(fire), fire) << "final ones are not touched";
  }
}

TEST_P(ScheduleStoreContract, AWaitingFireGetsItsReasonAndLosesItWhenDispatched) {
  Lead();
  Fire fire = InsertWithFire("a", 1);
  FireUpdate wait = UpdateOf(fire, FireState::kPending, At(2));
  wait.reason = FireReason::kEngineUnavailable;
  wait.error = "broker down";
  wait.attempts = 4;
  wait.adapter = "celery-1";
  ASSERT_OK(store_->UpdateFires(kToken, {wait}, {}));
  fire.reason = FireReason::kEngineUnavailable;
  fire.error = "broker down";
  fire.attempts = 4;
  fire.adapter = "celery-1";
  EXPECT_EQ(Read(fire), fire);
  EXPECT_THAT(Pending(), ElementsAre(fire));
  ASSERT_OK(
      store_->UpdateFires(kToken, {UpdateOf(fire, FireState::kDispatched, At(3.000001))}, {}));
  fire.state = FireState::kDispatched;
  fire.dispatched_at = At(3.000001);
  fire.reason = FireReason::kNone;
  fire.error = "";  // Attempts and adapter were not given, so they stay.
  EXPECT_EQ(Read(fire), fire);
}

TEST_P(ScheduleStoreContract, FindsAFireByItsIdWhenTheKeyIsNotKnown) {
  Lead();
  const Fire fire = InsertWithFire("a", 1);
  FireUpdate update = UpdateOf(fire, FireState::kSucceeded, At(2));
  update.key = {};
  FireUpdate unknown = update;
  unknown.id.value = Uuid::Random();
  FireUpdate pruned = UpdateOf(AutomaticFire(fire.key.schedule, At(77)), FireState::kLost, At(2));
  ASSERT_OK(store_->UpdateFires(kToken, {unknown, pruned, update}, {}));
  EXPECT_EQ(Read(fire).state, FireState::kSucceeded);
  EXPECT_EQ(Read(fire).finished_at, At(2));
}

TEST_P(ScheduleStoreContract, UpdatesOfOneFireInOneCallAreTakenInTheirOrder) {
  Lead();
  const Fire fire = InsertWithFire("a", 1);
  ASSERT_OK(store_->UpdateFires(
      kToken,
      {UpdateOf(fire, FireState::kDispatched, At(2)), UpdateOf(fire, FireState::kRunning, At(3)),
       UpdateOf(fire, FireState::kSucceeded, At(4))},
      {}));
  const Fire after = Read(fire);
  EXPECT_EQ(after.state, FireState::kSucceeded);
  EXPECT_EQ(after.dispatched_at, At(2));
  EXPECT_EQ(after.started_at, At(3));
  EXPECT_EQ(after.finished_at, At(4));
}

TEST_P(ScheduleStoreContract, LoadsPendingFiresByWholeBatchesOldestDueFirst) {
  Lead();
  Insert({Sample("a"), Sample("b")});
  const ScheduleId a = Sample("a").schedule.id, b = Sample("b").schedule.id;
  FireBatch batch;
  batch.fires = {AutomaticFire(b, At(2)), AutomaticFire(a, At(1)), AutomaticFire(a, At(3))};
  batch.cursors = {{.schedule = b, .cursor = {At(2), 1}}, {.schedule = a, .cursor = {At(3), 2}}};
  ASSERT_OK_AND_ASSIGN(const CommitResult first, store_->CommitFires(kToken, batch));
  const CommitResult second = Commit({AutomaticFire(a, At(4))});
  const CommitResult third = Commit({AutomaticFire(b, At(5)), AutomaticFire(b, At(6))});
  ASSERT_LT(first.batch_id, second.batch_id);
  ASSERT_LT(second.batch_id, third.batch_id);

  auto load = [&](int64_t after, int limit) {
    std::vector<std::pair<int64_t, absl::Time>> found;
    const std::vector<PendingFire> pending = store_->LoadPending(after, limit).value();
    for (const PendingFire& one : pending) {
      found.emplace_back(one.batch_id, one.fire.key.due_at);
    }
    return found;
  };
  const auto f = [](const CommitResult& r, double due) { return std::pair(r.batch_id, At(due)); };
  EXPECT_THAT(load(0, 2), ElementsAre(f(first, 1), f(first, 2), f(first, 3)));
  EXPECT_THAT(load(0, 3), ElementsAre(f(first, 1), f(first, 2), f(first, 3)));
  EXPECT_THAT(load(first.batch_id, 1), ElementsAre(f(second, 4)));
  EXPECT_THAT(load(second.batch_id, 100), ElementsAre(f(third, 5), f(third, 6)));
  EXPECT_THAT(load(third.batch_id, 100), IsEmpty());

  // What is handed over is no longer loaded; its batch is closed once nothing is left.
  ASSERT_OK(store_->UpdateFires(kToken,
                                {UpdateOf(AutomaticFire(a, At(4)), FireState::kDispatched, At(9)),
                                 UpdateOf(AutomaticFire(b, At(6)), FireState::kSucceeded, At(9))},
                                {second.batch_id}));
  EXPECT_THAT(load(first.batch_id, 100), ElementsAre(f(third, 5)));
}

TEST_P(ScheduleStoreContract, LoadsTheOpenFiresOfSchedules) {
  Lead();
  Insert({Sample("a"), Sample("b"), Sample("c")});
  const ScheduleId a = Sample("a").schedule.id;
  std::vector<Fire> fires;
  for (int i = 1; i <= 4; ++i) fires.push_back(AutomaticFire(a, At(i)));
  Commit(fires);
  Commit({AutomaticFire(Sample("b").schedule.id, At(1))});
  Commit({AutomaticFire(Sample("c").schedule.id, At(1))});
  ASSERT_OK(store_->UpdateFires(kToken,
                                {UpdateOf(fires[0], FireState::kSucceeded, At(9)),
                                 UpdateOf(fires[1], FireState::kRunning, At(9)),
                                 UpdateOf(fires[2], FireState::kDispatched, At(9))},
                                {}));
  EXPECT_THAT(store_->LoadOpen({a, Sample("c").schedule.id}).value(),
              UnorderedElementsAre(Read(fires[1]), Read(fires[2]), fires[3],
                                   AutomaticFire(Sample("c").schedule.id, At(1))));
  EXPECT_THAT(store_->LoadOpen({}).value(), IsEmpty());
}

TEST_P(ScheduleStoreContract, DeletingAScheduleCancelsWhatIsPendingAndKeepsTheRest) {
  Lead();
  Insert({Sample("a"), Sample("b")});
  const ScheduleId a = Sample("a").schedule.id;
  const Fire waiting = AutomaticFire(a, At(1)), running = AutomaticFire(a, At(2));
  Commit({waiting, running});
  const Fire other = AutomaticFire(Sample("b").schedule.id, At(1));
  Commit({other});
  ASSERT_OK(store_->UpdateFires(kToken, {UpdateOf(running, FireState::kRunning, At(3))}, {}));
  Delete(Sample("a"));
  EXPECT_EQ(Read(waiting).state, FireState::kCancelled);
  EXPECT_EQ(Read(waiting).reason, FireReason::kScheduleDeleted);
  EXPECT_NE(Read(waiting).finished_at, absl::InfinitePast());
  EXPECT_EQ(Read(running).state, FireState::kRunning);
  EXPECT_THAT(Pending(), ElementsAre(other));
  ASSERT_OK(store_->UpdateFires(kToken, {UpdateOf(running, FireState::kSucceeded, At(4))}, {}));
  EXPECT_EQ(Read(running).state, FireState::kSucceeded);
}

TEST_P(ScheduleStoreContract, AUserCancelsWhatIsPendingOnly) {
  Lead();
  Insert({Sample("a")});
  const ScheduleId a = Sample("a").schedule.id;
  const Fire waiting = AutomaticFire(a, At(1)), running = AutomaticFire(a, At(2));
  Commit({waiting, running});
  ASSERT_OK(store_->UpdateFires(kToken, {UpdateOf(running, FireState::kRunning, At(3))}, {}));
  WriteSet write;
  write.cancelled = {waiting.key, running.key, AutomaticFire(a, At(77)).key};
  Write(write, "fire.cancel", a);
  EXPECT_EQ(Read(waiting).state, FireState::kCancelled);
  EXPECT_EQ(Read(waiting).reason, FireReason::kUserCancelled);
  EXPECT_NE(Read(waiting).finished_at, absl::InfinitePast());
  EXPECT_EQ(Read(running).state, FireState::kRunning);
  EXPECT_THAT(Pending(), IsEmpty());
  ASSERT_OK(store_->UpdateFires(kToken, {UpdateOf(waiting, FireState::kDispatched, At(4))}, {}));
  EXPECT_EQ(Read(waiting).state, FireState::kCancelled);
}

}  // namespace
}  // namespace z4j::scheduler
