#include "services/scheduler/elect/solo_elector.h"

#include <utility>

#include "services/scheduler/limits.h"

namespace z4j::scheduler {

SoloElector::SoloElector(ScheduleStore& store, std::string node)
    : store_(store), node_(std::move(node)) {}

SoloElector::~SoloElector() { Stop(); }

absl::Status SoloElector::Start(absl::AnyInvocable<void()> on_change) {
  on_change_ = std::move(on_change);
  thread_ = std::thread([this] { Campaign(); });
  return absl::OkStatus();
}

void SoloElector::Pause(absl::Duration timeout) {
  mu_.AwaitAtMost(timeout, absl::Condition(&stopping_));
}

void SoloElector::Campaign() {
  MonotoneMutexLock lock(&mu_);
  while (!stopping_) {
    if (pause_ > absl::ZeroDuration()) {
      Pause(std::exchange(pause_, absl::ZeroDuration()));
      continue;
    }
    mu_.Unlock();
    const absl::StatusOr<FenceRow> fence = store_.ReadFence();
    mu_.Lock();
    if (stopping_) return;
    if (!fence.ok()) {
      Pause(kCampaignPeriod);
      continue;
    }
    token_ = FencingToken{fence->token.value + 1};
    mu_.Unlock();
    on_change_();
    mu_.Lock();
    const auto over = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      return stopping_ || !token_.has_value();
    };
    mu_.Await(absl::Condition(&over));
    if (stopping_) return;
    mu_.Unlock();
    on_change_();
    mu_.Lock();
  }
}

std::optional<LeaderTerm> SoloElector::Current(MonoTime) {
  MonotoneMutexLock lock(&mu_);
  if (!token_) return std::nullopt;
  return LeaderTerm{*token_, {absl::InfiniteDuration()}};
}

LeaderInfo SoloElector::Leader() {
  MonotoneMutexLock lock(&mu_);
  return token_ ? LeaderInfo{node_, *token_} : LeaderInfo{};
}

void SoloElector::Resign(absl::Duration pause) {
  MonotoneMutexLock lock(&mu_);
  token_.reset();
  pause_ = pause;
}

absl::Status SoloElector::CheckSuccessor(const std::string&) {
  return absl::FailedPreconditionError(
      "this node is alone; others can lead with --election raft or postgres");
}

void SoloElector::Stop() {
  {
    MonotoneMutexLock lock(&mu_);
    token_.reset();
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace z4j::scheduler
