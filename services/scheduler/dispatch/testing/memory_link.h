#ifndef Z4J_SCHEDULER_DISPATCH_TESTING_MEMORY_LINK_H_
#define Z4J_SCHEDULER_DISPATCH_TESTING_MEMORY_LINK_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/scheduler/dispatch/adapter_link.h"

namespace z4j::scheduler {

// An adapter without a network: it remembers what it was sent, and the test answers for it.
class MemoryLink final : public AdapterLink {
 public:
  struct Cancelled {
    FireId id;
    bool terminate = false;
  };

  explicit MemoryLink(std::string instance, std::string engine = "celery", bool outcomes = true) {
    info_.instance = std::move(instance);
    info_.engine = std::move(engine);
    info_.capabilities.outcomes = outcomes;
  }

  AdapterInfo& info() { return info_; }
  AdapterInfo Info() const override { return info_; }

  bool Send(std::vector<DispatchItem> items) override {
    absl::MutexLock lock(&mu_);
    if (closed_) return false;
    for (DispatchItem& item : items) sent_.push_back(std::move(item));
    return true;
  }
  void Cancel(const FireKey&, FireId id, bool terminate) override {
    absl::MutexLock lock(&mu_);
    cancelled_.push_back({id, terminate});
  }
  void LookUp(const std::vector<FireRef>& fires) override {
    absl::MutexLock lock(&mu_);
    looked_up_.push_back(fires);
  }

  void Ask(const AdapterQuestion& question, MonoTime, OnAnswer done) override {
    absl::MutexLock lock(&mu_);
    asked_.emplace_back(question, std::move(done));
  }

  void Close() {
    absl::MutexLock lock(&mu_);
    closed_ = true;
  }
  // What was sent since the last call, in its order.
  std::vector<DispatchItem> TakeSent() {
    absl::MutexLock lock(&mu_);
    return std::exchange(sent_, {});
  }
  std::vector<Cancelled> TakeCancelled() {
    absl::MutexLock lock(&mu_);
    return std::exchange(cancelled_, {});
  }
  // The look-ups that were asked for since the last call.
  std::vector<std::vector<FireRef>> TakeLookUps() {
    absl::MutexLock lock(&mu_);
    return std::exchange(looked_up_, {});
  }
  // The questions since the last call, and who awaits the answers.
  std::vector<std::pair<AdapterQuestion, OnAnswer>> TakeAsked() {
    absl::MutexLock lock(&mu_);
    return std::exchange(asked_, {});
  }

 private:
  AdapterInfo info_;
  absl::Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<DispatchItem> sent_ ABSL_GUARDED_BY(mu_);
  std::vector<Cancelled> cancelled_ ABSL_GUARDED_BY(mu_);
  std::vector<std::vector<FireRef>> looked_up_ ABSL_GUARDED_BY(mu_);
  std::vector<std::pair<AdapterQuestion, OnAnswer>> asked_ ABSL_GUARDED_BY(mu_);
};

// One answer for each of `items`.
inline std::vector<DispatchResult> Answers(const std::vector<DispatchItem>& items,
                                           DispatchCode code, const std::string& message = "") {
  std::vector<DispatchResult> results;
  for (const DispatchItem& item : items) results.push_back({item.key, item.id, code, message});
  return results;
}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_TESTING_MEMORY_LINK_H_
