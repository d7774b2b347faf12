#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/store/sqlite/rows.h"
#include "services/scheduler/store/sqlite/sqlite_schedule_store.h"
#include "services/scheduler/store/sqlite/written.h"

// Reads of single rows and of whole tables; the lists with pages have a file of their own.
namespace z4j::scheduler {

using sqlite::Statement;

namespace {

// Fires with the name that their schedule has or had.
std::string NamedFires() {
  return absl::StrCat("SELECT ", sqlite::kFireColumns,
                      ", n.project, n.name FROM fires LEFT JOIN names n ON n.id = schedule_id");
}

absl::StatusOr<NamedFire> ReadNamedFire(Statement& row) {
  ASSIGN_OR_RETURN(PendingFire fire, sqlite::ReadFire(row));
  return NamedFire{std::move(fire.fire),
                   {row.Text(sqlite::kFireColumnCount), row.Text(sqlite::kFireColumnCount + 1)}};
}

}  // namespace

absl::StatusOr<StoredSchedule> SqliteScheduleStore::GetSchedule(const ScheduleKey& key) {
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  ASSIGN_OR_RETURN(Statement find, reader->Prepare(absl::StrCat(
                                       "SELECT ", sqlite::kStoredColumns,
                                       " FROM schedules s JOIN cursors c ON c.schedule_id = s.id"
                                       " WHERE s.project = ? AND s.name = ?")));
  ASSIGN_OR_RETURN(const bool found, find.BindText(key.project).BindText(key.name).Step());
  if (!found) return absl::NotFoundError(absl::StrCat("no schedule ", key.project, "/", key.name));
  return sqlite::ReadStored(find, 0);
}

absl::StatusOr<int64_t> SqliteScheduleStore::LoadSchedules(
    absl::FunctionRef<void(StoredSchedule)> visit) {
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  ASSIGN_OR_RETURN(sqlite::Transaction view, reader->Begin());
  int64_t revision = 0;
  {
    ASSIGN_OR_RETURN(Statement head, reader->Prepare("SELECT seq FROM audit_head WHERE one = 1"));
    ASSIGN_OR_RETURN(const bool found, head.Step());
    if (!found) return absl::DataLossError("the audit head's row is gone");
    revision = head.Int(0);
  }
  ASSIGN_OR_RETURN(Statement all,
                   reader->Prepare(absl::StrCat(
                       "SELECT ", sqlite::kStoredColumns,
                       " FROM schedules s CROSS JOIN cursors c ON c.schedule_id = s.id")));
  while (true) {
    ASSIGN_OR_RETURN(const bool found, all.Step());
    if (!found) return revision;
    ASSIGN_OR_RETURN(StoredSchedule stored, sqlite::ReadStored(all, 0));
    visit(std::move(stored));
  }
}

absl::StatusOr<std::vector<ScheduleChange>> SqliteScheduleStore::ListChanges(int64_t after,
                                                                             int limit) {
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  // One statement sees one instant.
  ASSIGN_OR_RETURN(Statement read,
                   reader->Prepare(absl::StrCat(
                       "SELECT a.seq, a.schedule_id, n.project, n.name, a.action, a.resource, ",
                       sqlite::kStoredColumns,
                       " FROM audit_entries a LEFT JOIN names n ON n.id = a.schedule_id"
                       " LEFT JOIN schedules s ON s.id = a.schedule_id"
                       " LEFT JOIN cursors c ON c.schedule_id = a.schedule_id"
                       " WHERE a.seq > ? AND a.schedule_id <> x'' ORDER BY a.seq LIMIT ?")));
  read.BindInt(after).BindInt(limit);
  std::vector<ScheduleChange> changes;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, read.Step());
    if (!found) return changes;
    ScheduleChange& change = changes.emplace_back();
    change.revision = read.Int(0);
    ASSIGN_OR_RETURN(change.id.value, read.Id(1));
    change.key = {read.Text(2), read.Text(3)};
    change.action = read.Text(4);
    change.resource = read.Text(5);
    if (read.IsNull(6)) continue;
    ASSIGN_OR_RETURN(change.stored, sqlite::ReadStored(read, 6));
  }
}

