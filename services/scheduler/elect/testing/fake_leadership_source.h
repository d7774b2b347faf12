#ifndef Z4J_SCHEDULER_ELECT_TESTING_FAKE_LEADERSHIP_SOURCE_H_
#define Z4J_SCHEDULER_ELECT_TESTING_FAKE_LEADERSHIP_SOURCE_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/scheduler/elect/leadership_source.h"

namespace z4j::scheduler {

// A consensus cluster of which a test says who leads it.  Thread-safe.
class FakeLeadershipSource final : public LeadershipSource {
 public:
  void SetOnChange(std::function<void()> on_change) override {
    absl::MutexLock lock(&mu_);
    on_change_ = std::move(on_change);
  }
  std::optional<LeaderTerm> Held() override {
    absl::MutexLock lock(&mu_);
    return held_;
  }
  LeaderInfo Leader() override {
    absl::MutexLock lock(&mu_);
    return held_ ? LeaderInfo{"this", held_->token} : leader_;
  }
  absl::Status CheckSuccessor(const std::string& node) override {
    return node.empty() || node == "other" ? absl::OkStatus()
                                           : absl::InvalidArgumentError("no such node");
  }
  absl::Status HandOver(const std::string& successor, MonoTime) override {
    absl::MutexLock lock(&mu_);
    handed_to_.push_back(successor);
    if (!others_live_) return absl::UnavailableError("nobody else is alive");
    held_.reset();
    leader_ = {"other", {}};
    return absl::OkStatus();
  }
  void Campaign() override {
    absl::MutexLock lock(&mu_);
    ++campaigns_;
  }
  absl::Status RaiseTokens(FencingToken seen, MonoTime) override {
    absl::MutexLock lock(&mu_);
    if (held_) held_->token = {seen.value + 1000};
    return absl::OkStatus();
  }

  // This node is elected.
  void Elect(int64_t token, MonoTime trusted_until = {absl::InfiniteDuration()}) {
    Set(LeaderTerm{{token}, trusted_until});
  }
  void Lose() { Set(std::nullopt); }
  void set_others_live(bool others_live) {
    absl::MutexLock lock(&mu_);
    others_live_ = others_live;
  }
  // Whom leadership was handed to, in order; "": anybody.
  std::vector<std::string> handed_to() {
    absl::MutexLock lock(&mu_);
    return handed_to_;
  }
  void AwaitHandOvers(size_t count) {
    const auto enough = [&]()
                            ABSL_SHARED_LOCKS_REQUIRED(mu_) { return handed_to_.size() >= count; };
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&enough));
  }
  int campaigns() {
    absl::MutexLock lock(&mu_);
    return campaigns_;
  }

 private:
  void Set(std::optional<LeaderTerm> held) {
    std::function<void()> on_change;
    {
      absl::MutexLock lock(&mu_);
      held_ = held;
      on_change = on_change_;
    }
    if (on_change) on_change();
  }

  absl::Mutex mu_;
  std::function<void()> on_change_ ABSL_GUARDED_BY(mu_);
  std::optional<LeaderTerm> held_ ABSL_GUARDED_BY(mu_);
  LeaderInfo leader_ ABSL_GUARDED_BY(mu_);
  bool others_live_ ABSL_GUARDED_BY(mu_) = true;
  std::vector<std::string> handed_to_ ABSL_GUARDED_BY(mu_);
  int campaigns_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_ELECT_TESTING_FAKE_LEADERSHIP_SOURCE_H_
