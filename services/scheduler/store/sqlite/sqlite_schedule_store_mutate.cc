#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/store/codec.h"
#include "services/scheduler/store/schedule_match.h"
#include "services/scheduler/store/sqlite/fence.h"
#include "services/scheduler/store/sqlite/fires.h"
#include "services/scheduler/store/sqlite/rows.h"
#include "services/scheduler/store/sqlite/sqlite_schedule_store.h"
#include "services/scheduler/store/write_checks.h"

// Mutations: Transact and its parts, each inside the one transaction.
namespace z4j::scheduler {
namespace {

using sqlite::Connection;
using sqlite::Statement;

absl::StatusOr<AuditHead> ReadHead(Connection& db) {
  ASSIGN_OR_RETURN(Statement read,
                   db.Prepare("SELECT seq, mac, seal, key_id FROM audit_head WHERE one = 1"));
  ASSIGN_OR_RETURN(const bool found, read.Step());
  if (!found) return absl::DataLossError("the audit head's row is gone");
  return AuditHead{read.Int(0), read.Text(1), read.Text(2), read.Text(3)};
}

absl::StatusOr<ReadSet> ReadAll(Connection& db, absl::Span<const ScheduleKey> keys,
                                absl::Span<const std::string> request_ids) {
  ReadSet read;
  ASSIGN_OR_RETURN(read.head, ReadHead(db));
  for (const ScheduleKey& key : keys) {
    ASSIGN_OR_RETURN(Statement find, db.Prepare(absl::StrCat(
                                         "SELECT ", sqlite::kStoredColumns,
                                         " FROM schedules s JOIN cursors c ON c.schedule_id = s.id"
                                         " WHERE s.project = ? AND s.name = ?")));
    ASSIGN_OR_RETURN(const bool found, find.BindText(key.project).BindText(key.name).Step());
    if (!found) continue;
    ASSIGN_OR_RETURN(read.schedules[key], sqlite::ReadStored(find, 0));
  }
  for (const std::string& id : request_ids) {
    ASSIGN_OR_RETURN(Statement find,
                     db.Prepare("SELECT hash, outcome, at FROM requests WHERE id = ?"));
    ASSIGN_OR_RETURN(const bool found, find.BindText(id).Step());
    if (found) read.requests[id] = {id, find.Text(0), find.Text(1), find.Time(2)};
  }
  return read;
}

// NOT_FOUND unless exactly one row changed.
absl::Status One(const absl::StatusOr<int64_t>& changed, absl::string_view what) {
  RETURN_IF_ERROR(changed.status());
  return *changed == 1 ? absl::OkStatus() : absl::NotFoundError(absl::StrCat("no schedule ", what));
}

absl::Status WriteLabels(Connection& db, const Schedule& schedule) {
  ASSIGN_OR_RETURN(Statement write, db.Prepare("INSERT INTO labels VALUES (?, ?, ?)"));
  for (const auto& [name, value] : schedule.labels) {
    RETURN_IF_ERROR(write.BindId(schedule.id.value).BindText(name).BindText(value).Run().status());
  }
  return absl::OkStatus();
}

absl::Status DropLabels(Connection& db, ScheduleId id) {
  ASSIGN_OR_RETURN(Statement drop, db.Prepare("DELETE FROM labels WHERE schedule_id = ?"));
  return drop.BindId(id.value).Run().status();
}

absl::Status DeleteSchedule(Connection& db, const ScheduleKey& key, absl::Time now,
                            sqlite::WrittenKeys& written) {
  ScheduleId id;
  std::string engine;
  {
    ASSIGN_OR_RETURN(
        Statement drop,
        db.Prepare("DELETE FROM schedules WHERE project = ? AND name = ? RETURNING id, engine"));
    ASSIGN_OR_RETURN(const bool found, drop.BindText(key.project).BindText(key.name).Step());
    if (!found) {
      return absl::NotFoundError(absl::StrCat("no schedule ", key.project, "/", key.name));
    }
    ASSIGN_OR_RETURN(id.value, drop.Id(0));
    engine = drop.Text(1);
  }
  {
    ASSIGN_OR_RETURN(Statement keep, db.Prepare("UPDATE names SET engine = ? WHERE id = ?"));
    RETURN_IF_ERROR(keep.BindText(engine).BindId(id.value).Run().status());
  }
  {
    ASSIGN_OR_RETURN(Statement drop, db.Prepare("DELETE FROM cursors WHERE schedule_id = ?"));
    RETURN_IF_ERROR(drop.BindId(id.value).Run().status());
  }
  RETURN_IF_ERROR(DropLabels(db, id));
  // "state <= 3" is what lets SQLite use the index of open fires.
  ASSIGN_OR_RETURN(Statement cancel,
                   db.Prepare("UPDATE fires SET state = 6, reason = ?, finished_at = ?"
                              " WHERE schedule_id = ? AND state <= 3 AND state = 1"
                              " RETURNING due_at, trigger_id"));
  cancel.BindInt(static_cast<int>(FireReason::kScheduleDeleted)).BindTime(now).BindId(id.value);
  while (true) {
    ASSIGN_OR_RETURN(const bool found, cancel.Step());
    if (!found) return absl::OkStatus();
    FireKey fire = {id, cancel.Time(0), {}};
    ASSIGN_OR_RETURN(fire.trigger, cancel.IdOrEmpty(1));
    written.Add(fire);
  }
}

absl::Status InsertSchedule(Connection& db, const StoredSchedule& stored) {
  const Schedule& s = stored.schedule;
  const std::string definition = EncodeSchedule(s);
  ASSIGN_OR_RETURN(Statement name,
                   db.Prepare("INSERT INTO names (id, project, name) VALUES (?, ?, ?)"));
  absl::StatusOr<int64_t> added =
      name.BindId(s.id.value).BindText(s.project).BindText(s.name).Run();
  if (added.ok()) {
    ASSIGN_OR_RETURN(
        Statement insert,
        db.Prepare("INSERT INTO schedules (id, project, name, engine, kind, state, created_at,"
                   " updated_at, definition, source_kind, source_locator)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    added = insert.BindId(s.id.value)
                .BindText(s.project)
                .BindText(s.name)
                .BindText(s.engine)
                .BindText(KindOf(s.spec))
                .BindInt(static_cast<int>(s.state))
                .BindTime(s.created_at)
                .BindTime(s.updated_at)
                .BindText(definition)
                .BindText(SourceKindOf(s))
                .BindText(SourceLocatorOf(s))
                .Run();
  }
  if (absl::IsAlreadyExists(added.status())) {
    return absl::AlreadyExistsError(absl::StrCat("schedule ", s.project, "/", s.name, " or its id ",
                                                 s.id.ToString(), " exists"));
  }
  RETURN_IF_ERROR(added.status());
  ASSIGN_OR_RETURN(Statement cursor, db.Prepare("INSERT INTO cursors VALUES (?, ?, ?)"));
  RETURN_IF_ERROR(cursor.BindId(s.id.value)
                      .BindTime(stored.cursor.watermark)
                      .BindInt(stored.cursor.fires)
                      .Run()
                      .status());
  return WriteLabels(db, s);
}

absl::Status UpdateSchedule(Connection& db, const Schedule& s) {
  const std::string definition = EncodeSchedule(s);
  ASSIGN_OR_RETURN(Statement update,
                   db.Prepare("UPDATE schedules SET engine = ?, kind = ?, state = ?,"
                              " created_at = ?, updated_at = ?, definition = ?, source_kind = ?,"
                              " source_locator = ? WHERE id = ?"));
  RETURN_IF_ERROR(One(update.BindText(s.engine)
                          .BindText(KindOf(s.spec))
                          .BindInt(static_cast<int>(s.state))
                          .BindTime(s.created_at)
                          .BindTime(s.updated_at)
                          .BindText(definition)
                          .BindText(SourceKindOf(s))
                          .BindText(SourceLocatorOf(s))
                          .BindId(s.id.value)
                          .Run(),
                      s.name));
  RETURN_IF_ERROR(DropLabels(db, s.id));
  return WriteLabels(db, s);
}

absl::Status WriteSchedules(Connection& db, const WriteSet& write, absl::Time now,
                            sqlite::WrittenKeys& written) {
  for (const ScheduleKey& key : write.deleted) {
    RETURN_IF_ERROR(DeleteSchedule(db, key, now, written));
  }
  for (const StoredSchedule& stored : write.inserted) RETURN_IF_ERROR(InsertSchedule(db, stored));
  for (const Schedule& schedule : write.updated) RETURN_IF_ERROR(UpdateSchedule(db, schedule));
  for (const auto& [id, watermark] : write.watermarks) {
    ASSIGN_OR_RETURN(
        Statement move,
        db.Prepare("UPDATE cursors SET watermark = max(watermark, ?) WHERE schedule_id = ?"));
    RETURN_IF_ERROR(One(move.BindTime(watermark).BindId(id.value).Run(), id.ToString()));
  }
  return absl::OkStatus();
}

absl::Status WriteFires(Connection& db, const WriteSet& write, absl::Time now,
                        sqlite::WrittenKeys& written) {
  if (!write.fires.empty()) {
    ASSIGN_OR_RETURN(const int64_t batch, sqlite::NextBatch(db));
    ASSIGN_OR_RETURN(sqlite::FireInserter insert, sqlite::FireInserter::Prepare(db));
    for (const Fire& fire : write.fires) RETURN_IF_ERROR(insert.Insert(fire, batch, written));
  }
  for (const FireKey& key : write.cancelled) {
    ASSIGN_OR_RETURN(Statement cancel,
                     db.Prepare("UPDATE fires SET state = 6, reason = ?, finished_at = ? WHERE"
                                " due_at = ? AND schedule_id = ? AND trigger_id = ?"
                                " AND state = 1"));
    ASSIGN_OR_RETURN(const int64_t cancelled,
                     cancel.BindInt(static_cast<int>(FireReason::kUserCancelled))
                         .BindTime(now)
                         .BindTime(key.due_at)
                         .BindId(key.schedule.value)
                         .BindIdOrEmpty(key.trigger)
                         .Run());
    if (cancelled > 0) written.Add(key);
  }
  return absl::OkStatus();
}

absl::Status WriteAudit(Connection& db, const WriteSet& write) {
  if (!write.audit.empty()) {
    ASSIGN_OR_RETURN(Statement insert, db.Prepare("INSERT INTO audit_entries VALUES"
                                                  " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    for (const AuditEntry& entry : write.audit) {
      sqlite::BindAudit(insert, entry);
      RETURN_IF_ERROR(insert.Run().status());
    }
    ASSIGN_OR_RETURN(Statement head,
                     db.Prepare("UPDATE audit_head SET seq = ?, mac = ?, seal = ?, key_id = ?"));
    RETURN_IF_ERROR(head.BindInt(write.head.seq)
                        .BindBlob(write.head.mac)
                        .BindBlob(write.head.seal)
                        .BindText(write.head.key_id)
                        .Run()
                        .status());
  }
  ASSIGN_OR_RETURN(Statement insert,
                   db.Prepare("INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?)"));
  for (const StoredRequest& request : write.requests) {
    RETURN_IF_ERROR(insert.BindText(request.id)
                        .BindBlob(request.hash)
                        .BindBlob(request.outcome)
                        .BindTime(request.at)
                        .Run()
                        .status());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SqliteScheduleStore::Transact(
    absl::Span<const ScheduleKey> keys, absl::Span<const std::string> request_ids,
    absl::FunctionRef<absl::StatusOr<WriteSet>(const ReadSet&)> decide) {
  {
    absl::MutexLock lock(&writer_mu_);
    ASSIGN_OR_RETURN(sqlite::Transaction transaction, writer_->Begin());
    ASSIGN_OR_RETURN(const ReadSet read, ReadAll(*writer_, keys, request_ids));
    ASSIGN_OR_RETURN(const WriteSet write, decide(read));
    RETURN_IF_ERROR(CheckAudit(read.head, write));
    const absl::Time now = clock_.Now();
    sqlite::WrittenKeys written;
    RETURN_IF_ERROR(WriteSchedules(*writer_, write, now, written));
    RETURN_IF_ERROR(WriteFires(*writer_, write, now, written));
    RETURN_IF_ERROR(written.Write(*writer_, now));
    RETURN_IF_ERROR(WriteAudit(*writer_, write));
    RETURN_IF_ERROR(transaction.Commit());
  }
  changed_.Notify();
  return absl::OkStatus();
}

absl::StatusOr<AuditHead> SqliteScheduleStore::GetAuditHead() {
  ASSIGN_OR_RETURN(sqlite::ReaderPool::Lease reader, readers_.Take());
  return ReadHead(*reader);
}

}  // namespace z4j::scheduler
