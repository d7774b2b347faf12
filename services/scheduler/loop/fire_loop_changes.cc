// What the loop reads from the store, and what it hears from the dispatcher; see fire_loop.h.
#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_split.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/scheduler/loop/fire_loop.h"
#include "services/scheduler/mutants.h"

namespace z4j::scheduler {
namespace {

// Between pages: the store has fires to commit, too.
constexpr absl::Duration kUnendedPagePause = absl::Milliseconds(100);
constexpr int kOpenRunsPerCall = 1000;  // Schedules asked about at once.

// Whether the overlap policy counts `fire` as a run of its schedule.  What someone triggered it
// does not; a retry goes on with a run.
bool IsRunOf(const Fire& fire) {
  return fire.key.trigger.is_zero() || fire.kind == FireKind::kRetry;
}

}  // namespace

void FireLoop::ApplyStored(const StoredSchedule& stored) {
  const Schedule& schedule = stored.schedule;
  const absl::Status compiled = table_.Upsert(stored);
  writer_.run_retries().Set(schedule.id, schedule.run_retry);
  if (compiled.ok()) {
    uncomputable_.erase(schedule.id);
  } else {
    LogError("a schedule cannot be computed",
             {{"schedule", schedule.name}, {"status", compiled.ToString()}});
    const auto& [key, why] = uncomputable_[schedule.id] = {{schedule.project, schedule.name},
                                                           std::string(compiled.message())};
    if (leading()) changes_.Quarantine(key, why);
  }
  if (schedule.overlap != Overlap::kAllow) {
    if (overlap_.Track(schedule.id)) newly_tracked_.push_back(schedule.id);
    return;
  }
  if (!overlap_.Tracks(schedule.id)) return;
  // The policy was lifted: what it held back may go.
  dispatcher_.Enqueue(overlap_.Untrack(schedule.id));
}

absl::Status FireLoop::ReadChanges() {
  next_poll_ = clock_.MonoNow() + kChangePollPeriod;
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<ScheduleChange> changes, Timed("list_changes", [&] {
                       return store_.ListChanges(revision_, kChangesPerPoll);
                     }));
    for (const ScheduleChange& change : changes) Apply(change);
    if (changes.size() < kChangesPerPoll) return absl::OkStatus();
  }
}

absl::Status FireLoop::PollChanges() {
  if (Broken(Rule::kChangesAreRead)) return absl::OkStatus();
  RETURN_IF_ERROR(ReadChanges());
  if (taking_stock_) return absl::OkStatus();  // What else is to be read is read there.
  RETURN_IF_ERROR(LoadOpenRuns());
  if (!std::exchange(reload_wanted_, false)) return absl::OkStatus();
  const absl::Status status = ReloadPending(std::max<int64_t>(0, last_batch_ - kBatchIdSlack));
  if (!status.ok()) reload_wanted_ = true;
  return status;
}

void FireLoop::Apply(const ScheduleChange& change) {
  revision_ = change.revision;
  if (change.action == "fire.cancel") {
    CancelFireOf(change);
    return;
  }
  if (change.action == "schedule.trigger" || change.action == "fire.retry") reload_wanted_ = true;
  if (change.stored.has_value()) {
    ApplyStored(*change.stored);
    return;
  }
  if (change.id.value.is_zero()) return;
  // Deleted, and its PENDING rows cancelled with it.
  table_.Remove(change.id);
  uncomputable_.erase(change.id);
  writer_.run_retries().Set(change.id, std::nullopt);
  for (const QueuedFire& held : overlap_.Untrack(change.id)) writer_.RowGone(held.batch_id);
  dispatcher_.CancelSchedule(change.id);
}

void FireLoop::CancelFireOf(const ScheduleChange& change) {
  const std::vector<std::string> parts = absl::StrSplit(change.resource, '/');
  const absl::StatusOr<Uuid> id = Uuid::Parse(parts.back());
  if (!id.ok() || dispatcher_.Cancel({*id})) return;
  // It may be held back by the overlap policy.  If the engine has it, whoever took the request
  // asks the engine.
  std::optional<QueuedFire> dropped;
  std::optional<QueuedFire> next =
      overlap_.Buffered({*id}) ? overlap_.Ended({*id}, &dropped) : std::nullopt;
  if (dropped.has_value()) writer_.RowGone(dropped->batch_id);
  if (next.has_value()) dispatcher_.Enqueue({*std::move(next)});
}

