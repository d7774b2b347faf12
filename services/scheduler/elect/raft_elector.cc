#include "services/scheduler/elect/raft_elector.h"

#include <algorithm>
#include <utility>

#include "services/base/log.h"
#include "services/scheduler/mutants.h"

namespace z4j::scheduler {
namespace {

// A hand-over that fails ends within one election timeout, and so does the leadership of a node
// that no quorum answers.  Whoever has no trust for longer will have none in this term.
constexpr int kTimeoutsWithoutTrust = 3;

}  // namespace

RaftElector::RaftElector(Options options, LeadershipSource& source, Clock& clock)
    : options_(options), source_(source), clock_(clock) {}

RaftElector::~RaftElector() { Stop(); }

absl::Status RaftElector::Start(absl::AnyInvocable<void()> on_change) {
  on_change_ = std::move(on_change);
  source_.SetOnChange([this] {
    Wake();
    on_change_();
  });
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void RaftElector::Wake() {
  MonotoneMutexLock lock(&mu_);
  woken_ = true;
}

void RaftElector::Run() {
  on_change_();  // This node may lead since before Start().
  while (true) {
    Step();
    const absl::Duration sleep =
        trusted_at_ ? options_.election_timeout / 2 : absl::InfiniteDuration();
    MonotoneMutexLock lock(&mu_);
    mu_.AwaitAtMost(sleep, absl::Condition(&woken_));
    woken_ = false;
    if (stopping_) break;
  }
  Step();
}

void RaftElector::Step() {
  const MonoTime now = clock_.MonoNow();
  const std::optional<LeaderTerm> held = source_.Held();
  bool unwanted = false;
  std::string successor;
  std::optional<FencingToken> must_exceed;
  {
    MonotoneMutexLock lock(&mu_);
    unwanted = held && held->token != kept_ &&
               (stopping_ || held->token <= given_up_ || now < paused_until_);
    successor = std::exchange(successor_, "");
    must_exceed = std::exchange(must_exceed_, std::nullopt);
  }
  if (!held) return trusted_at_.reset();
  if (unwanted && Broken(Rule::kLeaverHandsOver)) return;
  if (unwanted) return HandOver(held->token, successor);
  if (must_exceed) RaiseTokens(held->token, *must_exceed);
  WatchTrust(*held, now);
}

void RaftElector::HandOver(FencingToken token, const std::string& successor) {
  const absl::Status status =
      source_.HandOver(successor, clock_.MonoNow() + options_.hand_over_max);
  if (status.ok()) return;
  LogWarning("nobody took the leadership over",
             {{"successor", successor}, {"status", status.ToString()}});
  {
    MonotoneMutexLock lock(&mu_);
    kept_ = token;
  }
  on_change_();
}

void RaftElector::RaiseTokens(FencingToken held, FencingToken seen) {
  if (held > seen) return;
  LogWarning("the store has seen a greater token than this cluster ever gave; raising the epoch",
             {{"token", held.value}, {"seen", seen.value}});
  const absl::Status status = source_.RaiseTokens(seen, clock_.MonoNow() + options_.hand_over_max);
  if (!status.ok()) LogWarning("cannot raise the epoch", {{"status", status.ToString()}});
  on_change_();
}

void RaftElector::WatchTrust(const LeaderTerm& held, MonoTime now) {
  if (now < held.trusted_until || !trusted_at_) {
    trusted_at_ = now;
  } else if (now - *trusted_at_ > kTimeoutsWithoutTrust * options_.election_timeout) {
    trusted_at_ = now;
    source_.Campaign();
  }
}

std::optional<LeaderTerm> RaftElector::Current(MonoTime now) {
  const std::optional<LeaderTerm> held = source_.Held();
  if (!held || held->trusted_until <= now) return std::nullopt;
  MonotoneMutexLock lock(&mu_);
  const bool unwanted = held->token <= given_up_ || now < paused_until_;
  if (stopping_ || (unwanted && held->token != kept_)) return std::nullopt;
  return held;
}

void RaftElector::ResignTo(const std::string& successor, absl::Duration pause) {
  const std::optional<LeaderTerm> held = source_.Held();
  MonotoneMutexLock lock(&mu_);
  if (held) given_up_ = std::max(given_up_, held->token);
  kept_ = {};
  paused_until_ = clock_.MonoNow() + pause;
  successor_ = successor;
  woken_ = true;
}

absl::Status RaftElector::CheckSuccessor(const std::string& successor) {
  return source_.CheckSuccessor(successor);
}

void RaftElector::MustExceed(FencingToken seen) {
  MonotoneMutexLock lock(&mu_);
  must_exceed_ = seen;
  woken_ = true;
}

void RaftElector::Stop() {
  {
    MonotoneMutexLock lock(&mu_);
    stopping_ = woken_ = true;
    kept_ = {};
  }
  if (thread_.joinable()) thread_.join();
  source_.SetOnChange([] {});
}

}  // namespace z4j::scheduler
