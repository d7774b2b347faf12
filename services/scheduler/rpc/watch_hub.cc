#include "services/scheduler/rpc/watch_hub.h"

#include <utility>
#include <vector>

#include "services/scheduler/limits.h"

namespace z4j::scheduler {

WatchHub::WatchHub(WorkerPool& pool) : pool_(pool) {
  absl::MutexLock lock(&join_mu_);
  thread_ = std::thread([this] { Loop(); });
}

WatchHub::~WatchHub() { Stop(); }

bool WatchHub::Add(std::shared_ptr<Watcher> watcher) {
  {
    MonotoneMutexLock lock(&mu_);
    if (stopping_ || watchers_.size() >= kWatchersMax) return false;
    watchers_.insert(watcher);
  }
  Soon(std::move(watcher));
  return true;
}

void WatchHub::Remove(const std::shared_ptr<Watcher>& watcher) {
  MonotoneMutexLock lock(&mu_);
  watchers_.erase(watcher);
}

void WatchHub::Soon(std::shared_ptr<Watcher> watcher) {
  // If the pool is full the next round comes soon enough.
  pool_.TryPost([watcher = std::move(watcher)] { watcher->Poll(); });
}

void WatchHub::Stop() {
  std::vector<std::shared_ptr<Watcher>> open;
  {
    MonotoneMutexLock lock(&mu_);
    stopping_ = true;
    open.assign(watchers_.begin(), watchers_.end());
  }
  for (const auto& watcher : open) watcher->Close();
  absl::MutexLock lock(&join_mu_);
  if (thread_.joinable()) thread_.join();
}

void WatchHub::Wake() {
  MonotoneMutexLock lock(&mu_);
  woken_ = true;
}

void WatchHub::Loop() {
  while (true) {
    std::vector<std::shared_ptr<Watcher>> open;
    {
      MonotoneMutexLock lock(&mu_);
      const auto wanted = [this]()
                              ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return stopping_ || woken_; };
      mu_.AwaitAtMost(kWatchPollEvery, absl::Condition(&wanted));
      if (stopping_) return;
      woken_ = false;
      open.assign(watchers_.begin(), watchers_.end());
    }
    for (auto& watcher : open) Soon(std::move(watcher));
  }
}

}  // namespace z4j::scheduler
