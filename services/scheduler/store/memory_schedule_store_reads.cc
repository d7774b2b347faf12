#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/store/codec.h"
#include "services/scheduler/store/memory_schedule_store.h"
#include "services/scheduler/store/page_token.h"
#include "services/scheduler/store/schedule_match.h"
#include "services/scheduler/store/written_position.h"

namespace z4j::scheduler {
namespace {

auto OrderOf(const SchedulePosition& p) { return std::tie(p.micros, p.name); }

}  // namespace

absl::StatusOr<StoredSchedule> MemoryScheduleStore::GetSchedule(const ScheduleKey& key) {
  absl::MutexLock lock(&mu_);
  auto it = schedules_.find(key);
  if (it == schedules_.end()) {
    return absl::NotFoundError(absl::StrCat("no schedule ", key.project, "/", key.name));
  }
  return it->second;
}

absl::StatusOr<SchedulePage> MemoryScheduleStore::ListSchedules(const ScheduleQuery& query) {
  auto before = [&](const SchedulePosition& a, const SchedulePosition& b) {
    return query.descending ? OrderOf(b) < OrderOf(a) : OrderOf(a) < OrderOf(b);
  };
  std::optional<SchedulePosition> after;
  if (!query.after.empty()) {
    ASSIGN_OR_RETURN(after, ParseScheduleToken(query));
  }
  std::vector<std::pair<SchedulePosition, const StoredSchedule*>> found;
  absl::MutexLock lock(&mu_);
  for (const auto& [key, stored] : schedules_) {
    if (!Matches(query, stored.schedule)) continue;
    SchedulePosition position = PositionOf(stored.schedule, query.order);
    if (!after || before(*after, position)) found.emplace_back(std::move(position), &stored);
  }
  std::sort(found.begin(), found.end(),
            [&](const auto& a, const auto& b) { return before(a.first, b.first); });
  SchedulePage page;
  for (const auto& [position, stored] : found) {
    if (static_cast<int>(page.schedules.size()) == query.limit) {
      page.next = ScheduleToken(query, PositionOf(page.schedules.back().schedule, query.order));
      break;
    }
    page.schedules.push_back(*stored);
  }
  return page;
}

absl::StatusOr<int64_t> MemoryScheduleStore::LoadSchedules(
    absl::FunctionRef<void(StoredSchedule)> visit) {
  std::vector<StoredSchedule> all;  // `visit` may call the store.
  int64_t revision = 0;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [key, stored] : schedules_) all.push_back(stored);
    revision = head_.seq;
  }
  for (StoredSchedule& stored : all) visit(std::move(stored));
  return revision;
}

absl::StatusOr<std::vector<ScheduleChange>> MemoryScheduleStore::ListChanges(int64_t after,
                                                                             int limit) {
  absl::MutexLock lock(&mu_);
  std::vector<ScheduleChange> changes;
  for (size_t i = std::max<int64_t>(after, 0); i < audit_.size(); ++i) {
    if (static_cast<int>(changes.size()) == limit) break;
    const AuditEntry& entry = audit_[i];
    if (entry.schedule.value.is_zero()) continue;
    ScheduleChange change{entry.seq, entry.schedule, {}, entry.action, entry.resource, {}};
    if (auto it = keys_.find(entry.schedule); it != keys_.end()) change.key = it->second;
    if (const StoredSchedule* stored = FindSchedule(entry.schedule)) change.stored = *stored;
    changes.push_back(std::move(change));
  }
  return changes;
}

absl::StatusOr<std::vector<std::pair<ScheduleId, Cursor>>> MemoryScheduleStore::GetCursors(
    absl::Span<const ScheduleId> ids) {
  absl::MutexLock lock(&mu_);
  std::vector<std::pair<ScheduleId, Cursor>> cursors;
  for (ScheduleId id : ids) {
    if (const StoredSchedule* stored = FindSchedule(id)) cursors.emplace_back(id, stored->cursor);
  }
  return cursors;
}

absl::StatusOr<std::vector<std::pair<ScheduleId, std::string>>>
MemoryScheduleStore::GetDeletedEngines(absl::Span<const ScheduleId> ids) {
  absl::MutexLock lock(&mu_);
  std::vector<std::pair<ScheduleId, std::string>> engines;
  for (const ScheduleId id : ids) {
    const auto found = deleted_engines_.find(id);
    if (found != deleted_engines_.end()) engines.push_back(*found);
  }
  return engines;
}

absl::StatusOr<NamedFire> MemoryScheduleStore::GetFire(FireId id) {
  absl::MutexLock lock(&mu_);
  auto it = fire_keys_.find(id);
  if (it == fire_keys_.end()) {
    return absl::NotFoundError(absl::StrCat("no fire ", id.ToString()));
  }
  return NamedFire{FindFire(it->second)->fire, keys_[it->second.schedule]};
}

absl::StatusOr<std::vector<NamedFire>> MemoryScheduleStore::GetFires(
    absl::Span<const FireKey> keys) {
  absl::MutexLock lock(&mu_);
  std::vector<NamedFire> fires;
  for (const FireKey& key : keys) {
    if (const FireRow* row = FindFire(key)) fires.push_back({row->fire, keys_[key.schedule]});
  }
  return fires;
}

bool MemoryScheduleStore::Selects(const FireQuery& query, const Fire& fire) const {
  auto key = keys_.find(fire.key.schedule);
  return key != keys_.end() && key->second.project == query.project &&
         (!query.schedule || fire.key.schedule == *query.schedule) &&
         fire.key.due_at >= query.from && fire.key.due_at < query.to &&
         (query.states.empty() ||
          std::find(query.states.begin(), query.states.end(), fire.state) != query.states.end());
}

