#ifndef Z4J_SCHEDULER_MUTATE_TESTING_GUARDED_STORE_H_
#define Z4J_SCHEDULER_MUTATE_TESTING_GUARDED_STORE_H_

#include <functional>
#include <string>

#include "absl/synchronization/mutex.h"
#include "services/scheduler/store/testing/forwarding_store.h"

namespace z4j::scheduler {

// A store whose transactions a test can hold back, fail, falsify and count.  Thread-safe.
class GuardedStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  // Holds transactions back until Open().  AwaitHeld returns once one is held.
  void Close() {
    absl::MutexLock lock(&mu_);
    closed_ = true;
  }
  void Open() {
    absl::MutexLock lock(&mu_);
    closed_ = false;
  }
  void AwaitHeld() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&held_));
  }
  // What a transaction is told instead of being written, after it was decided; OK: it is written.
  void FailWith(std::function<absl::Status(const WriteSet&)> judge) {
    absl::MutexLock lock(&mu_);
    judge_ = std::move(judge);
  }
  // Changes what transactions read.
  void Falsify(std::function<void(ReadSet&)> falsify) {
    absl::MutexLock lock(&mu_);
    falsify_ = std::move(falsify);
  }
  int transactions() {
    absl::MutexLock lock(&mu_);
    return transactions_;
  }

  absl::Status Transact(
      absl::Span<const ScheduleKey> keys, absl::Span<const std::string> request_ids,
      absl::FunctionRef<absl::StatusOr<WriteSet>(const ReadSet&)> decide) override {
    std::function<absl::Status(const WriteSet&)> judge;
    std::function<void(ReadSet&)> falsify;
    {
      absl::MutexLock lock(&mu_);
      ++transactions_;
      held_ = closed_;
      const auto open = [this] { return !closed_; };
      mu_.Await(absl::Condition(&open));
      held_ = false;
      judge = judge_;
      falsify = falsify_;
    }
    return ForwardingStore::Transact(keys, request_ids,
                                     [&](const ReadSet& read) -> absl::StatusOr<WriteSet> {
                                       ReadSet seen = read;
                                       if (falsify) falsify(seen);
                                       absl::StatusOr<WriteSet> writes = decide(seen);
                                       if (writes.ok() && judge) {
                                         if (absl::Status failure = judge(*writes); !failure.ok())
                                           return failure;
                                       }
                                       return writes;
                                     });
  }

 private:
  absl::Mutex mu_;
  bool closed_ = false, held_ = false;
  int transactions_ = 0;
  std::function<absl::Status(const WriteSet&)> judge_;
  std::function<void(ReadSet&)> falsify_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_MUTATE_TESTING_GUARDED_STORE_H_
