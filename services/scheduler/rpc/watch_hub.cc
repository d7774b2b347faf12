#include "services/scheduler/rpc/watch_hub.h"

#include <utility>
#include <vector>

#include "services/base/log.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {

WatchHub::WatchHub(ScheduleStore& store, WorkerPool& pool) : store_(store), pool_(pool) {
  absl::MutexLock lock(&join_mu_);
  thread_ = std::thread([this] { Loop(); });
}

WatchHub::~WatchHub() { Stop(); }

bool WatchHub::Add(std::shared_ptr<Watcher> watcher) {
  {
    absl::MutexLock lock(&mu_);
    if (stopping_ || watchers_.size() >= kWatchersMax) return false;
    watchers_.insert(watcher);
  }
  Soon(std::move(watcher));
  return true;
}

void WatchHub::Remove(const std::shared_ptr<Watcher>& watcher) {
  absl::MutexLock lock(&mu_);
  watchers_.erase(watcher);
}

void WatchHub::Soon(std::shared_ptr<Watcher> watcher) {
  // If the pool is full the next round comes soon enough.
  pool_.TryPost([watcher = std::move(watcher)] { watcher->Poll(); });
}

void WatchHub::Stop() {
  std::vector<std::shared_ptr<Watcher>> open;
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    open.assign(watchers_.begin(), watchers_.end());
  }
  for (const auto& watcher : open) watcher->Close();
  absl::MutexLock lock(&join_mu_);
  if (thread_.joinable()) thread_.join();
}

void WatchHub::Loop() {
  while (true) {
    std::vector<std::shared_ptr<Watcher>> open;
    {
      absl::MutexLock lock(&mu_);
      // Without a watcher there is nothing to wait for.
      const auto wanted = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return stopping_ || !watchers_.empty();
      };
      mu_.Await(absl::Condition(&wanted));
      if (stopping_) return;
      open.assign(watchers_.begin(), watchers_.end());
    }
    for (auto& watcher : open) Soon(std::move(watcher));
    if (absl::Status status = store_.AwaitChange(kWatchPollEvery); !status.ok()) {
      LogWarning("cannot wait for changes of the store", {{"error", status.message()}});
      absl::MutexLock lock(&mu_);
      mu_.AwaitWithTimeout(absl::Condition(&stopping_), kWatchPollEvery);
    }
  }
}

}  // namespace z4j::scheduler
