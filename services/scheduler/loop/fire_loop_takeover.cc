// How a node follows, takes over and lets go; see fire_loop.h.
#include <algorithm>
#include <limits>
#include <utility>

#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/scheduler/loop/fire_loop.h"
#include "services/scheduler/mutants.h"

namespace z4j::scheduler {

absl::Duration FireLoop::Follow(absl::Time now, MonoTime mono) {
  const absl::Status status = KeepWarm(now, mono);
  if (absl::IsDataLoss(status)) options_.on_data_loss(status);
  if (!status.ok() && !std::exchange(follow_failed_, true)) {
    LogWarning("cannot follow the leader", {{"status", status.ToString()}});
  }
  if (status.ok()) follow_failed_ = false;
  return kChangePollPeriod;
}

absl::Status FireLoop::KeepWarm(absl::Time now, MonoTime mono) {
  if (!(mono < next_ready_)) {
    next_ready_ = mono + kReadyPeriod;
    store_.MakeReady();
  }
  if (!warm_) return LoadTable();
  const bool poll = !(mono < next_poll_);
  RETURN_IF_ERROR(ReadChanges());
  newly_tracked_.clear();  // The runs of all are read on taking over.
  return poll ? RefreshCursors(now - kFollowLag, kCursorsPerCall) : absl::OkStatus();
}

absl::Status FireLoop::TakeOver(FencingToken token, absl::Time now) {
  const MonoTime begin = clock_.MonoNow();
  if (Broken(Rule::kFenceIsRaisedFirst)) RETURN_IF_ERROR(FreshenTable(revision_, now));
  ASSIGN_OR_RETURN(FenceRow previous,
                   Timed("raise_fence", [&] { return store_.RaiseFence(token, options_.node); }));
  token_ = token;
  outages_ = previous.outages;
  // If this clock is ahead of the store's, what is due until now has not all come due.  A live_at
  // in the future is that of a clock which was ahead of ours.
  const absl::Time until = std::min(now, previous.read_at);
  AddOutage(outages_, std::min(previous.live_at, until), until);
  catching_up_ = !outages_.empty();
  outages_saved_ = outages_ == previous.outages;
  if (!outages_saved_ && !Broken(Rule::kOutagesAreWrittenDown)) {
    RETURN_IF_ERROR(Timed("set_outages", [&] { return store_.SetOutages(token, outages_, now); }));
  }
  outages_saved_ = true;
  to_commit_.clear();
  batch_size_ = kFiresPerFirstCommit;
  last_batch_ = own_batch_ = 0;
  reload_wanted_ = false;
  unended_before_.reset();
  {
    MonotoneMutexLock lock(&mu_);
    leading_ = true;
    ended_.clear();
    retried_ = false;
  }
  writer_.run_retries().Hold();
  writer_.Begin(token);
  dispatcher_.Begin();
  dispatcher_.Hold();
  const bool freshened = Broken(Rule::kFenceIsRaisedFirst);
  if (!freshened && !Broken(Rule::kTakeOverReadsAnew)) {
    RETURN_IF_ERROR(FreshenTable(previous.revision, now));
  }
  newly_tracked_ = overlap_.ForgetAll();
  unread_after_ = 0;
  unread_until_ = 0;
  taking_stock_ = true;
  took_over_ = begin;
  store_lost_at_.reset();
  const MonoTime mono = clock_.MonoNow();
  next_mark_ = next_poll_ = next_read_on_ = mono;
  next_prune_ = mono + kPrunePeriod;
  next_reload_ = mono + kReloadPeriod;
  hold_until_ = mono;
  behind_ = now - until;
  LogInfo("leading", {{"token", token.value},
                      {"schedules", table_.size()},
                      {"after_ms", absl::ToInt64Milliseconds(mono - begin)}});
  if (metrics_) metrics_->SetLeader(true, token.value);
  if (metrics_) metrics_->TookOver("decides", mono - begin);
  options_.on_role(true);
  return absl::OkStatus();
}

absl::Status FireLoop::FreshenTable(int64_t revision, absl::Time now) {
  if (warm_) {
    // Behind what was read before: the database was restored, and what is in memory never was.  Far
    // ahead: reading the schedules is quicker than reading what became of them.
    const int64_t behind = revision - revision_;
    if (behind < 0 || behind > std::max<int64_t>(kChangesPerPoll, table_.size())) warm_ = false;
  }
  if (!warm_) return LoadTable();
  // Whoever is not due by a cursor that is too old is not due by the true one either: it only moves
  // forward.
  return RefreshCursors(now, std::numeric_limits<int>::max());
}

absl::Status FireLoop::TakeStock(MonoTime mono) {
  if (mono < next_read_on_) return absl::OkStatus();
  if (Broken(Rule::kTakeOverReadsRuns)) newly_tracked_.clear();
  if (!newly_tracked_.empty()) {
    const absl::Status status = LoadSomeOpenRuns();
    if (!status.ok()) next_read_on_ = mono + kReadOnPause;
    return status;
  }
  if (Broken(Rule::kTakeOverReadsPending)) {
    unread_after_.reset();
    EndStock();
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const Page page, ReadOnPending(mono));
  // If an engine has no more room, then the rest is read as there is some.
  if (page.last || !page.all_taken) EndStock();
  return absl::OkStatus();
}

void FireLoop::EndStock() {
  taking_stock_ = false;
  // Of the batches since this term began those of triggers are not known.
  if (own_batch_ != 0) ReadOnAfter(own_batch_);
  for (const ScheduleId id : overlap_.Buffering()) ReleaseBuffered(id);
  for (const auto& [id, named] : uncomputable_) changes_.Quarantine(named.first, named.second);
  dispatcher_.Release();
  const absl::Duration took = clock_.MonoNow() - took_over_;
  LogInfo("dispatching",
          {{"waiting", dispatcher_.queued()}, {"after_ms", absl::ToInt64Milliseconds(took)}});
  if (metrics_) metrics_->TookOver("dispatches", took);
}

absl::Status FireLoop::LoadTable() {
  warm_ = false;
  table_.Clear();
  overlap_.Clear();
  newly_tracked_.clear();
  uncomputable_.clear();
  writer_.run_retries().Clear();
  ASSIGN_OR_RETURN(
      revision_, Timed("load_schedules", [&] {
        return store_.LoadSchedules([&](StoredSchedule stored) { ApplyStored(stored); });
      }));
  warm_ = true;
  return absl::OkStatus();
}

absl::Status FireLoop::RefreshCursors(absl::Time at, int limit) {
  std::vector<Slot> due;
  table_.PopDue(at, limit, &due);
  for (size_t begin = 0; begin < due.size(); begin += kCursorsPerCall) {
    std::vector<ScheduleId> ids;
    const size_t end = std::min<size_t>(due.size(), begin + kCursorsPerCall);
    for (size_t i = begin; i < end; ++i) ids.push_back(table_.Get(due[i]).id);
    const auto cursors = Timed("get_cursors", [&] { return store_.GetCursors(ids); });
    if (!cursors.ok()) {
      for (size_t i = begin; i < due.size(); ++i) table_.WakeAt(due[i], at);
      return cursors.status();
    }
    // Those that are not found were deleted, and go with the next poll.
    for (const auto& [id, cursor] : *cursors) {
      const Slot slot = table_.Find(id);
      if (table_.Get(slot).recurrence == nullptr) {
        table_.WakeAt(slot, at);  // Paused until now.
      } else {
        table_.Refresh(slot, cursor);
      }
    }
  }
  return absl::OkStatus();
}

void FireLoop::StepDown(absl::string_view why) {
  bool led = false;
  {
    MonotoneMutexLock lock(&mu_);
    led = std::exchange(leading_, false);
    ended_.clear();
    retried_ = false;
  }
  if (led) LogWarning("stepping down", {{"why", why}, {"token", token_.value}});
  taking_stock_ = false;
  RearmPlanned(clock_.Now());
  writer_.End();
  dispatcher_.End();
  if (metrics_) metrics_->SetLeader(false, token_.value);
  if (led) options_.on_role(false);
}

void FireLoop::LetGo(absl::string_view why, const std::string& successor) {
  // What adapters are answering now need not be sent again by the next leader.
  const MonoTime begin = clock_.MonoNow();
  if (!Broken(Rule::kLeaverAwaitsAnswers)) dispatcher_.Drain(kHandOverMax);
  if (!Broken(Rule::kLeaverWritesAll)) {
    writer_.AwaitIdle(begin + kHandOverMax - clock_.MonoNow());
  }
  // Nothing more is written; and the next leader need not wait until all this is forgotten.
  writer_.End();
  elector_.ResignTo(successor, kResignPause);
  LogInfo("handing over", {{"after_ms", absl::ToInt64Milliseconds(clock_.MonoNow() - begin)}});
  StepDown(why);
}

void FireLoop::Outranked() {
  const absl::StatusOr<FenceRow> fence = Timed("read_fence", [&] { return store_.ReadFence(); });
  if (fence.ok()) elector_.MustExceed(fence->token);
}

bool FireLoop::SaveOutages(absl::Time now) {
  const std::vector<Outage> open = catching_up_ ? outages_ : std::vector<Outage>();
  const absl::Status status =
      Timed("set_outages", [&] { return store_.SetOutages(token_, open, now); });
  outages_saved_ = status.ok();
  return Survives(status, "set_outages") && status.ok();
}

}  // namespace z4j::scheduler
