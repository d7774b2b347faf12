// The order of a turn, and the threads.  See fire_loop_takeover.cc for leadership,
// fire_loop_changes.cc for what is read from the store, fire_loop_plan.cc for what is written.
#include "services/scheduler/loop/fire_loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/scheduler/mutants.h"

namespace z4j::scheduler {
namespace {

constexpr absl::Duration kMarkPeriod = absl::Seconds(1);
constexpr absl::Duration kRetryPause = absl::Milliseconds(100);  // After the store was unavailable.
constexpr absl::Duration kTakeOverPause = absl::Milliseconds(500);

}  // namespace

FireLoop::FireLoop(ScheduleStore& store, LeaderElector& elector, Dispatcher& dispatcher,
                   UpdateWriter& writer, StateChanges& changes, Clock& clock,
                   SchedulerMetrics* metrics, Options options)
    : store_(store),
      elector_(elector),
      dispatcher_(dispatcher),
      writer_(writer),
      changes_(changes),
      clock_(clock),
      metrics_(metrics),
      options_(std::move(options)) {
  dispatcher_.SetOnEnded([this](std::vector<FireId> ended) {
    MonotoneMutexLock lock(&mu_);
    ended_.insert(ended_.end(), ended.begin(), ended.end());
    woken_ = true;
  });
  writer_.SetCallbacks({[this](const std::vector<FireId>& ids) { dispatcher_.OnDurable(ids); },
                        [this] {
                          MonotoneMutexLock lock(&mu_);
                          fenced_ = woken_ = true;
                        },
                        [this](const std::vector<FireId>& ended, bool retried) {
                          MonotoneMutexLock lock(&mu_);
                          ended_.insert(ended_.end(), ended.begin(), ended.end());
                          retried_ |= retried;
                          woken_ = true;
                        }});
}

FireLoop::~FireLoop() { Stop(); }

absl::Duration FireLoop::RunOnce() {
  const MonoTime begin = clock_.MonoNow();
  const absl::Duration sleep = Turn(clock_.Now(), begin);
  last_turn_ = clock_.MonoNow();
  live_at_ = clock_.Now();
  if (metrics_ && leading()) metrics_->TurnTook(*last_turn_ - begin);
  return std::max(sleep, absl::ZeroDuration());
}

absl::Duration FireLoop::Turn(absl::Time now, MonoTime mono) {
  const std::optional<LeaderTerm> term = elector_.Current(mono);
  bool fenced = false;
  std::optional<std::string> successor;
  {
    MonotoneMutexLock lock(&mu_);
    fenced = std::exchange(fenced_, false);
    successor = successor_;
    woken_ = false;
  }
  if (successor.has_value()) {
    if (leading() && term.has_value()) LetGo("asked to hand over", *successor);
    MonotoneMutexLock lock(&mu_);
    successor_.reset();
    return absl::ZeroDuration();
  }
  if (!term.has_value()) {
    if (leading()) StepDown("the term cannot be trusted any more");
    store_lost_at_.reset();
    return Follow(now, mono);
  }
  if (fenced && leading()) {
    Survives(absl::AbortedError("fire updates were fenced off"), "update_fires");
    return kTakeOverPause;
  }
  if (!leading() || term->token != token_) {
    if (leading()) StepDown("a new term began");
    if (mono < next_take_over_) return next_take_over_ - mono;
    if (const absl::Status status = TakeOver(term->token, now); !status.ok()) {
      next_take_over_ = mono + kTakeOverPause;
      StepDown(absl::StrCat("cannot take over: ", status.ToString()));
      if (absl::IsDataLoss(status)) options_.on_data_loss(status);
      if (absl::IsAborted(status)) Outranked();
      GivesUpForStore(status);
      return kTakeOverPause;
    }
  } else if (last_turn_.has_value() && mono - *last_turn_ > kOnTimeGrace) {
    // Between turns the loop sleeps a second at most: the machine was suspended, so nobody was
    // live.  A wall clock that was merely set does not come here.
    LogWarning("this process stood still", {{"for", absl::FormatDuration(mono - *last_turn_)}});
    if (!std::exchange(catching_up_, true)) outages_.clear();
    AddOutage(outages_, std::min(live_at_, now) - behind_, now - behind_);
    outages_saved_ = false;
  }
  return LeaderTurn(now, mono);
}

absl::Duration FireLoop::LeaderTurn(absl::Time now, MonoTime mono) {
  // Before anything else is written: that would end the outage for whoever comes after.
  if (!outages_saved_ && !SaveOutages(now)) return leading() ? kRetryPause : kTakeOverPause;
  if (!CommitPlanned()) return CommitWaits(now, mono);
  if (const absl::Status status = PollChanges(); !status.ok()) {
    // Without knowing what was edited or deleted, nothing is decided.
    return Survives(status, "list_changes") ? CommitWaits(now, mono) : kTakeOverPause;
  }
  writer_.run_retries().Release();  // Every edit is known.
  // While it is not known which runs are open, an end that came too soon would be lost.
  if (!taking_stock_) {
    const absl::Status status = HandleEnded();
    if (!status.ok() && !Survives(status, "load_pending")) return kTakeOverPause;
  }
  bool more = false;
  if (!(mono < hold_until_)) {
    more = PlanDue(PlanUntil());
    if (!CommitPlanned()) return CommitWaits(now, mono);
    // What the store holds off is not decided, and due again within the microsecond.
    const bool held_off = mono < hold_until_;
    const bool waits = taking_stock_ || more || held_off;
    // Who waited for the stock comes within the pause, and is not decided before.
    if (catching_up_ && !waits && table_.NextWake() > clock_.Now() + kStockPause) {
      catching_up_ = outages_saved_ = false;
      SaveOutages(now);
    }
  }
  if (taking_stock_ && leading()) {
    if (!Survives(TakeStock(mono), "take_stock")) return kTakeOverPause;
    // When it is done, what waited for it is looked at.
    if (!taking_stock_ || !(mono < next_read_on_)) return absl::ZeroDuration();
  }
  if (!more && leading()) KeepHouse(now, mono);
  if (!leading()) return kTakeOverPause;
  if (more) return absl::ZeroDuration();
  const absl::Duration wake = std::max(table_.NextWake() - (now - behind_), hold_until_ - mono);
  MonoTime next = std::min({next_mark_, next_poll_, next_prune_});
  if (unended_before_.has_value()) next = std::min(next, next_unended_);
  if (unread_after_.has_value()) next = std::min(next, next_read_on_);
  return std::min(wake, next - mono);
}

bool FireLoop::Survives(const absl::Status& status, absl::string_view what) {
  if (status.ok()) {
    store_lost_at_.reset();
    return true;
  }
  LogWarning("store call failed", {{"op", what}, {"status", status.ToString()}});
  if (absl::IsDataLoss(status)) {
    StepDown("the store's bytes are wrong");
    options_.on_data_loss(status);
    return false;
  }
  if (!absl::IsAborted(status)) return !GivesUpForStore(status);
  if (Broken(Rule::kRefusedStepsDown)) return true;
  StepDown("a newer term writes");
  // Whoever campaigns with an old token would be fenced again: ask for a new one.
  elector_.Resign(kResignPause);
  next_take_over_ = clock_.MonoNow() + kTakeOverPause;
  return false;
}

// Another node may reach the store that this one does not.
bool FireLoop::GivesUpForStore(const absl::Status& status) {
  if (!absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status)) return false;
  const MonoTime now = clock_.MonoNow();
  if (!store_lost_at_.has_value()) store_lost_at_ = now;
  if (now - *store_lost_at_ < kStoreLostMax || !elector_.CheckSuccessor("").ok()) return false;
  store_lost_at_.reset();
  StepDown("this node does not reach the store");
  elector_.Resign(kResignPause);
  return true;
}

