#ifndef Z4J_SCHEDULER_ELECT_TESTING_FAKE_ELECTOR_H_
#define Z4J_SCHEDULER_ELECT_TESTING_FAKE_ELECTOR_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/scheduler/elect/leader_elector.h"

namespace z4j::scheduler {

// An elector that is told who leads.  Thread-safe.
class FakeElector final : public LeaderElector {
 public:
  absl::Status Start(absl::AnyInvocable<void()> on_change) override {
    on_change_ = std::move(on_change);
    return absl::OkStatus();
  }
  std::optional<LeaderTerm> Current(MonoTime now) override {
    absl::MutexLock lock(&mu_);
    if (!term_.has_value() || !(now < term_->trusted_until)) return std::nullopt;
    return term_;
  }
  LeaderInfo Leader() override {
    absl::MutexLock lock(&mu_);
    return {term_.has_value() ? "this" : "", term_.has_value() ? term_->token : FencingToken{}};
  }
  void Resign(absl::Duration) override {
    on_resign_();
    absl::MutexLock lock(&mu_);
    term_.reset();
    ++resigned_;
  }
  void ResignTo(const std::string& successor, absl::Duration pause) override {
    Resign(pause);
    absl::MutexLock lock(&mu_);
    successor_ = successor;
  }
  absl::Status CheckSuccessor(const std::string&) override {
    absl::MutexLock lock(&mu_);
    return alone_ ? absl::FailedPreconditionError("nobody else") : absl::OkStatus();
  }
  void MustExceed(FencingToken seen) override {
    absl::MutexLock lock(&mu_);
    must_exceed_ = seen;
  }
  void Stop() override { Resign(absl::ZeroDuration()); }

  void Grant(int64_t token, MonoTime until = {absl::InfiniteDuration()}) {
    Set(LeaderTerm{{token}, until});
  }
  void Revoke() { Set(std::nullopt); }
  // Called first by each Resign.  Set it before there is another thread that may resign.
  void set_on_resign(std::function<void()> on_resign) { on_resign_ = std::move(on_resign); }
  void set_alone(bool alone) {
    absl::MutexLock lock(&mu_);
    alone_ = alone;
  }
  std::string successor() const {
    absl::MutexLock lock(&mu_);
    return successor_;
  }
  FencingToken must_exceed() const {
    absl::MutexLock lock(&mu_);
    return must_exceed_;
  }
  int resigned() const {
    absl::MutexLock lock(&mu_);
    return resigned_;
  }

 private:
  void Set(std::optional<LeaderTerm> term) {
    {
      absl::MutexLock lock(&mu_);
      term_ = term;
    }
    if (on_change_) on_change_();
  }

  mutable absl::Mutex mu_;
  absl::AnyInvocable<void()> on_change_;  // Set once, by Start.
  std::function<void()> on_resign_ = [] {};
  std::optional<LeaderTerm> term_ ABSL_GUARDED_BY(mu_);
  int resigned_ ABSL_GUARDED_BY(mu_) = 0;
  bool alone_ ABSL_GUARDED_BY(mu_) = true;
  std::string successor_ ABSL_GUARDED_BY(mu_);
  FencingToken must_exceed_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_ELECT_TESTING_FAKE_ELECTOR_H_
