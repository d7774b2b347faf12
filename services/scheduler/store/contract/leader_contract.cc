#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/contract/schedule_store_contract.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

TEST_P(ScheduleStoreContract, TheFenceBeginsWithNobody) {
  ASSERT_OK_AND_ASSIGN(const FenceRow row, store_->ReadFence());
  EXPECT_EQ(row.token.value, 0);
  EXPECT_EQ(row.holder, "");
  EXPECT_EQ(row.live_at, absl::InfinitePast());
}

TEST_P(ScheduleStoreContract, ANewerTokenTakesTheFenceAndLearnsWhoHeldIt) {
  ASSERT_OK(store_->RaiseFence({5}, "node-1"));
  ASSERT_OK(store_->MarkLive({5}, At(1.000001)));
  ASSERT_OK_AND_ASSIGN(const FenceRow old, store_->RaiseFence({int64_t{1} << 48}, "node-2"));
  EXPECT_EQ(old.token.value, 5);
  EXPECT_EQ(old.holder, "node-1");
  EXPECT_EQ(old.live_at, At(1.000001));
  ASSERT_OK_AND_ASSIGN(const FenceRow now, store_->ReadFence());
  EXPECT_EQ(now.token.value, int64_t{1} << 48);
  EXPECT_EQ(now.holder, "node-2");
  EXPECT_EQ(now.live_at, At(1.000001)) << "raising is not yet being live";
}

TEST_P(ScheduleStoreContract, TheFenceTellsTheRevisionOfTheNewestChange) {
  EXPECT_EQ(store_->ReadFence()->revision, 0);
  Insert({Sample("a"), Sample("b")});
  const int64_t newest = store_->GetAuditHead()->seq;
  EXPECT_GT(newest, 0);
  EXPECT_EQ(store_->RaiseFence({5}, "node-1")->revision, newest);
  EXPECT_EQ(store_->ReadFence()->revision, newest);
}

