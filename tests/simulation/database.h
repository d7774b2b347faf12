#ifndef Z4J_TESTS_SIMULATION_DATABASE_H_
#define Z4J_TESTS_SIMULATION_DATABASE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "services/base/clock.h"
#include "services/scheduler/audit/chain.h"
#include "services/scheduler/mutate/mutation.h"
#include "services/scheduler/store/memory_schedule_store.h"
#include "tests/simulation/fire_oracle.h"
#include "tests/simulation/world.h"

namespace z4j::simulation {

// The wall clock that a world begins with; everybody's clocks are near it, and the database's shows
// it.
inline constexpr absl::Time kWorldBegan = absl::FromUnixSeconds(1'800'000'000);

// A model of PostgreSQL as far as the fence goes, over the memory twin: statements take time, and
// go on although nobody waits for them any more.  A leader's write looks at the fence when it
// begins, and holds a share of its row until it commits; raising the fence waits for those.  A
// restart rolls back what is under way.  What is committed survives everything.
class Database {
 public:
  struct Statement {
    enum class Kind : uint8_t { kRead, kLeaderWrite, kRaise, kChange };
    Kind kind = Kind::kRead;
    scheduler::FencingToken token;        // Of a leader's write.
    absl::Duration takes;                 // Once it has its lock.
    std::function<void()> begun = [] {};  // It has arrived, and the database runs.
    // Its effect, all at once.  A leader's write passes `as` for the token.
    std::function<void(scheduler::FencingToken as)> commit;
    // It has no effect.
    std::function<void(const absl::Status& status)> refuse;
    std::function<void()> done;  // After either of them: the answer leaves.
  };

  Database(World& world, FireOracle& oracle);

  void Execute(Statement statement);
  // Nothing that is under way commits, and for so long nobody is answered.
  void Restart(absl::Duration down_for);

  // Of a leader's write, within its commit.
  absl::StatusOr<scheduler::CommitResult> CommitFires(scheduler::FencingToken as,
                                                      scheduler::FencingToken token,
                                                      const scheduler::FireBatch& batch);
  absl::Status UpdateFires(scheduler::FencingToken as, scheduler::FencingToken token,
                           const std::vector<scheduler::FireUpdate>& updates,
                           const std::vector<int64_t>& closed);
  absl::StatusOr<scheduler::FenceRow> RaiseFence(scheduler::FencingToken token,
                                                 const std::string& holder);
  // A user's, or the loop's, by way of a scheduler whose clock is so far ahead.  The instant of the
  // change is that of its beginning: others may come between, which have a clock that is ahead of
  // this one.
  Statement Change(scheduler::Mutation mutation, absl::Duration clock_ahead);

  // Of any other of a leader's writes: does `write`, and has it judged.
  absl::Status Write(scheduler::FencingToken token, const std::function<absl::Status()>& write);

  scheduler::MemoryScheduleStore& tables() { return tables_; }
  Instant now() const { return world_.now(); }

 private:
  struct WallClock final : Clock {
    explicit WallClock(World& world) : world(world) {}
    absl::Time Now() override { return kWorldBegan + world.now(); }
    MonoTime MonoNow() override { return {world.now()}; }
    World& world;
  };
  struct Waiting {
    Statement statement;
    uint64_t number;
  };

  void Transact(const scheduler::Mutation& mutation, absl::Time now, const Uuid& fresh_id);
  bool Begin(Statement& statement);
  void Finish(Statement statement, uint64_t life);
  void Pump();
  static void Refuse(const Statement& statement, const absl::Status& status);

  World& world_;
  FireOracle& oracle_;
  WallClock clock_;
  scheduler::MemoryScheduleStore tables_;
  const scheduler::Keyring keys_;  // Of the audit entries.
  scheduler::ChainMac mac_;
  Instant down_until_ = absl::ZeroDuration();
  uint64_t life_ = 0;  // Statements of an earlier one are void.
  // Of the fence's row.
  int shared_ = 0;
  bool raising_ = false;
  uint64_t next_waiting_ = 0;
  std::deque<Waiting> waiting_;
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_DATABASE_H_
