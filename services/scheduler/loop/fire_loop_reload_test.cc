// More PENDING fires than memory holds, and adapters that do not answer.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/loop/fire_loop.h"
#include "services/scheduler/loop/testing/loop_world.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Le;
using testing::SizeIs;

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

// Whose outbox is full of fires that a leader before this one committed.
class FullStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  // `count` more, of `schedules` in turns, a millisecond apart, in batches of `per_batch`.
  void Fill(const std::vector<Schedule>& schedules, int count, int per_batch) {
    for (int i = 0; i < count; ++i) {
      if (i % per_batch == 0) ++batch_;
      PendingFire& row = pending_.emplace_back();
      row.batch_id = batch_;
      row.fire.key = {schedules[i % schedules.size()].id, due_ += absl::Milliseconds(1), {}};
      row.fire.id = MakeFireId(row.fire.key);
      row.fire.dispatch_after = row.fire.first_due_at = row.fire.key.due_at;
      row.fire.decided_at = kStart;
    }
  }

  absl::StatusOr<std::vector<PendingFire>> LoadPending(int64_t after, int limit) override {
    auto row = std::upper_bound(
        pending_.begin(), pending_.end(), after,
        [](int64_t batch, const PendingFire& pending) { return batch < pending.batch_id; });
    std::vector<PendingFire> page;
    for (; row != pending_.end(); ++row) {
      if (page.size() >= limit && page.back().batch_id != row->batch_id) break;
      if (!settled_.contains(row->fire.id)) page.push_back(*row);
    }
    largest_page = std::max(largest_page, page.size());
    return page;
  }
  absl::Status UpdateFires(FencingToken, absl::Span<const FireUpdate> updates,
                           absl::Span<const int64_t> closed) override {
    for (const FireUpdate& update : updates) settled_.insert(update.id);
    batches_closed += closed.size();
    return absl::OkStatus();
  }

  size_t largest_page = 0;
  int64_t batches_closed = 0;

 private:
  int64_t batch_ = 0;
  absl::Time due_ = kStart - absl::Hours(1);
  std::vector<PendingFire> pending_;  // By batch, and in it by due time.
  absl::flat_hash_set<FireId> settled_;
};

class ReloadTest : public testing::Test {
 protected:
  // Turns everything until all that can be handed over is.
  void Drain() {
    for (size_t before = node_.accepted.size() + 1; before != node_.accepted.size();) {
      before = node_.accepted.size();
      world_.clock.Advance(absl::Seconds(1));
      node_.Settle();
      EXPECT_THAT(node_.dispatcher.queued(), Le(2 * kPendingInMemoryMax + kFiresPerCommitMax));
    }
  }
  // Rare ones: of a schedule one fire is on its way at a time.
  std::vector<Schedule> InsertRare(const std::string& engine, int first_number) {
    std::vector<Schedule> schedules;
    for (int i = 0; i < 500; ++i) {
      schedules.push_back(world_.Make(first_number + i, absl::Hours(24 * 365)));
      schedules.back().engine = engine;
    }
    world_.Insert(schedules);
    return schedules;
  }

  LoopWorld world_{kStart};
  FullStore store_{world_.memory};
  LoopNode node_{"a", store_, world_.clock};
};

TEST_F(ReloadTest, ANewLeaderHandsAQuarterOfAMillionFiresOverOldestFirstAndLosesNone) {
  constexpr int kFires = kPendingInMemoryMax + 50'000;
  store_.Fill(InsertRare("celery", 0), kFires, kFiresPerCommitMax);
  node_.elector.Grant(1);
  node_.Settle();
  EXPECT_EQ(node_.dispatcher.queued(), kPendingInMemoryMax);
  EXPECT_THAT(store_.largest_page, Le(kFiresPerCommitMax));
  node_.Connect(std::make_shared<MemoryLink>("one"));
  absl::Time last = absl::InfinitePast();
  bool in_order = true;
  std::set<FireId> seen;
  node_.answer = [&](const DispatchItem& item) {
    in_order &= last < item.key.due_at;
    last = item.key.due_at;
    seen.insert(item.id);
    return DispatchCode::kAccepted;
  };
  Drain();
  EXPECT_TRUE(in_order);
  EXPECT_THAT(seen, SizeIs(kFires));
  EXPECT_THAT(node_.accepted, SizeIs(kFires));
  EXPECT_EQ(store_.batches_closed, kFires / kFiresPerCommitMax);
}