absl::StatusOr<std::vector<std::pair<ScheduleId, Cursor>>> SqliteScheduleStore::GetCursors(
    absl::Span<const ScheduleId> ids) {
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  ASSIGN_OR_RETURN(sqlite::Transaction view, reader->Begin());
  std::vector<std::pair<ScheduleId, Cursor>> cursors;
  for (ScheduleId id : ids) {
    ASSIGN_OR_RETURN(Statement find,
                     reader->Prepare("SELECT watermark, fires FROM cursors WHERE schedule_id = ?"));
    ASSIGN_OR_RETURN(const bool found, find.BindId(id.value).Step());
    if (found) cursors.emplace_back(id, Cursor{find.Time(0), find.Int(1)});
  }
  return cursors;
}

absl::StatusOr<std::map<ScheduleState, int64_t>> SqliteScheduleStore::CountSchedules() {
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  ASSIGN_OR_RETURN(Statement count,
                   reader->Prepare("SELECT state, count(*) FROM schedules GROUP BY state"));
  std::map<ScheduleState, int64_t> counts;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, count.Step());
    if (!row) return counts;
    counts[static_cast<ScheduleState>(count.Int(0))] = count.Int(1);
  }
}

absl::StatusOr<NamedFire> SqliteScheduleStore::GetFire(FireId id) {
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  ASSIGN_OR_RETURN(Statement find, reader->Prepare(NamedFires() + " WHERE fire_id = ?"));
  ASSIGN_OR_RETURN(const bool found, find.BindId(id.value).Step());
  if (!found) return absl::NotFoundError(absl::StrCat("no fire ", id.ToString()));
  return ReadNamedFire(find);
}

absl::StatusOr<std::vector<NamedFire>> SqliteScheduleStore::GetFires(
    absl::Span<const FireKey> keys) {
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  ASSIGN_OR_RETURN(sqlite::Transaction view, reader->Begin());
  ASSIGN_OR_RETURN(Statement find,
                   reader->Prepare(NamedFires() + " WHERE due_at = ? AND schedule_id = ?"
                                                  " AND trigger_id = ?"));
  std::vector<NamedFire> fires;
  for (const FireKey& key : keys) {
    find.BindTime(key.due_at).BindId(key.schedule.value).BindIdOrEmpty(key.trigger);
    ASSIGN_OR_RETURN(const bool found, find.Step());
    if (found) {
      ASSIGN_OR_RETURN(fires.emplace_back(), ReadNamedFire(find));
    }
    find.Reset();
  }
  return fires;
}

absl::StatusOr<std::vector<std::pair<ScheduleId, std::string>>>
SqliteScheduleStore::GetDeletedEngines(absl::Span<const ScheduleId> ids) {
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  ASSIGN_OR_RETURN(Statement find,
                   reader->Prepare("SELECT engine FROM names WHERE id = ? AND engine <> ''"));
  std::vector<std::pair<ScheduleId, std::string>> engines;
  for (const ScheduleId id : ids) {
    ASSIGN_OR_RETURN(const bool found, find.BindId(id.value).Step());
    if (found) engines.emplace_back(id, find.Text(0));
    find.Reset();
  }
  return engines;
}

absl::StatusOr<WrittenFires> SqliteScheduleStore::ListWritten(const std::string& after,
                                                              const std::string& until, int limit) {
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  ASSIGN_OR_RETURN(sqlite::Transaction view, reader->Begin());
  return sqlite::ReadWritten(*reader, after, until, limit);
}

absl::StatusOr<std::vector<AuditEntry>> SqliteScheduleStore::ListAudit(int64_t after, int limit) {
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  ASSIGN_OR_RETURN(
      Statement read,
      reader->Prepare("SELECT * FROM audit_entries WHERE seq > ? ORDER BY seq LIMIT ?"));
  read.BindInt(after).BindInt(limit);
  std::vector<AuditEntry> entries;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, read.Step());
    if (!found) return entries;
    ASSIGN_OR_RETURN(entries.emplace_back(), sqlite::ReadAudit(read));
  }
}

}  // namespace z4j::scheduler