absl::StatusOr<FirePage> MemoryScheduleStore::ListFires(const FireQuery& query) {
  std::optional<FireKey> after;
  if (!query.after.empty()) {
    ASSIGN_OR_RETURN(after, ParseFireToken(query));
  }
  absl::MutexLock lock(&mu_);
  FirePage page;
  // Returns whether to go on.
  auto take = [&](const Fire& fire) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (!Selects(query, fire)) return true;
    if (static_cast<int>(page.fires.size()) == query.limit) {
      page.next = FireToken(query, page.fires.back().fire.key);
      return false;
    }
    page.fires.push_back({fire, keys_[fire.key.schedule]});
    return true;
  };
  if (query.ascending) {
    auto it = after ? fires_.upper_bound(DueOf(*after)) : fires_.begin();
    while (it != fires_.end() && take(it->second.fire)) ++it;
  } else {
    auto it = after ? fires_.lower_bound(DueOf(*after)) : fires_.end();
    while (it != fires_.begin() && take(std::prev(it)->second.fire)) --it;
  }
  return page;
}

absl::StatusOr<WrittenFires> MemoryScheduleStore::ListWritten(const std::string& after,
                                                              const std::string& until, int limit) {
  absl::MutexLock lock(&mu_);
  const int64_t now = written_gone_ + static_cast<int64_t>(written_.size());
  if (after.empty()) return WrittenFires{{}, WrittenPosition(now)};
  ASSIGN_OR_RETURN(const int64_t from, ParseWrittenPosition(after));
  if (from < written_gone_ || from > now) return WrittenTooOld();
  int64_t to = now;
  if (!until.empty()) {
    ASSIGN_OR_RETURN(to, ParseWrittenPosition(until));
  }
  WrittenFires written;
  int64_t at = from;
  for (; at < std::min(to, from + limit) && at < now; ++at) {
    written.keys.push_back(written_[at - written_gone_].second);
  }
  written.next = written.keys.empty() ? WrittenPosition(to) : WrittenPosition(at);
  return written;
}

absl::StatusOr<std::map<ScheduleState, int64_t>> MemoryScheduleStore::CountSchedules() {
  absl::MutexLock lock(&mu_);
  std::map<ScheduleState, int64_t> counts;
  for (const auto& [key, stored] : schedules_) ++counts[stored.schedule.state];
  return counts;
}

absl::StatusOr<AuditHead> MemoryScheduleStore::GetAuditHead() {
  absl::MutexLock lock(&mu_);
  return head_;
}

absl::StatusOr<std::vector<AuditEntry>> MemoryScheduleStore::ListAudit(int64_t after, int limit) {
  absl::MutexLock lock(&mu_);
  const size_t begin = std::min<size_t>(std::max<int64_t>(after, 0), audit_.size());
  const size_t end = std::min(audit_.size(), begin + limit);
  return std::vector<AuditEntry>(audit_.begin() + begin, audit_.begin() + end);
}

absl::Status MemoryScheduleStore::AwaitChange(absl::Duration timeout) {
  changed_.Await(timeout);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PendingFire>> MemoryScheduleStore::LoadPending(int64_t after_batch,
                                                                          int limit) {
  absl::MutexLock lock(&mu_);
  std::vector<PendingFire> pending;
  for (const auto& [schedule, due_at, trigger] : open_) {
    const FireRow& row = *FindFire({schedule, due_at, trigger});
    if (row.fire.state == FireState::kPending && row.batch_id > after_batch) {
      pending.push_back({row.fire, row.batch_id});
    }
  }
  std::sort(pending.begin(), pending.end(), [](const PendingFire& a, const PendingFire& b) {
    return std::pair(a.batch_id, DueOf(a.fire.key)) < std::pair(b.batch_id, DueOf(b.fire.key));
  });
  size_t size = std::min<size_t>(limit, pending.size());
  while (size > 0 && size < pending.size() &&
         pending[size].batch_id == pending[size - 1].batch_id) {
    ++size;  // Whole batches.
  }
  pending.resize(size);
  return pending;
}

absl::StatusOr<std::vector<Fire>> MemoryScheduleStore::LoadOpen(
    absl::Span<const ScheduleId> schedules) {
  absl::MutexLock lock(&mu_);
  std::vector<Fire> fires;
  for (ScheduleId id : schedules) {
    for (auto it = open_.lower_bound({id, absl::InfinitePast(), {}});
         it != open_.end() && std::get<0>(*it) == id; ++it) {
      fires.push_back(FindFire({id, std::get<1>(*it), std::get<2>(*it)})->fire);
    }
  }
  return fires;
}

absl::StatusOr<UnendedPage> MemoryScheduleStore::LoadUnended(const FireKey& before,
                                                             absl::Time since, int rows) {
  absl::MutexLock lock(&mu_);
  UnendedPage page;
  auto it = fires_.lower_bound(DueOf(before));
  for (int seen = 0; it != fires_.begin() && seen < rows; ++seen) {
    const Fire& fire = (--it)->second.fire;
    if (fire.key.due_at < since) return page;
    if (seen + 1 == rows) page.next = fire.key;
    const bool unended = fire.state == FireState::kDispatched || fire.state == FireState::kRunning;
    if (unended) page.fires.push_back(fire);
  }
  return page;
}

}  // namespace z4j::scheduler