TEST_F(ReloadTest, AnEngineThatNobodyServesDoesNotKeepAnotherFromItsFires) {
  constexpr int kOurs = kPendingInMemoryMax + 30'000;
  const std::vector<Schedule> theirs = InsertRare("nobody", 0), ours = InsertRare("celery", 500);
  store_.Fill(theirs, kPendingInMemoryMax + 5'000, kFiresPerCommitMax);
  store_.Fill(ours, kOurs / 2, kFiresPerCommitMax);
  store_.Fill(theirs, 5'000, 100);
  store_.Fill(ours, kOurs - kOurs / 2, 100);
  node_.Connect(std::make_shared<MemoryLink>("one"));
  node_.elector.Grant(1);
  Drain();
  EXPECT_THAT(node_.accepted, SizeIs(kOurs));
  EXPECT_EQ(node_.dispatcher.queued(), kPendingInMemoryMax);  // Theirs.
}

// --- An adapter that does not answer ---------------------------------------------------------

TEST_F(ReloadTest, AFireWithoutAnAnswerForTwoMinutesIsSentAgainWithTheSameId) {
  Schedule schedule = world_.Make(1);
  schedule.spec = OneShotSpec{kStart + absl::Seconds(1)};
  world_.Insert({schedule});
  LoopNode node("b", world_.store, world_.clock);
  const auto silent = std::make_shared<MemoryLink>("silent");
  node.dispatcher.OnConnected(silent);  // Not answered by Settle.
  node.elector.Grant(1);
  world_.Run(absl::Seconds(2), absl::Seconds(1), {&node});
  const std::vector<DispatchItem> first = silent->TakeSent();
  ASSERT_THAT(first, SizeIs(1));
  world_.Run(kAnswerMax - absl::Seconds(3), absl::Seconds(1), {&node});
  EXPECT_THAT(silent->TakeSent(), IsEmpty());
  world_.Run(absl::Seconds(10), absl::Seconds(1), {&node});
  const std::vector<DispatchItem> second = silent->TakeSent();
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(second[0].id, first[0].id);
  EXPECT_EQ(second[0].attempt, first[0].attempt + 1);
  // The answer to the first try counts, however late, and once.
  node.dispatcher.OnResults(*silent, Answers(first, DispatchCode::kAccepted));
  node.dispatcher.OnResults(*silent, Answers(second, DispatchCode::kDuplicate));
  world_.Run(absl::Minutes(5), absl::Seconds(1), {&node});
  EXPECT_THAT(silent->TakeSent(), IsEmpty());
  EXPECT_THAT(world_.States(schedule), ElementsAre(FireState::kDispatched));
}

TEST_F(ReloadTest, AFireThatIsNeverAnsweredFailsAfterItsLastAttempt) {
  Schedule schedule = world_.Make(1);
  schedule.spec = OneShotSpec{kStart + absl::Seconds(1)};
  schedule.retry.max_attempts = 2;
  world_.Insert({schedule});
  LoopNode node("b", world_.store, world_.clock);
  const auto silent = std::make_shared<MemoryLink>("silent");
  node.dispatcher.OnConnected(silent);
  node.elector.Grant(1);
  world_.Run(2 * kAnswerMax + absl::Seconds(20), absl::Seconds(1), {&node});
  EXPECT_THAT(silent->TakeSent(), SizeIs(2));
  const std::vector<Fire> rows = world_.Rows(schedule);
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].state, FireState::kFailed);
  EXPECT_EQ(rows[0].reason, FireReason::kEngineUnavailable);
  EXPECT_EQ(rows[0].error, "the adapter did not answer");
}

}  // namespace
}  // namespace z4j::scheduler
