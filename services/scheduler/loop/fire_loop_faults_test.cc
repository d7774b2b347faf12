// The loop beside a store that fails, a rival, and a schedule that poisons its batch.
#include <gmock/gmock.h>

#include <iostream>
#include <map>
#include <random>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/loop/fire_loop.h"
#include "services/scheduler/loop/testing/loop_world.h"
#include "services/scheduler/store/testing/forwarding_store.h"
#include "services/scheduler/store/write_checks.h"

namespace z4j::scheduler {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::SizeIs;

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

// A standby that is made the database may lack commits that the leader was told of.
class ForgetfulStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  absl::StatusOr<CommitResult> CommitFires(FencingToken token, const FireBatch& batch) override {
    ++commits;
    if (!forgets) return ForwardingStore::CommitFires(token, batch);
    return CommitResult{1000, std::vector<bool>(batch.cursors.size(), true)};
  }

  bool forgets = false;
  int commits = 0;
};

class FireLoopFaultsTest : public testing::Test {
 protected:
  std::vector<Schedule> InsertMany(int count, CatchUp catch_up = CatchUp::kFireOne) {
    std::vector<Schedule> schedules;
    for (int i = 0; i < count; ++i) {
      schedules.push_back(world_.Make(i));
      schedules.back().catch_up = catch_up;
    }
    world_.Insert(schedules);
    return schedules;
  }
  // Each schedule has exactly the rows for minutes 1 .. `minutes`, all handed over.
  void ExpectComplete(const std::vector<Schedule>& schedules, int minutes) {
    for (const Schedule& schedule : schedules) {
      const std::vector<Fire> rows = world_.Rows(schedule);
      ASSERT_THAT(rows, SizeIs(minutes)) << schedule.name;
      for (int i = 0; i < minutes; ++i) {
        EXPECT_EQ(rows[i].key.due_at, kStart + absl::Minutes(i + 1));
        EXPECT_EQ(rows[i].state, FireState::kDispatched);
      }
    }
  }
  LoopWorld world_{kStart};
};

TEST_F(FireLoopFaultsTest, TenThousandSkipSchedulesOnASlowStoreAreLateAndNoneIsMissed) {
  LoopNode node("a", world_.store, world_.clock);
  node.Connect(std::make_shared<MemoryLink>("one"));
  const std::vector<Schedule> schedules = InsertMany(10'000, CatchUp::kSkip);
  // Every commit takes four seconds: the last fire is far past the grace of 30 s.
  world_.store.set_on_commit([&](const FireBatch&) {
    world_.clock.Advance(absl::Seconds(4));
    return absl::OkStatus();
  });
  node.elector.Grant(1);
  node.Settle();
  world_.clock.Advance(absl::Minutes(1) - (world_.clock.Now() - kStart));
  node.Settle();
  EXPECT_GT(world_.clock.Now() - kStart, absl::Seconds(100));
  std::set<ScheduleId> fired;
  for (const Fire& fire : world_.AllRows()) {
    EXPECT_EQ(fire.state, FireState::kDispatched);
    if (fire.key.due_at == kStart + absl::Minutes(1)) fired.insert(fire.key.schedule);
  }
  EXPECT_THAT(fired, SizeIs(schedules.size()));
}

TEST_F(FireLoopFaultsTest, ARivalTakesOverInMidBurstAndTheOldOnesCommitIsRefused) {
  FaultyStore slow(world_.memory);
  LoopNode old("old", slow, world_.clock), young("young", world_.memory, world_.clock);
  old.Connect(std::make_shared<MemoryLink>("one"));
  young.Connect(std::make_shared<MemoryLink>("one"));
  const std::vector<Schedule> schedules = InsertMany(1000);
  old.elector.Grant(1);
  old.Settle();
  int commits = 0;
  slow.set_on_commit([&](const FireBatch&) {
    // The old leader is stopped between its last check and the statement.
    if (++commits == 3) {
      young.elector.Grant(2);
      young.Settle();
    }
    return absl::OkStatus();
  });
  world_.clock.Advance(absl::Minutes(1));
  old.Settle();
  EXPECT_EQ(commits, 3);
  EXPECT_FALSE(old.loop.leading());
  EXPECT_EQ(old.elector.resigned(), 1);
  EXPECT_TRUE(young.loop.leading());
  young.Settle();
  ExpectComplete(schedules, 1);
}

TEST_F(FireLoopFaultsTest, StepsDownWhenTheLeaseHasRunOutBeforeTheCommit) {
  LoopNode node("a", world_.store, world_.clock);
  const std::vector<Schedule> schedules = InsertMany(1);
  node.elector.Grant(1, world_.clock.MonoNow() + absl::Seconds(60) + kLeaseLeftMin / 2);
  node.Settle();
  world_.clock.Advance(absl::Minutes(1));
  node.Settle();  // Trusted for ten more milliseconds: too little to begin a commit.
  EXPECT_THAT(world_.Rows(schedules[0]), SizeIs(0));
  world_.clock.Advance(kLeaseLeftMin);
  node.Settle();
  EXPECT_FALSE(node.loop.leading());
  EXPECT_THAT(world_.Rows(schedules[0]), SizeIs(0));
}

// Any call may fail with UNAVAILABLE before or after it took effect, and terms come and go.
TEST_F(FireLoopFaultsTest, AStoreThatFailsAtRandomLosesNothingAndDoublesNothing) {
  const uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << std::endl;
  std::mt19937 random(seed);
  LoopNode node("a", world_.store, world_.clock);
  node.Connect(std::make_shared<MemoryLink>("one"));
  const std::vector<Schedule> schedules = InsertMany(300);
  bool faulty = true;
  world_.store.set_fault([&](const std::string& op, bool after) {
    if (!faulty || random() % 5 != 0) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat(op, after ? " took effect" : " did not"));
  });
  int64_t token = 1;
  node.elector.Grant(token);
  for (int second = 0; second < 300; ++second) {
    if (random() % 40 == 0) node.elector.Grant(++token);
    for (int round = 0; round < 5; ++round) {
      node.Settle();
      world_.clock.Advance(absl::Milliseconds(200));
    }
  }
  faulty = false;
  for (int i = 0; i < 200; ++i) {
    world_.clock.Advance(absl::Milliseconds(50));
    node.Settle();
  }
  ExpectComplete(schedules, 5);
  // At least once each, and nothing that has no row.
  std::map<FireId, int> handed_over;
  for (const DispatchItem& item : node.accepted) ++handed_over[item.id];
  EXPECT_EQ(handed_over.size(), 300 * 5);
}