absl::Status FireLoop::LoadOpenRuns() {
  while (!newly_tracked_.empty()) RETURN_IF_ERROR(LoadSomeOpenRuns());
  return absl::OkStatus();
}

// Told twice, the tracker does nothing the second time: an error leaves the rest for later.
absl::Status FireLoop::LoadSomeOpenRuns() {
  const size_t count = std::min<size_t>(kOpenRunsPerCall, newly_tracked_.size());
  const size_t begin = newly_tracked_.size() - count;
  ASSIGN_OR_RETURN(const std::vector<Fire> open, Timed("load_open", [&] {
                     return store_.LoadOpen(absl::MakeConstSpan(newly_tracked_).subspan(begin));
                   }));
  for (const Fire& fire : open) {
    // Those held back come with the PENDING rows, which know their batch.
    const bool held = fire.state == FireState::kPending && fire.reason == FireReason::kOverlap;
    if (IsRunOf(fire) && !held) overlap_.Started(fire.key.schedule, fire.id);
  }
  newly_tracked_.resize(begin);
  return absl::OkStatus();
}

absl::StatusOr<FireLoop::Page> FireLoop::TakePage(int64_t& after) {
  ASSIGN_OR_RETURN(const std::vector<PendingFire> rows, Timed("load_pending", [&] {
                     return store_.LoadPending(after, kFiresPerCommitMax);
                   }));
  if (rows.empty()) return Page{.last = true, .all_taken = true};
  after = rows.back().batch_id;
  last_batch_ = std::max(last_batch_, after);
  std::vector<QueuedFire> enqueue;
  TakePending(rows, &enqueue);
  return Page{.last = false, .all_taken = dispatcher_.Enqueue(std::move(enqueue))};
}

absl::Status FireLoop::ReloadPending(int64_t after) {
  dispatcher_.BeginReload();
  absl::StatusOr<Page> page;
  do {
    page = TakePage(after);
  } while (page.ok() && !page->last && page->all_taken);
  // An engine that is full reads its fires when there is room; see Dispatcher::ReloadFrom.  But
  // there may be fires of others among the rest.
  if (page.ok() && !page->last) ReadOnAfter(after);
  dispatcher_.EndReload();
  for (const ScheduleId id : overlap_.Buffering()) ReleaseBuffered(id);
  return page.status();
}

absl::Status FireLoop::RefillPending(int64_t after) {
  dispatcher_.BeginReload();
  absl::StatusOr<Page> page;
  do {
    page = TakePage(after);
  } while (page.ok() && !page->last && !dispatcher_.Refilled());
  if (!page.ok()) ReadOnAfter(after);
  dispatcher_.EndReload();
  for (const ScheduleId id : overlap_.Buffering()) ReleaseBuffered(id);
  return page.status();
}

void FireLoop::ReadOnAfter(int64_t after) {
  unread_after_ = std::min(unread_after_.value_or(after), after);
  unread_until_ = last_batch_;
}

absl::StatusOr<FireLoop::Page> FireLoop::ReadOnPending(MonoTime mono) {
  if (mono < next_read_on_) return Page();
  dispatcher_.BeginReload();
  absl::StatusOr<Page> page = TakePage(*unread_after_);
  next_read_on_ = mono + (page.ok() ? absl::ZeroDuration() : kReadOnPause);
  if (page.ok()) {
    // What comes after the first batch of this term was left by nobody: under load there is no end.
    const bool own = !Broken(Rule::kStockEndsAtOwnFires) && own_batch_ != 0 &&
                     *unread_after_ >= std::max(own_batch_, unread_until_);
    page->last = page->last || own;
    if (page->last) unread_after_.reset();
  }
  dispatcher_.EndReload();
  return page;
}

void FireLoop::TakePending(const std::vector<PendingFire>& rows, std::vector<QueuedFire>* enqueue) {
  absl::flat_hash_map<int64_t, int> counts;
  for (const PendingFire& row : rows) ++counts[row.batch_id];
  for (const auto& [batch_id, count] : counts) {
    if (!writer_.KnowsBatch(batch_id)) writer_.AddBatch(batch_id, count);
  }
  for (const PendingFire& row : rows) {
    const ScheduleId id = row.fire.key.schedule;
    const Slot slot = table_.Find(id);
    if (slot == ScheduleTable::kNoSlot) {
      reload_wanted_ = true;  // Created since the last poll, or just deleted.
      continue;
    }
    QueuedFire fire = ToQueued(row.fire, row.batch_id, slot);
    if (row.fire.reason == FireReason::kOverlap && overlap_.Tracks(id)) {
      overlap_.Buffer(std::move(fire));
      continue;
    }
    if (IsRunOf(row.fire)) overlap_.Started(id, fire.id);
    enqueue->push_back(std::move(fire));
  }
}