TEST_P(ScheduleStoreContract, AnOlderOrForeignTokenIsRefusedButItsHolderMayRaiseAgain) {
  ASSERT_OK(store_->RaiseFence({5}, "node-1"));
  EXPECT_THAT(store_->RaiseFence({4}, "node-1"), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(store_->RaiseFence({4}, "node-2"), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(store_->RaiseFence({5}, "node-2"), StatusIs(absl::StatusCode::kAborted));
  ASSERT_OK_AND_ASSIGN(const FenceRow again, store_->RaiseFence({5}, "node-1"));
  EXPECT_EQ(again.token.value, 5);
  EXPECT_EQ(store_->ReadFence()->holder, "node-1");
}

TEST_P(ScheduleStoreContract, NothingIsWrittenWithAStaleToken) {
  Lead();
  Insert({Sample("a"), Sample("b")});
  const Fire open = AutomaticFire(Sample("a").schedule.id, At(1));
  const Fire done = AutomaticFire(Sample("b").schedule.id, At(1));
  Commit({open});
  Commit({done});
  ASSERT_OK(store_->UpdateFires(kToken, {UpdateOf(done, FireState::kSucceeded, At(2))}, {}));
  ASSERT_OK(store_->MarkLive(kToken, At(3)));
  ASSERT_OK(store_->RaiseFence({8}, "node-2"));

  for (FencingToken stale : {kToken, FencingToken{9}}) {  // One that nobody raised is no better.
    FireBatch batch;
    batch.fires = {AutomaticFire(Sample("a").schedule.id, At(10))};
    batch.cursors = {{.schedule = Sample("a").schedule.id, .cursor = {At(10), 2}}};
    EXPECT_THAT(store_->CommitFires(stale, batch), StatusIs(absl::StatusCode::kAborted));
    EXPECT_THAT(store_->UpdateFires(stale, {UpdateOf(open, FireState::kRunning, At(3))}, {}),
                StatusIs(absl::StatusCode::kAborted));
    EXPECT_THAT(store_->MarkLive(stale, At(99)), StatusIs(absl::StatusCode::kAborted));
    EXPECT_THAT(store_->Prune(stale, At(99), 10), StatusIs(absl::StatusCode::kAborted));
  }
  EXPECT_EQ(Read(open), open);
  EXPECT_EQ(Read(done).state, FireState::kSucceeded);
  EXPECT_EQ(store_->GetSchedule({"p", "a"})->cursor, (Cursor{At(1), 1}));
  EXPECT_EQ(store_->ReadFence()->live_at, At(3));
  EXPECT_THAT(Pending(), ElementsAre(open));
}

TEST_P(ScheduleStoreContract, NoLeaderWasLiveInTheFutureThoughItsClockIsAhead) {
  Lead();
  const absl::Time future = absl::Now() + absl::Hours(5);
  ASSERT_OK(store_->MarkLive(kToken, future));
  EXPECT_LT(store_->ReadFence()->live_at, future - absl::Hours(1));
  ASSERT_OK(store_->SetOutages(kToken, {}, future));
  EXPECT_LT(store_->ReadFence()->live_at, future - absl::Hours(1));
}

TEST_P(ScheduleStoreContract, TellsItsOwnTimeWithTheFence) {
  const absl::Time now = absl::Now();
  for (const FenceRow& row : {*store_->ReadFence(), *store_->RaiseFence(kToken, "node-1")}) {
    EXPECT_GT(row.read_at, now - absl::Minutes(1));
    EXPECT_LT(row.read_at, now + absl::Minutes(1));
  }
}

TEST_P(ScheduleStoreContract, EveryWriteOfTheLeaderNotesThatItWasLive) {
  Lead();
  Insert({Sample("a")});
  const absl::Time before = absl::Now() - absl::Minutes(1);
  ASSERT_OK(store_->MarkLive(kToken, At(1)));
  const Fire fire = AutomaticFire(Sample("a").schedule.id, At(1));
  Commit({fire});
  EXPECT_GT(store_->ReadFence()->live_at, before);
  EXPECT_LT(store_->ReadFence()->live_at, absl::Now() + absl::Minutes(1));
}

TEST_P(ScheduleStoreContract, KeepsOutagesFromLeaderToLeaderUntilTheyAreReplaced) {
  Lead();
  const std::vector<Outage> outages = {{absl::InfinitePast(), At(10)}, {At(20.000001), At(90)}};
  ASSERT_OK(store_->SetOutages(kToken, outages, At(91)));
  EXPECT_EQ(store_->ReadFence()->outages, outages);
  EXPECT_EQ(store_->ReadFence()->live_at, At(91));
  ASSERT_OK_AND_ASSIGN(const FenceRow old, store_->RaiseFence({8}, "node-2"));
  EXPECT_EQ(old.outages, outages);
  EXPECT_THAT(store_->SetOutages(kToken, {}, At(92)), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(store_->ReadFence()->outages, outages);
  ASSERT_OK(store_->SetOutages({8}, {outages[1]}, At(93)));
  EXPECT_THAT(store_->ReadFence()->outages, ElementsAre(outages[1]));
  ASSERT_OK(store_->SetOutages({8}, {}, At(94)));
  EXPECT_THAT(store_->ReadFence()->outages, SizeIs(0));
}

TEST_P(ScheduleStoreContract, PrunesOldFiresInBatchesAlsoThoseWithoutAnOutcomeAndKeepsPendingOnes) {
  Lead();
  Insert({Sample("a")});
  std::vector<Fire> fires;
  std::vector<FireUpdate> updates;
  for (int i = 1; i <= 10; ++i) {
    fires.push_back(AutomaticFire(Sample("a").schedule.id, At(i)));
    FireState state = FireState::kSucceeded;
    if (i == 4) state = FireState::kRunning;
    if (i == 5) state = FireState::kDispatched;
    if (i != 3) updates.push_back(UpdateOf(fires.back(), state, At(20)));
  }
  Commit(fires);
  ASSERT_OK(store_->UpdateFires(kToken, updates, {}));
  Fire shadow = AutomaticFire(Sample("b").schedule.id, At(1));
  shadow.state = FireState::kSkipped;
  shadow.reason = FireReason::kShadow;
  Insert({Sample("b")});
  Commit({shadow});
  int64_t pruned = 0, calls = 0;
  while (true) {
    ASSERT_OK_AND_ASSIGN(const int64_t now, store_->Prune(kToken, At(8), 2));
    if (now == 0) break;
    pruned += now;
    ASSERT_LT(++calls, 10);
  }
  EXPECT_EQ(pruned, 7);
  FireQuery query;
  query.project = "p";
  query.ascending = true;
  std::vector<absl::Time> left;
  for (const Fire& fire : ListAllFires(query, 100)) left.push_back(fire.key.due_at);
  EXPECT_THAT(left, ElementsAre(At(3), At(8), At(9), At(10)));
  EXPECT_THAT(store_->GetFire(fires[0].id), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK_AND_ASSIGN(const std::vector<Fire> open, store_->LoadOpen({Sample("a").schedule.id}));
  ASSERT_THAT(open, SizeIs(1));
  EXPECT_EQ(open[0].key.due_at, At(3));
  // A pruned due time stays decided.
  EXPECT_THAT(Commit({fires[0]}).advanced, ElementsAre(false));
}

TEST_P(ScheduleStoreContract, PrunesRequestRecordsThatAreTooOld) {
  Lead();
  WriteSet write;
  write.requests = {{"p/old", "h", "o", absl::Now() - kRequestIdKept - absl::Minutes(1)},
                    {"p/new", "h", "o", absl::Now() - kRequestIdKept + absl::Minutes(1)}};
  ASSERT_OK(TryWrite(write));
  EXPECT_EQ(store_->Prune(kToken, At(0), 1000).value(), 1);
  EXPECT_EQ(store_->Prune(kToken, At(0), 1000).value(), 0);
  ASSERT_OK(store_->Transact({}, {"p/old", "p/new"}, [&](const ReadSet& read) {
    EXPECT_EQ(read.requests.size(), 1);
    EXPECT_TRUE(read.requests.contains("p/new"));
    return WriteSet();
  }));
}

TEST_P(ScheduleStoreContract, ACommitLeavesARowThatIsThereAlreadyAndWritesTheOthers) {
  Lead();
  Insert({Sample("a"), Sample("b")});
  Fire there = AutomaticFire(Sample("a").schedule.id, At(1));
  there.state = FireState::kSkipped;
  there.reason = FireReason::kPaused;
  WriteSet write;
  write.fires = {there};
  Write(write, "schedule.resume", there.key.schedule);
  const ScheduleId a = Sample("a").schedule.id, b = Sample("b").schedule.id;
  const Fire other = AutomaticFire(b, At(1));
  FireBatch batch;
  batch.fires = {AutomaticFire(a, At(1)), other};
  batch.cursors = {{.schedule = a, .cursor = {At(1), 1}}, {.schedule = b, .cursor = {At(1), 1}}};
  ASSERT_OK_AND_ASSIGN(const CommitResult result, store_->CommitFires(kToken, batch));
  EXPECT_THAT(result.advanced, ElementsAre(true, true));
  EXPECT_EQ(Read(there), there);
  EXPECT_EQ(Read(other), other);
}

TEST_P(ScheduleStoreContract, TakesABatchOfTheLargestSize) {
  Lead();
  std::vector<StoredSchedule> schedules;
  FireBatch batch;
  for (int i = 0; i < kFiresPerCommitMax; ++i) {
    schedules.push_back(Sample(absl::StrCat("s", i)));
    const ScheduleId id = schedules.back().schedule.id;
    batch.fires.push_back(AutomaticFire(id, At(1)));
    batch.cursors.push_back({.schedule = id, .cursor = {At(1), 1}});
    // In parts: encoding all of them within one transaction takes a sanitizer longer than a
    // transaction may be idle.
    if (schedules.size() == 100 || i + 1 == kFiresPerCommitMax) {
      Insert(schedules);
      schedules.clear();
    }
  }
  ASSERT_OK_AND_ASSIGN(const CommitResult result, store_->CommitFires(kToken, batch));
  EXPECT_EQ(result.advanced, std::vector<bool>(kFiresPerCommitMax, true));
  EXPECT_THAT(Pending(), SizeIs(kFiresPerCommitMax));
  std::vector<FireUpdate> updates;
  for (const Fire& fire : batch.fires) {
    updates.push_back(UpdateOf(fire, FireState::kDispatched, At(2)));
  }
  ASSERT_OK(store_->UpdateFires(kToken, updates, {result.batch_id}));
  EXPECT_THAT(Pending(), SizeIs(0));
}

}  // namespace
}  // namespace z4j::scheduler
