// Leadership, the order of a turn, and the threads.  See fire_loop_changes.cc for what is read from
// the store, fire_loop_plan.cc for what is written.
#include "services/scheduler/loop/fire_loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"

namespace z4j::scheduler {
namespace {

constexpr absl::Duration kMarkPeriod = absl::Seconds(1);
constexpr absl::Duration kRetryPause = absl::Milliseconds(100);  // After the store was unavailable.
constexpr absl::Duration kTakeOverPause = absl::Milliseconds(500);
constexpr absl::Duration kPrunePeriod = absl::Minutes(1);
constexpr absl::Duration kResignPause = absl::Seconds(2);
constexpr absl::Duration kReloadPeriod = absl::Minutes(1);
constexpr absl::Duration kDrainMax = absl::Seconds(2);

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
    absl::MutexLock lock(&mu_);
    ended_.insert(ended_.end(), ended.begin(), ended.end());
    woken_ = true;
  });
  writer_.SetCallbacks({[this](const std::vector<FireId>& ids) { dispatcher_.OnDurable(ids); },
                        [this] {
                          absl::MutexLock lock(&mu_);
                          fenced_ = woken_ = true;
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
  {
    absl::MutexLock lock(&mu_);
    fenced = std::exchange(fenced_, false);
    woken_ = false;
  }
  if (!term.has_value()) {
    if (leading()) StepDown("the term cannot be trusted any more");
    return absl::InfiniteDuration();
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
      return kTakeOverPause;
    }
  } else if (last_turn_.has_value() && mono - *last_turn_ > kOnTimeGrace) {
    // Between turns the loop sleeps a second at most: the machine was suspended, so nobody was
    // live.  A wall clock that was merely set does not come here.
    outage_ = {std::min(live_at_, now), now};
    LogWarning("this process stood still", {{"for", absl::FormatDuration(mono - *last_turn_)}});
  }

  if (!CommitPlanned()) return CommitWaits(now, mono);
  if (const absl::Status status = PollChanges(); !status.ok()) {
    // Without knowing what was edited or deleted, nothing is decided.
    return Survives(status, "list_changes") ? CommitWaits(now, mono) : kTakeOverPause;
  }
  HandleEnded();
  bool more = false;
  if (!(mono < hold_until_)) {
    more = PlanDue(now);
    if (!CommitPlanned()) return CommitWaits(now, mono);
  }
  if (!more) KeepHouse(now, mono);
  if (!leading()) return kTakeOverPause;
  if (more) return absl::ZeroDuration();
  const absl::Duration wake = std::max(table_.NextWake() - now, hold_until_ - mono);
  const MonoTime read = unended_before_.has_value() ? next_unended_ : next_mark_;
  return std::min({wake, next_mark_ - mono, next_poll_ - mono, next_prune_ - mono, read - mono});
}

absl::Status FireLoop::TakeOver(FencingToken token, absl::Time now) {
  ASSIGN_OR_RETURN(const FenceRow previous,
                   Timed("raise_fence", [&] { return store_.RaiseFence(token, options_.node); }));
  token_ = token;
  // A live_at in the future is that of a clock which was ahead of ours.
  outage_ = {std::min(previous.live_at, now), now};
  to_commit_.clear();
  batch_size_ = kFiresPerFirstCommit;
  last_batch_ = 0;
  unended_before_.reset();
  {
    absl::MutexLock lock(&mu_);
    leading_ = true;
    ended_.clear();
  }
  writer_.Begin(token);
  dispatcher_.Begin();
  RETURN_IF_ERROR(LoadTable());
  const MonoTime mono = clock_.MonoNow();
  next_mark_ = next_poll_ = mono;
  next_prune_ = mono + kPrunePeriod;
  next_reload_ = mono + kReloadPeriod;
  hold_until_ = mono;
  LogInfo("leading", {{"token", token.value}, {"schedules", table_.size()}});
  if (metrics_) metrics_->SetLeader(true, token.value);
  options_.on_role(true);
  return absl::OkStatus();
}

void FireLoop::StepDown(absl::string_view why) {
  bool led = false;
  {
    absl::MutexLock lock(&mu_);
    led = std::exchange(leading_, false);
    ended_.clear();
  }
  if (led) LogWarning("stepping down", {{"why", why}, {"token", token_.value}});
  to_commit_.clear();
  dispatcher_.End();
  writer_.End();
  if (metrics_) metrics_->SetLeader(false, token_.value);
  if (led) options_.on_role(false);
}

bool FireLoop::Survives(const absl::Status& status, absl::string_view what) {
  if (status.ok()) return true;
  LogWarning("store call failed", {{"op", what}, {"status", status.ToString()}});
  if (absl::IsDataLoss(status)) {
    StepDown("the store's bytes are wrong");
    options_.on_data_loss(status);
    return false;
  }
  if (!absl::IsAborted(status)) return true;
  StepDown("a newer term writes");
  // Whoever campaigns with an old token would be fenced again: ask for a new one.
  elector_.Resign(kResignPause);
  next_take_over_ = clock_.MonoNow() + kTakeOverPause;
  return false;
}

absl::Duration FireLoop::CommitWaits(absl::Time now, MonoTime mono) {
  // Time in which only the store was slow is no outage.
  if (leading()) MarkLive(now, mono);
  return leading() ? kRetryPause : kTakeOverPause;
}

bool FireLoop::MarkLive(absl::Time now, MonoTime mono) {
  if (mono < next_mark_) return true;
  next_mark_ = mono + kMarkPeriod;
  return Survives(Timed("mark_live", [&] { return store_.MarkLive(token_, now); }), "mark_live");
}

// Small things that are done when nothing is due.
void FireLoop::KeepHouse(absl::Time now, MonoTime mono) {
  if (const std::optional<int64_t> from = dispatcher_.ReloadFrom()) {
    if (!Survives(ReloadPending(*from), "load_pending")) return;
  } else if (!(mono < next_reload_)) {
    // Should a wake-up or a batch id ever have been missed, this finds the fire.
    next_reload_ = mono + kReloadPeriod;
    if (dispatcher_.queued() < kFiresPerCommitMax && !Survives(ReloadPending(0), "load_pending")) {
      return;
    }
  }
  if (!MarkLive(now, mono)) return;
  if (!Survives(ReadUnended(now, mono), "load_unended")) return;
  for (int state = 1; metrics_ != nullptr && state <= 4; ++state) {
    const auto named = static_cast<ScheduleState>(state);
    metrics_->SetSchedules(named, table_.CountOf(named));
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
  absl::MutexLock lock(&mu_);
  woken_ = changed_ = true;
}

bool FireLoop::leading() const {
  absl::MutexLock lock(&mu_);
  return leading_;
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
    absl::MutexLock lock(&mu_);
    const auto awake = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return woken_ || stopping_; };
    mu_.AwaitWithTimeout(absl::Condition(&awake), sleep);
    if (stopping_) return;
  }
}

void FireLoop::WatchLoop() {
  while (true) {
    const absl::Status status = store_.AwaitChange(kChangePollPeriod);
    if (status.ok()) Wake();
    absl::MutexLock lock(&mu_);
    if (!status.ok()) mu_.AwaitWithTimeout(absl::Condition(&stopping_), kRetryPause);
    if (stopping_) return;
  }
}

void FireLoop::Stop() {
  {
    absl::MutexLock lock(&mu_);
    if (stopping_) return;
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
  if (watcher_.joinable()) watcher_.join();
  if (leading()) {
    // What adapters are answering now need not be sent again by the next leader.
    dispatcher_.Drain(kDrainMax);
    writer_.AwaitIdle(kDrainMax);
    StepDown("stopping");
    elector_.Resign(kResignPause);
  }
  elector_.Stop();
}

}  // namespace z4j::scheduler
