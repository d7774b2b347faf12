#ifndef Z4J_SCHEDULER_MUTATE_TESTING_COMMITTER_FIXTURE_H_
#define Z4J_SCHEDULER_MUTATE_TESTING_COMMITTER_FIXTURE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "services/base/testing/simulated_clock.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/audit/testing/sample_chain.h"
#include "services/scheduler/audit/verify.h"
#include "services/scheduler/mutate/committer.h"
#include "services/scheduler/mutate/testing/guarded_store.h"
#include "services/scheduler/mutate/testing/sample_mutations.h"
#include "services/scheduler/store/memory_schedule_store.h"

namespace z4j::scheduler {

// A committer over a guarded memory store, on 2026-03-10 at 08:30 UTC.
class CommitterTest : public testing::Test {
 protected:
  absl::StatusOr<MutationResult> Run(MutationAction action, std::string request_id = "") {
    return committer_.Run(ByAnn(std::move(action), std::move(request_id)));
  }
  std::vector<AuditEntry> Audit() { return *memory_.ListAudit(0, 10'000); }
  std::vector<std::string> Actions() {
    std::vector<std::string> actions;
    for (const AuditEntry& entry : Audit()) actions.push_back(entry.action);
    return actions;
  }
  size_t ScheduleCount() {
    size_t count = 0;
    EXPECT_OK(memory_.LoadSchedules([&](StoredSchedule) { ++count; }));
    return count;
  }
  std::vector<NamedFire> Fires() {
    FireQuery query;
    query.project = "default";
    return memory_.ListFires(query)->fires;
  }
  void ExpectWholeChain() {
    const auto verdict = VerifyStore(memory_, keys_);
    ASSERT_OK(verdict);
    EXPECT_TRUE(verdict->ok()) << verdict->message;
  }
  // Submits all of `mutations` while the store is held, so that they end up in one transaction.
  std::vector<absl::StatusOr<MutationResult>> Together(std::vector<Mutation> mutations) {
    Hold();
    std::vector<absl::StatusOr<MutationResult>> results(mutations.size(),
                                                        absl::UnknownError("not answered"));
    absl::Mutex mu;
    int open = static_cast<int>(mutations.size());
    for (size_t i = 0; i < mutations.size(); ++i) {
      committer_.Submit(mutations[i], [&, i](Committer::Result result) {
        absl::MutexLock lock(&mu);
        results[i] = std::move(result);
        --open;
      });
    }
    store_.Open();
    absl::MutexLock lock(&mu);
    const auto all = [&] { return open == 0; };
    mu.Await(absl::Condition(&all));
    return results;
  }
  // Returns once everything that was submitted before is committed or refused.
  void Settle() { ASSERT_OK(committer_.Run(Idle())); }
  // Keeps the committer busy with a transaction that writes nothing until store_.Open().
  void Hold() {
    store_.Close();
    committer_.Submit(Idle(), [](Committer::Result) {});
    store_.AwaitHeld();
  }

  // Writes nothing.
  static Mutation Idle() {
    Mutation idle = ByAnn(CreateSchedule{HourlySchedule("idle")});
    idle.validate_only = true;
    return idle;
  }

  SimulatedClock clock_{
      absl::FromCivil(absl::CivilMinute(2026, 3, 10, 8, 30), absl::UTCTimeZone())};
  const Keyring keys_ = SampleKeys();
  MemoryScheduleStore memory_{clock_};
  GuardedStore store_{memory_};
  std::atomic<int> commits_ = 0;
  Committer committer_{
      store_, keys_, clock_, {[this] { ++commits_; }, [] { return Uuid::Random(); }}};
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_MUTATE_TESTING_COMMITTER_FIXTURE_H_
