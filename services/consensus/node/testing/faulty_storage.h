#ifndef Z4J_CONSENSUS_NODE_TESTING_FAULTY_STORAGE_H_
#define Z4J_CONSENSUS_NODE_TESTING_FAULTY_STORAGE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/storage/log_storage.h"

namespace z4j::consensus {

// A storage whose disk fails, fills up and stands still when a test says so, while another thread
// writes it.
class FaultyStorage final : public LogStorage {
 public:
  explicit FaultyStorage(std::unique_ptr<LogStorage> storage) : storage_(std::move(storage)) {}

  // Appends have this status from now on, and write nothing unless it is OK.
  void FailAppends(absl::Status status) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    status_ = std::move(status);
    tried_ = 0;
  }
  // Appends do not return until they are held no more.
  void HoldAppends(bool held) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    held_ = held;
  }
  // Until `count` were tried since FailAppends.
  void AwaitAppends(int count) ABSL_LOCKS_EXCLUDED(mu_) {
    auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return tried_ >= count; };
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&enough));
  }

  // The sizes of the appends that were tried, and how often Prepare was called.
  std::vector<size_t> appends() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return appends_;
  }
  void AwaitPrepares(int count) ABSL_LOCKS_EXCLUDED(mu_) {
    auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return prepares_ >= count; };
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&enough));
  }

  absl::Status Append(const std::vector<Write>& writes) override {
    {
      auto free = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !held_; };
      absl::MutexLock lock(&mu_);
      ++tried_;
      appends_.push_back(writes.size());
      mu_.Await(absl::Condition(&free));
      if (!status_.ok()) return status_;
    }
    return storage_->Append(writes);
  }
  const Recovered& recovered() const override { return storage_->recovered(); }
  const std::string& damage() const override { return storage_->damage(); }
  const NodeIdentity& identity() const override { return storage_->identity(); }
  absl::Status Prepare() override {
    absl::MutexLock lock(&mu_);
    ++prepares_;
    return storage_->Prepare();
  }
  absl::Status PrepareSome() override { return storage_->PrepareSome(); }
  absl::Status Compact(Index first) override { return storage_->Compact(first); }
  absl::StatusOr<std::unique_ptr<SnapshotWriter>> WriteSnapshot(
      const SnapshotMeta& meta, const std::string& source) override {
    return storage_->WriteSnapshot(meta, source);
  }
  absl::StatusOr<std::unique_ptr<SnapshotReader>> NewestSnapshot() override {
    return storage_->NewestSnapshot();
  }
  uint64_t bytes_used() const override { return storage_->bytes_used(); }

 private:
  const std::unique_ptr<LogStorage> storage_;
  absl::Mutex mu_;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  bool held_ ABSL_GUARDED_BY(mu_) = false;
  int tried_ ABSL_GUARDED_BY(mu_) = 0;
  int prepares_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<size_t> appends_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_NODE_TESTING_FAULTY_STORAGE_H_
