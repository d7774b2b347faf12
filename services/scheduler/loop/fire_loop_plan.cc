// What the loop decides and writes; see fire_loop.h.
#include <algorithm>
#include <iterator>
#include <utility>

#include "services/base/log.h"
#include "services/scheduler/loop/fire_loop.h"
#include "services/scheduler/mutants.h"

namespace z4j::scheduler {
namespace {

// A change of state that was asked for and has not come back is asked for again.
constexpr absl::Duration kAskAgain = absl::Seconds(5);
// After the store said that this node's clock is ahead of its own.
constexpr absl::Duration kClockPause = absl::Milliseconds(100);

bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status);
}

}  // namespace

bool FireLoop::PlanDue(absl::Time until) {
  PlannedBatch batch;
  std::vector<Slot> due;
  // One at a time, since a schedule may have many fires to decide; and no more schedules than
  // rows, since a schedule without a fire still costs a cursor.
  while (batch.batch.fires.size() < batch_size_ && batch.planned.size() < batch_size_) {
    due.clear();
    table_.PopDue(until, 1, &due);
    if (due.empty()) break;
    PlanOne(due.front(), until, batch);
  }
  const bool more = table_.NextWake() <= until;
  batch_size_ = more ? std::min(batch_size_ * 2, kFiresPerCommitMax) : kFiresPerFirstCommit;
  if (!batch.planned.empty()) to_commit_.push_back(std::move(batch));
  return more;
}

void FireLoop::PlanOne(Slot slot, absl::Time now, PlannedBatch& batch) {
  const ScheduleTable::View view = table_.Get(slot);
  if (view.state == ScheduleState::kPaused) {
    changes_.Resume(table_.KeyOf(slot));
    table_.WakeAt(slot, now + kAskAgain);
    return;
  }
  if (view.recurrence == nullptr) return;
  if (taking_stock_ && view.policy->overlap != Overlap::kAllow) {
    table_.WakeAt(slot, now + kStockPause);
    return;
  }
  const int room = batch_size_ - static_cast<int>(batch.batch.fires.size());
  // The outages clipped to the schedule's creation.  Every other due time lies after that anyway.
  absl::Span<const Outage> outages = outages_;
  if (view.due_before_created) outages = {};
  Plan plan = PlanFires(view.id, *view.recurrence, *view.policy, view.cursor, outages,
                        OpenRunsOf(view, slot), now, room);
  if (plan.cursor == view.cursor) {
    if (plan.finished) changes_.Finish(table_.KeyOf(slot));
    table_.WakeAt(slot, plan.finished ? now + kAskAgain : plan.next_wake);
    return;
  }
  std::vector<Fire>& fires = batch.batch.fires;
  batch.planned.push_back({slot, fires.size(), plan.fires.size(), plan.next_wake, plan.finished});
  batch.batch.cursors.push_back({view.id, plan.cursor, view.cursor.watermark});
  fires.insert(fires.end(), std::make_move_iterator(plan.fires.begin()),
               std::make_move_iterator(plan.fires.end()));
}

OpenRuns FireLoop::OpenRunsOf(const ScheduleTable::View& view, Slot slot) {
  if (view.policy->overlap == Overlap::kAllow) return {};
  const OpenRuns open = overlap_.Open(view.id);
  if (open.running == 0 || !dispatcher_.IsBlind(table_.EngineOf(slot))) return open;
  // Nobody will say when runs end at this engine: a run counts until the broker has it.
  overlap_.ForgetRuns(view.id, [this](FireId fire) { return !dispatcher_.Holds(fire); });
  ReleaseBuffered(view.id);
  return overlap_.Open(view.id);
}

bool FireLoop::CommitPlanned() {
  while (!to_commit_.empty()) {
    // The lease must outlast the statement's way to the store.
    const MonoTime mono = clock_.MonoNow();
    const std::optional<LeaderTerm> term = elector_.Current(mono);
    if (!term.has_value() || term->token != token_) {
      StepDown("the term ended before a commit");
      return false;
    }
    const bool lasts = term->trusted_until - mono >= kLeaseLeftMin;
    if (!lasts && !Broken(Rule::kLeaseOutlastsCommit)) return false;
    const PlannedBatch& front = to_commit_.front();
    const auto result =
        Timed("commit_fires", [&] { return store_.CommitFires(token_, front.batch); });
    const absl::Status& status = result.status();
    if (result.ok()) {
      if (const int tries = std::exchange(commits_failed_, 0); tries > 0) {
        LogInfo("the store takes fires again", {{"failed_tries", tries}});
      }
      const PlannedBatch done = std::move(to_commit_.front());
      to_commit_.pop_front();
      Committed(done, *result);
      if (!leading()) return false;
    } else if (IsTransient(status)) {
      if (commits_failed_++ == 0) {
        LogWarning("a batch of fires waits for the store", {{"status", status.ToString()}});
      }
      return false;
    } else if (absl::IsFailedPrecondition(status)) {
      LogWarning("this node's clock is ahead of the store's", {{"status", status.ToString()}});
      hold_until_ = mono + kClockPause;
      CompareClocks();
      RearmPlanned(PlanUntil());
    } else if (absl::IsAborted(status) || absl::IsDataLoss(status)) {
      return Survives(status, "commit_fires");
    } else {
      SplitOrQuarantine(status);
    }
  }
  return true;
}

