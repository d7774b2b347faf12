#include "services/scheduler/store/sqlite/sqlite.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/codec.h"

namespace z4j::scheduler::sqlite {
namespace {

absl::Status ErrorOf(sqlite3* db, int code) {
  const std::string what = absl::StrCat("SQLite: ", sqlite3_errmsg(db), " (", sqlite3_errstr(code),
                                        ", code ", sqlite3_extended_errcode(db), ")");
  switch (code & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(
          absl::StrCat(what, "; the disk is full: free space, nothing was written"));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(absl::StrCat(what, "; restore a backup"));
    case SQLITE_CONSTRAINT:
      return absl::AlreadyExistsError(what);
    case SQLITE_TOOBIG:
      return absl::InvalidArgumentError(what);
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
    case SQLITE_PROTOCOL:
      return absl::UnavailableError(what);
    default:  // READONLY, CANTOPEN, PERM; ERROR for a schema that was not migrated.
      return absl::FailedPreconditionError(what);
  }
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_),
      statement_(std::exchange(other.statement_, nullptr)),
      bound_(other.bound_),
      bind_error_(other.bind_error_) {}

Statement::~Statement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);  // They may point to what is about to go.
}

Statement& Statement::Bound(int code) {
  if (bind_error_ == SQLITE_OK) bind_error_ = code;
  return *this;
}

Statement& Statement::BindInt(int64_t value) {
  return Bound(sqlite3_bind_int64(statement_, ++bound_, value));
}

Statement& Statement::BindText(absl::string_view value) {
  // A null pointer would bind NULL; an empty view may have one.
  const char* data = value.data() == nullptr ? "" : value.data();
  return Bound(
      sqlite3_bind_text64(statement_, ++bound_, data, value.size(), SQLITE_STATIC, SQLITE_UTF8));
}

Statement& Statement::BindBlob(absl::string_view value) {
  const char* data = value.data() == nullptr ? "" : value.data();
  return Bound(sqlite3_bind_blob64(statement_, ++bound_, data, value.size(), SQLITE_STATIC));
}

Statement& Statement::BindNull() { return Bound(sqlite3_bind_null(statement_, ++bound_)); }

Statement& Statement::BindId(const Uuid& id) {
  return BindBlob({reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
}

Statement& Statement::BindIdOrEmpty(const Uuid& id) {
  return id.is_zero() ? BindBlob("") : BindId(id);
}

Statement& Statement::BindTime(absl::Time time) { return BindInt(ToMicros(time)); }

Statement& Statement::BindTimeOrNull(absl::Time time) {
  return time == absl::InfinitePast() ? BindNull() : BindTime(time);
}

absl::StatusOr<bool> Statement::Step() {
  if (bind_error_ != SQLITE_OK) return ErrorOf(db_, bind_error_);
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return ErrorOf(db_, code);
}

void Statement::Reset() {
  sqlite3_reset(statement_);
  bound_ = 0;
}

absl::StatusOr<int64_t> Statement::Run() {
  absl::StatusOr<bool> row = Step();
  Reset();
  if (!row.ok()) return row.status();
  return sqlite3_changes64(db_);
}

absl::string_view Statement::View(int column) const {
  // The pointer first, then the size: the order that SQLite asks for.
  const void* data = sqlite3_column_blob(statement_, column);
  const size_t size = sqlite3_column_bytes(statement_, column);
  return {static_cast<const char*>(data), size};
}

absl::StatusOr<Uuid> Statement::Id(int column) const {
  absl::StatusOr<Uuid> id = Uuid::FromBytes(View(column));
  if (!id.ok()) return absl::DataLossError(absl::StrCat("stored id: ", id.status().message()));
  return id;
}

absl::StatusOr<Uuid> Statement::IdOrEmpty(int column) const {
  if (sqlite3_column_bytes(statement_, column) == 0) return Uuid();
  return Id(column);
}

absl::Time Statement::Time(int column) const {
  return IsNull(column) ? absl::InfinitePast() : FromMicros(Int(column));
}

Transaction::~Transaction() {
  // Some errors have rolled back already.
  if (connection_ == nullptr || sqlite3_get_autocommit(connection_->db_)) return;
  sqlite3_exec(connection_->db_, "ROLLBACK", nullptr, nullptr, nullptr);
}

absl::Status Transaction::Commit() {
  ASSIGN_OR_RETURN(Statement commit, connection_->Prepare("COMMIT"));
  return commit.Run().status();  // After an error the destructor rolls back.
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path,
                                                             bool read_only) {
  sqlite3* db = nullptr;
  const int flags = (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  if (db == nullptr) return absl::UnavailableError("SQLite: out of memory");
  std::unique_ptr<Connection> connection(new Connection(path, read_only, db));
  if (code != SQLITE_OK) {
    const absl::Status error = ErrorOf(db, code);
    return absl::Status(error.code(), absl::StrCat(path, ": ", error.message()));
  }
  sqlite3_busy_timeout(db, static_cast<int>(absl::ToInt64Milliseconds(kStoreTimeout)));
  return connection;
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

absl::Status Connection::Exec(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : ErrorOf(db_, code);
}

absl::StatusOr<Statement> Connection::Prepare(absl::string_view sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr) {
    const int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return ErrorOf(db_, code);
  }
  return Statement(db_, statement);
}

absl::StatusOr<Transaction> Connection::Begin() {
  ASSIGN_OR_RETURN(Statement begin, Prepare(read_only_ ? "BEGIN" : "BEGIN IMMEDIATE"));
  RETURN_IF_ERROR(begin.Run().status());
  return Transaction(this);
}

}  // namespace z4j::scheduler::sqlite
