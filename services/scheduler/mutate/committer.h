#ifndef Z4J_SCHEDULER_MUTATE_COMMITTER_H_
#define Z4J_SCHEDULER_MUTATE_COMMITTER_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/base/clock.h"
#include "services/base/uuid.h"
#include "services/scheduler/audit/chain.h"
#include "services/scheduler/core/engine_fit.h"
#include "services/scheduler/mutate/mutation.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// The one writer of mutations in this process.  Its thread takes what many callers have queued,
// decides all of it and writes schedules and audit entries in one transaction: laws 6 and 9.  A
// mutation that is refused writes nothing, not even an audit entry, and does not disturb its
// neighbours in the transaction.
//
// Codes, besides those of the mutation itself: RESOURCE_EXHAUSTED if kMutationsQueuedMax are
// waiting (or the store's disk is full), UNAVAILABLE if the outcome is not known (send again with
// the same request id) or the committer is stopping, DATA_LOSS if the audit chain's head is forged.
// Thread-safe.
class Committer {
 public:
  using Result = absl::StatusOr<MutationResult>;
  using Done = absl::AnyInvocable<void(Result)>;
  using BatchDone = absl::AnyInvocable<void(std::vector<Result>)>;

  struct Options {
    // Called on the committer's thread after each transaction that wrote, before the answers: it
    // wakes the fire loop.  It must not block.
    std::function<void()> on_commit = [] {};
    // Where ids of schedules and triggers come from.
    std::function<Uuid()> new_id = [] { return Uuid::Random(); };
    // What the adapters that are connected take of a schedule.  Asked once a transaction, on the
    // committer's thread; it must not block.
    std::function<EngineOffers()> offers = [] { return EngineOffers(); };
  };

  // All outlive this.  Starts the thread.
  Committer(ScheduleStore& store, const Keyring& keys, Clock& clock, Options options);
  Committer(ScheduleStore& store, const Keyring& keys, Clock& clock)
      : Committer(store, keys, clock, Options()) {}
  ~Committer();  // Stops.

  // Queues `mutation`; `done` is called once, on the committer's thread (or on this one if the
  // queue is full or stopped), and must not block.
  void Submit(Mutation mutation, Done done) ABSL_LOCKS_EXCLUDED(mu_);

  // Queues 1 .. kBatchCreateMax mutations that are written in one transaction; `done` gets one
  // result each, in their order.  `atomic`: if one is refused then none is written, and those that
  // were not at fault get FAILED_PRECONDITION.  Items may share one request id.
  void SubmitBatch(std::vector<Mutation> mutations, bool atomic, BatchDone done)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Submits and waits.  Never call it on a gRPC callback thread or the committer's own.
  Result Run(Mutation mutation) ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<Result> RunBatch(std::vector<Mutation> mutations, bool atomic)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Finishes what is queued, refuses anything further, joins the thread.  Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Mutations that were submitted together.
  struct Group {
    std::vector<Mutation> mutations;
    bool atomic = false;
    BatchDone done;
    std::string request_hash = {};  // Empty if none has a request id.
  };

  void Enqueue(Group group) ABSL_LOCKS_EXCLUDED(mu_);
  void Loop() ABSL_LOCKS_EXCLUDED(mu_);
  // Takes groups from the front of the queue that may share a transaction.
  std::vector<Group> TakeGroups() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Decides `groups` and writes them in one transaction; then answers.
  void Commit(std::vector<Group> groups);
  // The transaction; `results` holds the decisions in order, `wrote` whether anything was written.
  absl::Status Transact(const std::vector<Group>& groups, std::vector<Result>& results,
                        bool& wrote);

  ScheduleStore& store_;
  const Keyring& keys_;
  Clock& clock_;
  const Options options_;
  ChainMac mac_;  // The thread's own.

  absl::Mutex mu_;
  std::deque<Group> queue_ ABSL_GUARDED_BY(mu_);
  int queued_ ABSL_GUARDED_BY(mu_) = 0;  // Mutations in `queue_`.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Mutex join_mu_;
  std::thread thread_ ABSL_GUARDED_BY(join_mu_);
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_MUTATE_COMMITTER_H_
