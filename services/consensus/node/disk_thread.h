#ifndef Z4J_CONSENSUS_NODE_DISK_THREAD_H_
#define Z4J_CONSENSUS_NODE_DISK_THREAD_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "services/base/clock.h"
#include "services/consensus/node/mailbox.h"
#include "services/consensus/node/measures.h"
#include "services/consensus/storage/log_storage.h"

namespace z4j::consensus {

// The one thread that writes the log.  Whatever was handed over while the disk was busy becomes one
// append with one sync: the more there is to do, the more each sync does.
class DiskThread {
 public:
  // All are called on the disk's thread, and must not wait for it.
  struct Events {
    // The write `seq` and all before it are on the disk.
    std::function<void(uint64_t seq)> persisted;
    // The disk has no room, or little: whether, when it changes.  What was handed over is tried
    // again until it fits.
    std::function<void(bool full)> full;
    // Nothing is known about the disk any more; the thread does nothing further.
    std::function<void(const absl::Status& status)> failed;
  };

  // `storage` and `clock` outlive this, and nobody else writes the log.
  DiskThread(LogStorage& storage, Clock& clock, Events events);
  ~DiskThread();  // Stops.

  void Start();
  // The call under way is finished; what still waits is left out, as by a crash.  Idempotent.
  void Stop();

  // Writes in order; from `compact` on the log is kept, once they are written.  Thread-safe.
  void Put(std::vector<Write> writes, std::optional<Index> compact);
  // Of the storage, after the last job.  Thread-safe.
  uint64_t bytes_used() const { return bytes_used_; }
  // Of what the last appends took, with their syncs.  Thread-safe.
  absl::Duration AppendPercentile(int percent) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Job {
    std::vector<Write> writes;
    std::optional<Index> compact;

    void Add(std::vector<Job> more);
    bool empty() const { return writes.empty() && !compact; }
  };

  void Run();
  absl::Status Do(Job job);
  absl::Status Append(const std::vector<Write>& writes) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Compact(Job& job);
  void ReportFull(bool full);

  LogStorage& storage_;
  Clock& clock_;
  const Events events_;
  Mailbox<Job> jobs_;
  std::atomic<uint64_t> bytes_used_;
  bool full_ = false;  // As reported; the thread's own.
  mutable absl::Mutex mu_;
  RecentDurations appends_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_NODE_DISK_THREAD_H_