void FireLoop::RearmPlanned(absl::Time at) {
  for (const PlannedBatch& batch : to_commit_) {
    for (const Planned& planned : batch.planned) table_.WakeAt(planned.slot, at);
  }
  to_commit_.clear();
}

// The store refuses something in the first batch for good: halving finds which schedule it is.
void FireLoop::SplitOrQuarantine(const absl::Status& status) {
  PlannedBatch bad = std::move(to_commit_.front());
  to_commit_.pop_front();
  if (bad.planned.size() == 1) {
    const ScheduleKey key = table_.KeyOf(bad.planned.front().slot);
    LogError("the store refuses the fires of a schedule",
             {{"project", key.project}, {"schedule", key.name}, {"status", status.ToString()}});
    changes_.Quarantine(key, std::string(status.message()));
    table_.WakeAt(bad.planned.front().slot, clock_.Now() + kAskAgain);
    return;
  }
  PlannedBatch halves[2];
  for (size_t i = 0; i < bad.planned.size(); ++i) {
    PlannedBatch& half = halves[i < bad.planned.size() / 2 ? 0 : 1];
    Planned planned = bad.planned[i];
    const auto begin = bad.batch.fires.begin() + planned.first_fire;
    planned.first_fire = half.batch.fires.size();
    half.batch.fires.insert(half.batch.fires.end(), begin, begin + planned.fires);
    half.batch.cursors.push_back(bad.batch.cursors[i]);
    half.planned.push_back(planned);
  }
  to_commit_.push_front(std::move(halves[1]));
  to_commit_.push_front(std::move(halves[0]));
}

void FireLoop::Committed(const PlannedBatch& done, const CommitResult& result) {
  std::vector<QueuedFire> enqueue;
  std::vector<ScheduleId> moved_on;
  int pending = 0;
  last_batch_ = std::max(last_batch_, result.batch_id);
  if (own_batch_ == 0) own_batch_ = result.batch_id;
  for (size_t i = 0; i < done.planned.size(); ++i) {
    const Planned& planned = done.planned[i];
    if (!result.advanced[i]) {
      moved_on.push_back(done.batch.cursors[i].schedule);
      continue;
    }
    const absl::Time wake = planned.finished ? clock_.Now() + kAskAgain : planned.next_wake;
    table_.Advance(planned.slot, done.batch.cursors[i].cursor, wake);
    if (planned.finished) changes_.Finish(table_.KeyOf(planned.slot));
    Fired(done, planned, result.batch_id, &enqueue, &pending);
  }
  if (result.batch_id != 0 && (pending > 0 || moved_on.empty())) {
    writer_.AddBatch(result.batch_id, pending);
  }
  dispatcher_.Enqueue(std::move(enqueue));
  if (!moved_on.empty()) Reread(moved_on);
}

void FireLoop::Fired(const PlannedBatch& done, const Planned& planned, int64_t batch_id,
                     std::vector<QueuedFire>* enqueue, int* pending) {
  for (size_t i = 0; i < planned.fires; ++i) {
    const Fire& fire = done.batch.fires[planned.first_fire + i];
    if (metrics_) metrics_->Fired(fire.state, fire.reason, fire.count);
    if (fire.state != FireState::kPending) continue;
    ++*pending;
    QueuedFire queued = ToQueued(fire, batch_id, planned.slot);
    if (fire.reason == FireReason::kOverlap) {
      overlap_.Buffer(std::move(queued));
      // Its run may have ended during the commit.
      if (std::optional<QueuedFire> next = overlap_.Next(fire.key.schedule)) {
        enqueue->push_back(*std::move(next));
      }
      continue;
    }
    overlap_.Started(fire.key.schedule, fire.id);
    enqueue->push_back(std::move(queued));
  }
}

void FireLoop::Reread(const std::vector<ScheduleId>& ids) {
  const auto cursors = Timed("get_cursors", [&] { return store_.GetCursors(ids); });
  if (!cursors.ok()) {
    // Plan them again: with the old cursor the store will refuse them again, and nothing is lost.
    for (const ScheduleId id : ids) {
      if (const Slot slot = table_.Find(id); slot != ScheduleTable::kNoSlot) {
        table_.WakeAt(slot, PlanUntil());
      }
    }
    if (!Survives(cursors.status(), "get_cursors")) return;
  } else {
    for (const auto& [id, cursor] : *cursors) {
      const Slot slot = table_.Find(id);
      if (slot == ScheduleTable::kNoSlot) continue;
      const ScheduleTable::View view = table_.Get(slot);
      if (view.recurrence == nullptr) continue;
      if (cursor == view.cursor) {
        table_.WakeAt(slot, PlanUntil() + kClockPause);  // Refused for a reason not yet visible.
        continue;
      }
      table_.Refresh(slot, cursor);
    }
  }
  // If it was an earlier try of the same batch that moved them, then its fires are there.
  reload_wanted_ = true;
}

}  // namespace z4j::scheduler