absl::StatusOr<absl::flat_hash_map<ScheduleId, std::string>> FireLoop::EnginesOfDeleted(
    const std::vector<Fire>& fires) {
  absl::flat_hash_set<ScheduleId> unknown;
  for (const Fire& fire : fires) {
    const ScheduleId id = fire.key.schedule;
    if (table_.Find(id) == ScheduleTable::kNoSlot) unknown.insert(id);
  }
  absl::flat_hash_map<ScheduleId, std::string> engines;
  if (unknown.empty()) return engines;
  const std::vector<ScheduleId> ids(unknown.begin(), unknown.end());
  ASSIGN_OR_RETURN(const auto found,
                   Timed("get_deleted_engines", [&] { return store_.GetDeletedEngines(ids); }));
  engines.insert(found.begin(), found.end());
  return engines;
}

absl::Status FireLoop::ReadUnended(absl::Time now, MonoTime mono) {
  if (dispatcher_.WantsUnended()) {
    unended_before_ = FireKey{{}, absl::InfiniteFuture(), {}};
    next_unended_ = mono;
  }
  if (!unended_before_.has_value() || mono < next_unended_) return absl::OkStatus();
  next_unended_ = mono + kUnendedPagePause;
  ASSIGN_OR_RETURN(UnendedPage page, Timed("load_unended", [&] {
                     return store_.LoadUnended(*unended_before_, now - kLookUpFor,
                                               kRowsPerUnendedPage);
                   }));
  ASSIGN_OR_RETURN(const auto deleted, EnginesOfDeleted(page.fires));
  std::vector<UnendedFire> unended;
  for (const Fire& fire : page.fires) {
    const Slot slot = table_.Find(fire.key.schedule);
    std::string engine;
    if (slot != ScheduleTable::kNoSlot) {
      engine = table_.EngineOf(slot);
    } else if (const auto found = deleted.find(fire.key.schedule); found != deleted.end()) {
      engine = found->second;
    } else {
      continue;  // Created since the last poll, or deleted before its engine was kept.
    }
    unended.push_back({std::move(engine), fire.adapter, {fire.key, fire.id}, fire.dispatched_at});
  }
  unended_before_ = dispatcher_.AwaitOutcomes(unended) ? page.next : std::nullopt;
  return absl::OkStatus();
}

QueuedFire FireLoop::ToQueued(const Fire& fire, int64_t batch_id, Slot slot) {
  QueuedFire queued;
  queued.key = fire.key;
  queued.id = fire.id;
  queued.kind = fire.kind;
  queued.dispatch_after = fire.dispatch_after;
  queued.decided_at = fire.decided_at;
  queued.attempts = fire.attempts;
  queued.batch_id = batch_id;
  const bool own = fire.args_json.empty() && fire.kwargs_json.empty();
  queued.target =
      own ? table_.TargetOf(slot) : table_.TargetOf(slot, fire.args_json, fire.kwargs_json);
  return queued;
}

absl::Status FireLoop::HandleEnded() {
  std::vector<FireId> ended;
  bool retried = false;
  {
    MonotoneMutexLock lock(&mu_);
    ended.swap(ended_);
    retried = std::exchange(retried_, false);
  }
  if (retried && !Broken(Rule::kRepeatedHasNotEnded)) {
    const absl::Status status = ReloadPending(std::max<int64_t>(0, last_batch_ - kBatchIdSlack));
    if (!status.ok()) {
      MonotoneMutexLock lock(&mu_);
      ended_.insert(ended_.end(), ended.begin(), ended.end());
      retried_ = true;
      return status;
    }
  }
  std::vector<QueuedFire> released;
  for (const FireId id : ended) {
    std::optional<QueuedFire> dropped;
    if (std::optional<QueuedFire> next = overlap_.Ended(id, &dropped)) {
      released.push_back(*std::move(next));
    }
  }
  if (!released.empty()) dispatcher_.Enqueue(std::move(released));
  return absl::OkStatus();
}

void FireLoop::ReleaseBuffered(ScheduleId id) {
  if (std::optional<QueuedFire> next = overlap_.Next(id)) {
    dispatcher_.Enqueue({*std::move(next)});
  }
}

}  // namespace z4j::scheduler