TEST_F(FireLoopFaultsTest, WhileABatchIsUnknownNothingElseIsWritten) {
  LoopNode node("a", world_.store, world_.clock);
  node.Connect(std::make_shared<MemoryLink>("one"));
  const std::vector<Schedule> schedules = InsertMany(2);
  node.elector.Grant(1);
  node.Settle();
  bool broken = true;
  std::vector<size_t> sizes;
  world_.store.set_on_commit([&](const FireBatch& batch) {
    sizes.push_back(batch.fires.size());
    return absl::OkStatus();
  });
  world_.store.set_fault([&](const std::string& op, bool after) {
    return broken && op == "commit_fires" && after ? absl::UnavailableError("lost the answer")
                                                   : absl::OkStatus();
  });
  world_.clock.Advance(absl::Minutes(1));
  node.Settle();
  world_.clock.Advance(absl::Minutes(1));
  node.Settle();
  EXPECT_THAT(sizes, Each(2u));  // The second minute is not among them.
  EXPECT_THAT(node.accepted, SizeIs(0));
  broken = false;
  world_.Run(absl::Seconds(2), absl::Milliseconds(500), {&node});
  ExpectComplete(schedules, 2);
  EXPECT_THAT(node.accepted, SizeIs(4));
}

TEST_F(FireLoopFaultsTest, AScheduleThatTheStoreRefusesIsQuarantinedAndItsNeighboursFire) {
  LoopNode node("a", world_.store, world_.clock);
  node.Connect(std::make_shared<MemoryLink>("one"));
  std::vector<Schedule> schedules = InsertMany(50);
  world_.store.set_on_commit([&](const FireBatch& batch) {
    for (const Fire& fire : batch.fires) {
      if (fire.key.schedule == schedules[17].id) return absl::InvalidArgumentError("bad row");
    }
    return absl::OkStatus();
  });
  node.elector.Grant(1);
  node.Settle();
  world_.clock.Advance(absl::Minutes(1));
  node.Settle();
  EXPECT_THAT(node.changes.quarantined, ElementsAre(std::pair("s17", "bad row")));
  EXPECT_THAT(world_.Rows(schedules[17]), SizeIs(0));
  schedules.erase(schedules.begin() + 17);
  ExpectComplete(schedules, 1);
}