absl::Duration FireLoop::CommitWaits(absl::Time now, MonoTime mono) {
  // Time in which only the store was slow is no outage.
  if (leading()) MarkLive(now, mono);
  return leading() ? kRetryPause : kTakeOverPause;
}

bool FireLoop::MarkLive(absl::Time now, MonoTime mono) {
  if (mono < next_mark_) return true;
  next_mark_ = mono + kMarkPeriod;
  if (behind_ > absl::ZeroDuration()) CompareClocks();
  return Survives(Timed("mark_live", [&] { return store_.MarkLive(token_, now); }), "mark_live");
}

void FireLoop::CompareClocks() {
  const absl::StatusOr<FenceRow> fence = Timed("read_fence", [&] { return store_.ReadFence(); });
  if (!fence.ok()) return;
  const absl::Duration ahead = clock_.Now() - fence->read_at;
  behind_ = ahead < kClockAheadMax ? absl::ZeroDuration() : ahead;
}

// Small things that are done when nothing is due.
void FireLoop::KeepHouse(absl::Time now, MonoTime mono) {
  if (const std::optional<int64_t> from = dispatcher_.ReloadFrom()) {
    if (!Survives(RefillPending(*from), "load_pending")) return;
  } else if (unread_after_.has_value()) {
    if (!Survives(ReadOnPending(mono).status(), "load_pending")) return;
  } else if (!(mono < next_reload_)) {
    // Should a wake-up or a batch id ever have been missed, this finds the fire.
    next_reload_ = mono + kReloadPeriod;
    if (dispatcher_.queued() < kFiresPerCommitMax && !Survives(ReloadPending(0), "load_pending")) {
      return;
    }
  }
  if (!MarkLive(now, mono)) return;
  if (!Survives(ReadUnended(now, mono), "load_unended")) return;
  if (metrics_) {
    for (const ScheduleState state : kStatesCounted) {
      metrics_->SetSchedules(state, table_.CountOf(state));
    }
  }
  if (!(mono < next_prune_)) {
    const auto pruned = Timed("prune", [&] {
      return store_.Prune(token_, now - options_.retention, kPruneRowsPerBatch);
    });
    const bool more = pruned.ok() && *pruned >= kPruneRowsPerBatch;
    next_prune_ = mono + (more ? kRetryPause : kPrunePeriod);
    Survives(pruned.status(), "prune");
  }
}

