#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/fire_changes.h"
#include "services/scheduler/store/sqlite/fence.h"
#include "services/scheduler/store/sqlite/fires.h"
#include "services/scheduler/store/sqlite/rows.h"
#include "services/scheduler/store/sqlite/sqlite_schedule_store.h"
#include "services/scheduler/store/write_checks.h"

// The leader's writes, and what a new leader loads.
namespace z4j::scheduler {
namespace {

using sqlite::Connection;
using sqlite::Statement;

// Moves what may move; `advanced` gets one value for each.
absl::StatusOr<absl::flat_hash_set<ScheduleId>> MoveCursors(
    Connection& db, absl::Span<const FireBatch::CursorMove> moves, std::vector<bool>& advanced) {
  absl::flat_hash_set<ScheduleId> moved;
  ASSIGN_OR_RETURN(Statement update, db.Prepare("UPDATE cursors SET watermark = ?1, fires = ?2"
                                                " WHERE schedule_id = ?3 AND watermark < ?1"
                                                " AND (?4 IS NULL OR watermark = ?4)"));
  for (const FireBatch::CursorMove& move : moves) {
    ASSIGN_OR_RETURN(const int64_t changed, update.BindTime(move.cursor.watermark)
                                                .BindInt(move.cursor.fires)
                                                .BindId(move.schedule.value)
                                                .BindTimeOrNull(move.planned_from)
                                                .Run());
    advanced.push_back(changed == 1);
    if (changed == 1) moved.insert(move.schedule);
  }
  return moved;
}

// Writes `changes` and, in a batch of their own, the retries of those that end a fire.
absl::Status WriteChanges(Connection& db, const std::vector<FireChange>& changes,
                          sqlite::WrittenKeys& written) {
  std::vector<const Fire*> retries;
  ASSIGN_OR_RETURN(sqlite::FireUpdater updater, sqlite::FireUpdater::Prepare(db));
  for (const FireChange& change : changes) {
    ASSIGN_OR_RETURN(const bool changed, updater.Update(change, written));
    if (changed && change.last.retry != nullptr) retries.push_back(change.last.retry.get());
  }
  if (retries.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t batch_id, sqlite::NextBatch(db));
  ASSIGN_OR_RETURN(sqlite::FireInserter insert, sqlite::FireInserter::Prepare(db));
  ASSIGN_OR_RETURN(Statement exists, db.Prepare("SELECT 1 FROM cursors WHERE schedule_id = ?"));
  for (const Fire* retry : retries) {
    ASSIGN_OR_RETURN(const bool found, exists.BindId(retry->key.schedule.value).Step());
    exists.Reset();
    if (found) RETURN_IF_ERROR(insert.Insert(*retry, batch_id, written));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> PruneFires(Connection& db, absl::Time before, int limit) {
  ASSIGN_OR_RETURN(Statement prune,
                   db.Prepare("DELETE FROM fires WHERE (due_at, schedule_id, trigger_id) IN"
                              " (SELECT due_at, schedule_id, trigger_id FROM fires"
                              "  WHERE due_at < ? AND state > 1 ORDER BY due_at LIMIT ?)"));
  return prune.BindTime(before).BindInt(limit).Run();
}

absl::StatusOr<int64_t> PruneRequests(Connection& db, absl::Time before, int64_t limit) {
  ASSIGN_OR_RETURN(Statement prune, db.Prepare("DELETE FROM requests WHERE id IN"
                                               " (SELECT id FROM requests WHERE at < ? LIMIT ?)"));
  return prune.BindTime(before).BindInt(limit).Run();
}

}  // namespace

absl::StatusOr<CommitResult> SqliteScheduleStore::CommitFires(FencingToken token,
                                                              const FireBatch& batch) {
  absl::MutexLock lock(&writer_mu_);
  const absl::Time now = clock_.Now();
  ASSIGN_OR_RETURN(sqlite::Transaction transaction, writer_->Begin());
  RETURN_IF_ERROR(sqlite::HoldFence(*writer_, token, now));
  RETURN_IF_ERROR(CheckBatch(batch, now));
  CommitResult result;
  ASSIGN_OR_RETURN(result.batch_id, sqlite::NextBatch(*writer_));
  ASSIGN_OR_RETURN(const absl::flat_hash_set<ScheduleId> moved,
                   MoveCursors(*writer_, batch.cursors, result.advanced));
  sqlite::WrittenKeys written;
  {
    ASSIGN_OR_RETURN(sqlite::FireInserter insert, sqlite::FireInserter::Prepare(*writer_));
    for (const Fire& fire : batch.fires) {
      if (moved.contains(fire.key.schedule)) {
        RETURN_IF_ERROR(insert.Insert(fire, result.batch_id, written));
      }
    }
  }
  RETURN_IF_ERROR(written.Write(*writer_, now));
  RETURN_IF_ERROR(transaction.Commit());
  return result;
}

// `closed` is not needed: the index of PENDING fires holds no other.
absl::Status SqliteScheduleStore::UpdateFires(FencingToken token,
                                              absl::Span<const FireUpdate> updates,
                                              absl::Span<const int64_t>) {
  const FireChanges changes = FoldUpdates(updates);
  absl::MutexLock lock(&writer_mu_);
  ASSIGN_OR_RETURN(sqlite::Transaction transaction, writer_->Begin());
  const absl::Time now = clock_.Now();
  RETURN_IF_ERROR(sqlite::HoldFence(*writer_, token, now));
  sqlite::WrittenKeys written;
  RETURN_IF_ERROR(WriteChanges(*writer_, changes.by_key, written));
  RETURN_IF_ERROR(WriteChanges(*writer_, changes.by_id, written));
  RETURN_IF_ERROR(written.Write(*writer_, now));
  return transaction.Commit();
}

absl::StatusOr<int64_t> SqliteScheduleStore::Prune(FencingToken token, absl::Time before,
                                                   int limit) {
  absl::MutexLock lock(&writer_mu_);
  const absl::Time now = clock_.Now();
  ASSIGN_OR_RETURN(sqlite::Transaction transaction, writer_->Begin());
  RETURN_IF_ERROR(sqlite::HoldFence(*writer_, token, now));
  ASSIGN_OR_RETURN(const int64_t fires, PruneFires(*writer_, before, limit));
  ASSIGN_OR_RETURN(const int64_t requests,
                   PruneRequests(*writer_, now - kRequestIdKept, limit - fires));
  RETURN_IF_ERROR(sqlite::PruneWritten(*writer_, now - kWrittenKept));
  RETURN_IF_ERROR(transaction.Commit());
  return fires + requests;
}

absl::StatusOr<std::vector<PendingFire>> SqliteScheduleStore::LoadPending(int64_t after_batch,
                                                                          int limit) {
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  ASSIGN_OR_RETURN(Statement read,
                   reader->Prepare(absl::StrCat(
                       "SELECT ", sqlite::kFireColumns,
                       " FROM fires INDEXED BY fires_pending WHERE state = 1 AND batch_id > ?"
                       " ORDER BY batch_id, due_at, schedule_id, trigger_id")));
  read.BindInt(after_batch);
  std::vector<PendingFire> pending;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, read.Step());
    if (!found) break;
    ASSIGN_OR_RETURN(PendingFire fire, sqlite::ReadFire(read));
    const bool full = static_cast<int>(pending.size()) >= limit;
    if (full && !pending.empty() && pending.back().batch_id != fire.batch_id) break;
    pending.push_back(std::move(fire));
  }
  return pending;
}

absl::StatusOr<std::vector<Fire>> SqliteScheduleStore::LoadOpen(
    absl::Span<const ScheduleId> schedules) {
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  ASSIGN_OR_RETURN(sqlite::Transaction view, reader->Begin());
  std::vector<Fire> fires;
  for (ScheduleId id : schedules) {
    ASSIGN_OR_RETURN(Statement read,
                     reader->Prepare(absl::StrCat(
                         "SELECT ", sqlite::kFireColumns,
                         " FROM fires INDEXED BY fires_open WHERE schedule_id = ? AND state <= 3"
                         " ORDER BY due_at, trigger_id")));
    read.BindId(id.value);
    while (true) {
      ASSIGN_OR_RETURN(const bool found, read.Step());
      if (!found) break;
      ASSIGN_OR_RETURN(PendingFire fire, sqlite::ReadFire(read));
      fires.push_back(std::move(fire.fire));
    }
  }
  return fires;
}

absl::StatusOr<UnendedPage> SqliteScheduleStore::LoadUnended(const FireKey& before,
                                                             absl::Time since, int rows) {
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  ASSIGN_OR_RETURN(Statement read,
                   reader->Prepare(absl::StrCat(
                       "SELECT ", sqlite::kFireColumns,
                       " FROM fires NOT INDEXED WHERE due_at >= ?"
                       " AND (due_at, schedule_id, trigger_id) < (?, ?, ?)"
                       " ORDER BY due_at DESC, schedule_id DESC, trigger_id DESC LIMIT ?")));
  read.BindTime(since)
      .BindTime(before.due_at)
      .BindId(before.schedule.value)
      .BindIdOrEmpty(before.trigger)
      .BindInt(rows);
  UnendedPage page;
  for (int seen = 1;; ++seen) {
    ASSIGN_OR_RETURN(const bool found, read.Step());
    if (!found) return page;
    ASSIGN_OR_RETURN(PendingFire row, sqlite::ReadFire(read));
    if (seen == rows) page.next = row.fire.key;
    const FireState state = row.fire.state;
    if (state == FireState::kDispatched || state == FireState::kRunning) {
      page.fires.push_back(std::move(row.fire));
    }
  }
}

}  // namespace z4j::scheduler
