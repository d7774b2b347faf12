// From leader to leader: what the next one knows, and how the last one lets go.
#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/loop/fire_loop.h"
#include "services/scheduler/loop/testing/two_nodes.h"

namespace z4j::scheduler {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using TakeOverTest = TwoNodes;

TEST_F(TakeOverTest, AFollowerSeesEveryEditAndLoadsNothingWhenItTakesOver) {
  old_.Connect(link_);
  std::vector<Schedule> schedules = InsertMany(3, CatchUp::kSkip);
  old_.elector.Grant(1);
  Run(absl::Seconds(90));
  world_.Delete(schedules[0]);
  schedules[1].spec = IntervalSpec{absl::Minutes(3), absl::UnixEpoch(), Arithmetic::kAbsolute};
  world_.Update(schedules[1]);
  const Schedule young = world_.Make(7);
  world_.Insert({young});
  Run(absl::Seconds(5));
  old_.elector.Revoke();
  old_.Disconnect(link_);
  next_.Connect(std::make_shared<MemoryLink>("two"));
  next_.elector.Grant(2);
  Run(absl::Minutes(5));
  EXPECT_EQ(watched_.loads, 1);
  EXPECT_THAT(Fired(schedules[0]), ElementsAre(1));
  EXPECT_THAT(Fired(schedules[1]), ElementsAre(1, 3, 6));
  EXPECT_THAT(Fired(schedules[2]), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(Fired(young), ElementsAre(2, 3, 4, 5, 6));
}

TEST_F(TakeOverTest, ANewLeaderReadsTheCursorsOfThoseThatMayBeDueAndOfNoOthers) {
  old_.Connect(link_);
  InsertMany(10, CatchUp::kSkip);
  std::vector<Schedule> rare;
  for (int i = 100; i < 200; ++i) rare.push_back(world_.Make(i, absl::Hours(24 * 30)));
  world_.Insert(rare);
  old_.elector.Grant(1);
  Run(absl::Minutes(2) + absl::Milliseconds(500), absl::Milliseconds(500));
  watched_.cursors_read = 0;  // The second minute is not followed up yet.
  old_.elector.Revoke();
  next_.elector.Grant(2);
  next_.Settle();
  EXPECT_EQ(watched_.cursors_read, 10u);
}

TEST_F(TakeOverTest, AStaleCursorCostsATryAndNeverAFire) {
  old_.Connect(link_);
  const std::vector<Schedule> schedules = InsertMany(5, CatchUp::kFireAll);
  old_.elector.Grant(1);
  watched_.stale = Cursor{start_, 0};
  Run(absl::Minutes(5));
  old_.elector.Revoke();
  old_.Disconnect(link_);
  next_.Connect(std::make_shared<MemoryLink>("two"));
  next_.elector.Grant(2);
  Run(absl::Seconds(90));  // Plans what was fired long ago, again and again.
  EXPECT_THAT(next_.accepted, IsEmpty());
  for (const Schedule& schedule : schedules) {
    EXPECT_THAT(Fired(schedule), ElementsAre(1, 2, 3, 4, 5));
  }
  watched_.stale.reset();
  Run(absl::Seconds(60));
  for (const Schedule& schedule : schedules) {
    EXPECT_THAT(Fired(schedule), ElementsAre(1, 2, 3, 4, 5, 6, 7));
  }
  EXPECT_THAT(next_.accepted, SizeIs(2 * 5));
}

TEST_F(TakeOverTest, ANodeWhoseDatabaseWasRestoredReadsItAnew) {
  InsertMany(2, CatchUp::kSkip);
  next_.Settle();
  watched_.restored = true;
  next_.elector.Grant(1);
  next_.Settle();
  EXPECT_EQ(watched_.loads, 2);
  EXPECT_TRUE(next_.loop.leading());
}

TEST_F(TakeOverTest, ANodeThatLostItsTermAndWonTheNextLosesNothingThatItHadPlanned) {
  const std::vector<Schedule> schedules = InsertMany(300, CatchUp::kSkip);
  old_.Connect(link_);
  old_.elector.Grant(1);
  old_.Settle();
  world_.clock.Advance(absl::Minutes(1));
  DieAfter(1);
  old_.Settle();  // The second batch is planned and its fate unknown.
  Die();
  old_.elector.Grant(2);
  old_.Settle();
  for (const Schedule& schedule : schedules) EXPECT_THAT(Fired(schedule), ElementsAre(1));
}

TEST_F(TakeOverTest, AFollowerAsksForNoQuarantineAndTheNextLeaderDoes) {
  Schedule bad = world_.Make(1), mended = world_.Make(2);
  CronSpec never;
  never.expression = "0 0 31 2 *";
  bad.spec = mended.spec = never;
  world_.Insert({bad, mended});
  next_.Settle();
  mended.spec = IntervalSpec{absl::Minutes(3), absl::UnixEpoch(), Arithmetic::kAbsolute};
  world_.Update(mended);
  Run(absl::Seconds(2));
  EXPECT_THAT(next_.changes.quarantined, IsEmpty());
  next_.elector.Grant(1);
  next_.Settle();
  EXPECT_THAT(next_.changes.quarantined, SizeIs(1));
  EXPECT_TRUE(next_.changes.quarantined.contains("s1"));
}

TEST_F(TakeOverTest, ARunThatBeganUnderTheOldLeaderHoldsBackTheNext) {
  Schedule skip = world_.Make(1);
  skip.overlap = Overlap::kSkip;
  world_.Insert({skip});
  old_.Connect(link_);
  old_.elector.Grant(1);
  Run(absl::Seconds(70));
  ASSERT_THAT(Fired(skip), ElementsAre(1));  // And it never ends.
  old_.elector.Revoke();
  next_.Connect(link_);
  next_.elector.Grant(2);
  Run(absl::Minutes(2));
  const std::vector<Fire> rows = world_.Rows(skip);
  EXPECT_THAT(Fired(skip), ElementsAre(1));
  EXPECT_EQ(rows.back().reason, FireReason::kOverlap);
}

// --- What the last leader left ----------------------------------------------------------------

TEST_F(TakeOverTest, ANewLeaderDecidesBeforeItHasReadWhatTheLastOneLeft) {
  const std::vector<Schedule> schedules = InsertMany(kFiresPerFirstCommit, CatchUp::kSkip);
  old_.elector.Grant(1);
  Run(absl::Minutes(30) + absl::Seconds(40), absl::Seconds(20));  // No adapter: four pages wait.
  old_.elector.Revoke();
  old_.Settle();
  world_.clock.Advance(absl::Seconds(20));
  watched_.pending_pages = 0;
  next_.Connect(std::make_shared<MemoryLink>("two"));
  next_.elector.Grant(2);
  next_.loop.RunOnce();
  for (const Schedule& schedule : schedules) EXPECT_THAT(world_.Rows(schedule), SizeIs(31));
  EXPECT_LE(watched_.pending_pages, 1);
  // Nothing new overtakes what is older.
  next_.dispatcher.RunOnce();
  EXPECT_THAT(next_.links.front()->TakeSent(), IsEmpty());
  next_.Settle();
  std::map<ScheduleId, absl::Time> last;
  for (const DispatchItem& item : next_.accepted) {
    EXPECT_LT(last.try_emplace(item.key.schedule).first->second, item.key.due_at);
    last[item.key.schedule] = item.key.due_at;
  }
  EXPECT_THAT(next_.accepted, SizeIs(31 * schedules.size()));
}

TEST_F(TakeOverTest, ANewLeaderDispatchesAlthoughItsOwnFiresComeWithoutPause) {
  std::vector<Schedule> schedules;
  for (int i = 0; i < 1000; ++i) {  // One is due in every turn.
    schedules.push_back(world_.Make(i));
    schedules.back().spec = IntervalSpec{
        absl::Seconds(1), absl::UnixEpoch() + absl::Milliseconds(i), Arithmetic::kAbsolute};
  }
  world_.Insert(schedules);
  const Fire left = world_.Trigger(schedules[0], 1);
  next_.Connect(link_);
  next_.elector.Grant(1);
  for (int turn = 0; turn < 100; ++turn) {
    world_.clock.Advance(absl::Milliseconds(1));
    next_.loop.RunOnce();
    if (turn == 50) world_.Trigger(schedules[1], 2);
  }
  EXPECT_GE(next_.dispatcher.queued(), 95) << "they were decided";
  next_.dispatcher.RunOnce();
  next_.Answer();
  ASSERT_GE(next_.accepted.size(), 95u);
  EXPECT_EQ(next_.accepted.front().id, left.id) << "the oldest first";
  Run(absl::Seconds(2));
  for (int i : {0, 1}) {
    EXPECT_THAT(world_.States(schedules[i]), Each(FireState::kDispatched)) << i;
  }
}

TEST_F(TakeOverTest, AnOverlapPolicyWaitsUntilOpenRunsAreKnownAndOthersDoNot) {
  Schedule skip = world_.Make(1), plain = world_.Make(2);
  skip.overlap = Overlap::kSkip;
  world_.Insert({skip, plain});
  old_.Connect(link_);
  old_.elector.Grant(1);
  Run(absl::Seconds(70));
  old_.elector.Revoke();
  old_.Disconnect(link_);
  watched_.open_fails = true;
  next_.Connect(std::make_shared<MemoryLink>("two"));
  next_.elector.Grant(2);
  Run(absl::Minutes(1));
  EXPECT_THAT(world_.Rows(plain), SizeIs(2));
  EXPECT_THAT(world_.Rows(skip), SizeIs(1));
  watched_.open_fails = false;
  Run(absl::Seconds(2));
  EXPECT_THAT(Fired(plain), ElementsAre(1, 2));
  EXPECT_EQ(world_.Rows(skip).back().reason, FireReason::kOverlap);
}

TEST_F(TakeOverTest, AnEndThatIsToldWhileOpenRunsAreReadIsNotLost) {
  Schedule skip = world_.Make(1);
  skip.overlap = Overlap::kSkip;
  world_.Insert({skip});
  old_.Connect(link_);
  old_.elector.Grant(1);
  Run(absl::Seconds(70));
  ASSERT_THAT(old_.accepted, SizeIs(1));
  old_.elector.Revoke();
  old_.Disconnect(link_);
  watched_.open_fails = true;
  next_.Connect(std::make_shared<MemoryLink>("two"));
  next_.elector.Grant(2);
  next_.Settle();
  watched_.open = world_.Rows(skip);  // Read before the end is durable.
  next_.Tell(old_.accepted.front(), FireState::kSucceeded, world_.clock.Now());
  next_.Settle();
  watched_.open_fails = false;
  Run(absl::Minutes(1));
  EXPECT_THAT(next_.accepted, SizeIs(1));  // The second minute's.
}

TEST_F(TakeOverTest, AFollowerOutlivesAStoreThatIsAwayAndCatchesUpWithIt) {
  InsertMany(2, CatchUp::kSkip);
  old_.Settle();
  world_.store.set_fault([](const std::string&, bool) { return absl::UnavailableError("away"); });
  Run(absl::Seconds(10));
  const Schedule young = world_.Make(7);
  world_.Insert({young});
  world_.store.set_fault([](const std::string&, bool) { return absl::OkStatus(); });
  Run(absl::Seconds(2));
  old_.Connect(link_);
  old_.elector.Grant(1);
  Run(absl::Minutes(1));
  EXPECT_THAT(Fired(young), ElementsAre(1));
}

// --- A leader that others shall replace -------------------------------------------------------

TEST_F(TakeOverTest, ALeaderThatDoesNotReachTheStoreLetsOthersTry) {
  old_.elector.set_alone(false);
  old_.elector.Grant(1);
  old_.Settle();
  world_.store.set_fault([](const std::string&, bool) { return absl::UnavailableError("away"); });
  Run(kStoreLostMax - absl::Seconds(1));
  EXPECT_EQ(old_.elector.resigned(), 0);
  Run(absl::Seconds(3));
  EXPECT_EQ(old_.elector.resigned(), 1);
  EXPECT_FALSE(old_.loop.leading());
  // And so does one that never reached it.
  old_.elector.Grant(2);
  Run(kStoreLostMax + absl::Seconds(2));
  EXPECT_EQ(old_.elector.resigned(), 2);
}

TEST_F(TakeOverTest, ALeaderThatIsAloneWaitsForTheStoreHoweverLong) {
  old_.elector.Grant(1);
  old_.Settle();
  world_.store.set_fault([](const std::string&, bool) { return absl::UnavailableError("away"); });
  Run(absl::Minutes(5));
  EXPECT_EQ(old_.elector.resigned(), 0);
}

TEST_F(TakeOverTest, ANodeWhoseTokenTheStoreRefusesTellsTheElectorWhatToExceed) {
  ASSERT_OK(world_.memory.RaiseFence({41}, "of another election"));
  old_.elector.Grant(7);
  old_.Settle();
  EXPECT_FALSE(old_.loop.leading());
  EXPECT_EQ(old_.elector.must_exceed(), FencingToken{41});
  old_.elector.Grant(42);
  Run(absl::Seconds(1));
  EXPECT_TRUE(old_.loop.leading());
}

TEST_F(TakeOverTest, WhoDoesNotLeadHasNothingToHandOver) {
  EXPECT_THAT(old_.loop.HandOver(""), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(TakeOverTest, ALeaderThatIsAskedToHandsOverToWhomIsNamedAndGoesOnAsAFollower) {
  SystemClock clock;
  LoopWorld real(clock.Now());
  FakeElector elector;
  RecordedChanges changes;
  UpdateWriter writer(real.memory, clock, nullptr);
  Dispatcher dispatcher(writer, clock, nullptr, {});
  FireLoop loop(real.memory, elector, dispatcher, writer, changes, clock, nullptr, {});
  writer.Start();
  dispatcher.Start();
  ASSERT_OK(loop.Start());
  elector.Grant(1);
  while (!loop.leading()) std::this_thread::yield();
  ASSERT_OK(loop.HandOver("n2"));
  EXPECT_FALSE(loop.leading());
  EXPECT_EQ(elector.successor(), "n2");
  EXPECT_EQ(elector.resigned(), 1);
  elector.Grant(3);
  while (!loop.leading()) std::this_thread::yield();
  loop.Stop();
}

// --- A leader that is stopped ----------------------------------------------------------------

TEST_F(TakeOverTest, AStoppedLeaderGivesItsTermUpAlthoughAnAdapterIsSilent) {
  SystemClock clock;
  LoopWorld real(absl::FromUnixMicros(absl::ToUnixMicros(clock.Now())));
  FakeElector elector;
  RecordedChanges changes;
  UpdateWriter writer(real.memory, clock, nullptr);
  Dispatcher dispatcher(writer, clock, nullptr, {});
  FireLoop loop(real.memory, elector, dispatcher, writer, changes, clock, nullptr, {});
  Schedule schedule = real.Make(1);
  schedule.spec = OneShotSpec{real.clock.Now()};
  real.Insert({schedule}, real.clock.Now() - absl::Microseconds(1));
  real.clock.Advance(absl::Hours(1));  // The store's own clock, which guards against early fires.
  MonoTime begin;
  int64_t waiting = 0;
  elector.set_on_resign([&] {
    // Neither the adapter nor the wait for changes of the store, of a second, held it up.
    EXPECT_LT(clock.MonoNow() - begin, kHandOverMax + absl::Milliseconds(800));
    if (elector.resigned() == 0) waiting = dispatcher.queued();
  });
  writer.Start();
  dispatcher.Start();
  ASSERT_OK(loop.Start());
  elector.Grant(1);
  dispatcher.OnConnected(link_);
  while (link_->TakeSent().empty()) std::this_thread::yield();  // And it never answers.
  begin = clock.MonoNow();
  loop.Stop();
  EXPECT_GE(elector.resigned(), 1);
  EXPECT_EQ(waiting, 1);  // What waits was forgotten afterwards.
  EXPECT_THAT(real.States(schedule), Each(FireState::kPending));  // The next leader's.
}

}  // namespace
}  // namespace z4j::scheduler