// --- Threads ----------------------------------------------------------------------------------

void FireLoop::Wake() {
  MonotoneMutexLock lock(&mu_);
  woken_ = true;
}

bool FireLoop::leading() const {
  MonotoneMutexLock lock(&mu_);
  return leading_;
}

absl::Status FireLoop::HandOver(const std::string& successor) {
  MonotoneMutexLock lock(&mu_);
  if (!leading_) return absl::FailedPreconditionError("this node does not lead");
  successor_ = successor;
  woken_ = true;
  const auto done = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return !successor_.has_value(); };
  if (mu_.AwaitAtMost(kStoreTimeout + kHandOverMax, absl::Condition(&done))) {
    return absl::OkStatus();
  }
  successor_.reset();
  return absl::UnavailableError("the statement under way does not end; this node goes on");
}

absl::Status FireLoop::Start() {
  RETURN_IF_ERROR(elector_.Start([this] { Wake(); }));
  thread_ = std::thread([this] { TurnLoop(); });
  watcher_ = std::thread([this] { WatchLoop(); });
  return absl::OkStatus();
}

void FireLoop::TurnLoop() {
  while (true) {
    const absl::Duration sleep = RunOnce();
    MonotoneMutexLock lock(&mu_);
    const auto awake = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return woken_ || stopping_; };
    mu_.AwaitAtMost(sleep, absl::Condition(&awake));
    if (stopping_) return;
  }
}

void FireLoop::WatchLoop() {
  while (true) {
    const absl::Status status = store_.AwaitChange(kChangePollPeriod);
    if (status.ok()) Wake();
    MonotoneMutexLock lock(&mu_);
    if (!status.ok()) mu_.AwaitAtMost(kRetryPause, absl::Condition(&stopping_));
    if (stopping_) return;
  }
}

void FireLoop::Stop() {
  {
    MonotoneMutexLock lock(&mu_);
    if (stopping_) return;
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
  if (leading()) LetGo("stopping", "");
  elector_.Stop();
  // Last: it may wait for a change as long as kChangePollPeriod.
  if (watcher_.joinable()) watcher_.join();
}

}  // namespace z4j::scheduler