TEST_F(FireLoopFaultsTest, AClockAheadOfTheStoresWaitsAndFiresThen) {
  LoopNode node("a", world_.store, world_.clock);
  node.Connect(std::make_shared<MemoryLink>("one"));
  const std::vector<Schedule> schedules = InsertMany(3);
  bool ahead = true;
  world_.store.set_on_commit([&](const FireBatch&) {
    return ahead ? absl::FailedPreconditionError("due in the future") : absl::OkStatus();
  });
  node.elector.Grant(1);
  node.Settle();
  world_.Run(absl::Seconds(61), absl::Seconds(1), {&node});
  EXPECT_THAT(world_.Rows(schedules[0]), SizeIs(0));
  ahead = false;
  world_.Run(absl::Seconds(1), absl::Milliseconds(200), {&node});
  ExpectComplete(schedules, 1);
}

// Many schedules, one of them due every 50 ms, and a leader whose clock is set far ahead of the
// store's.
TEST_F(FireLoopFaultsTest, AClockAheadOfTheStoresHoldsNobodyUpThoughSomethingIsAlwaysDue) {
  for (const absl::Duration ahead : {absl::Milliseconds(400), absl::Seconds(20)}) {
    LoopWorld world(kStart);
    SimulatedClock clock(kStart);
    LoopNode node("a", world.store, clock);
    node.Connect(std::make_shared<MemoryLink>("one"));
    std::vector<Schedule> schedules;
    for (int i = 0; i < 20; ++i) {
      schedules.push_back(world.Make(i));
      schedules[i].spec = IntervalSpec{absl::Seconds(1), kStart + i * absl::Milliseconds(50),
                                       Arithmetic::kAbsolute};
    }
    world.Insert(schedules);
    int refused = 0;
    world.store.set_on_commit([&](const FireBatch& batch) {
      const absl::Status status = CheckBatch(batch, world.clock.Now());
      if (!status.ok()) ++refused;
      return status;
    });
    node.elector.Grant(1);
    node.Settle();
    clock.SetWallClock(clock.Now() + ahead);
    for (absl::Duration done; done < absl::Seconds(30); done += absl::Milliseconds(10)) {
      clock.Advance(absl::Milliseconds(10));
      world.Run(absl::Milliseconds(10), absl::Milliseconds(10), {&node});
    }
    EXPECT_GT(refused, 0);
    EXPECT_LT(refused, 3);
    for (const Schedule& schedule : schedules) {
      EXPECT_GE(world.Rows(schedule).size(), 20) << schedule.name << ", ahead by " << ahead;
    }
  }
}

TEST_F(FireLoopFaultsTest, ALeaderWhoseClockIsFarAheadTakesNothingForMissedThatHasNotComeDue) {
  SimulatedClock clock(kStart + absl::Hours(1));
  LoopNode node("a", world_.store, clock);
  node.Connect(std::make_shared<MemoryLink>("one"));
  const std::vector<Schedule> schedules = InsertMany(1, CatchUp::kSkip);
  world_.store.set_on_commit(
      [&](const FireBatch& batch) { return CheckBatch(batch, world_.clock.Now()); });
  node.elector.Grant(1);
  for (int second = 0; second < 300; ++second) {
    clock.Advance(absl::Seconds(1));
    world_.Run(absl::Seconds(1), absl::Seconds(1), {&node});
  }
  ASSERT_GE(world_.Rows(schedules[0]).size(), 4);
  for (const Fire& fire : world_.Rows(schedules[0])) {
    EXPECT_EQ(fire.state, FireState::kDispatched) << fire.key.due_at;
  }
}

TEST_F(FireLoopFaultsTest, AStoreThatLostItsLastCommitsIsBelieved) {
  ForgetfulStore store(world_.memory);
  LoopNode node("a", store, world_.clock);
  node.Connect(std::make_shared<MemoryLink>("one"));
  const std::vector<Schedule> schedules = InsertMany(3);
  node.elector.Grant(1);
  node.Settle();
  world_.Run(absl::Seconds(90), absl::Seconds(1), {&node});
  store.forgets = true;
  world_.Run(absl::Seconds(60), absl::Seconds(1), {&node});
  store.forgets = false;
  const int commits = store.commits;
  world_.Run(absl::Seconds(60), absl::Seconds(1), {&node});
  ExpectComplete(schedules, 3);
  EXPECT_LE(store.commits, commits + 3);
}

}  // namespace
}  // namespace z4j::scheduler
