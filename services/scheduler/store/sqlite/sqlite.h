#ifndef Z4J_SCHEDULER_STORE_SQLITE_SQLITE_H_
#define Z4J_SCHEDULER_STORE_SQLITE_SQLITE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/uuid.h"

// SQLite's C interface as values.  One thread at a time uses a Connection and its Statements.
//
// Codes: RESOURCE_EXHAUSTED the disk (or max_page_count) is full; UNAVAILABLE an I/O error or a
// lock that was not released in time; DATA_LOSS the file is corrupt or no database; ALREADY_EXISTS
// a constraint; FAILED_PRECONDITION the file cannot be opened or written, or has no such table.
namespace z4j::scheduler::sqlite {

class Connection;

// A prepared statement, borrowed from its connection's cache; going out of scope resets it.
// Parameters are bound in their order; texts and blobs must live until Step() or Run() is done.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  Statement& BindInt(int64_t value);
  Statement& BindText(absl::string_view value);
  Statement& BindBlob(absl::string_view value);
  Statement& BindNull();
  Statement& BindId(const Uuid& id);
  Statement& BindIdOrEmpty(const Uuid& id);  // An empty blob for zero.
  Statement& BindTime(absl::Time time);
  Statement& BindTimeOrNull(absl::Time time);  // Null for InfinitePast.

  // To the next row; false: there is none.
  absl::StatusOr<bool> Step();
  // To the end, for statements without rows; returns how many rows changed.  Then the parameters
  // are bound anew, from the first.
  absl::StatusOr<int64_t> Run();

  // Ready to be bound anew, without running to the end.
  void Reset();

  // Columns of the row, counted from 0.
  bool IsNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string Text(int column) const { return std::string(View(column)); }
  absl::string_view View(int column) const;   // Until the next Step().  Texts and blobs alike.
  absl::StatusOr<Uuid> Id(int column) const;  // DATA_LOSS unless 16 bytes.
  absl::StatusOr<Uuid> IdOrEmpty(int column) const;  // Also zero, stored as an empty blob.
  absl::Time Time(int column) const;                 // Null is InfinitePast.

 private:
  friend class Connection;
  Statement(sqlite3* db, sqlite3_stmt* statement) : db_(db), statement_(statement) {}
  Statement& Bound(int code);

  sqlite3* db_;
  sqlite3_stmt* statement_;  // Null if moved from.
  int bound_ = 0;
  int bind_error_ = SQLITE_OK;
};

// Rolls back unless committed.
class Transaction {
 public:
  Transaction(Transaction&& other) noexcept : connection_(other.connection_) {
    other.connection_ = nullptr;
  }
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  // Durable when it returns OK.  After an error it is rolled back, except that after UNAVAILABLE
  // the outcome is unknown.
  absl::Status Commit();

 private:
  friend class Connection;
  explicit Transaction(Connection* connection) : connection_(connection) {}
  Connection* connection_;
};

class Connection {
 public:
  // `read_only` connections see the last commit as of their transaction's begin.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path, bool read_only);
  ~Connection();

  // For one or more statements without parameters.
  absl::Status Exec(const std::string& sql);
  // `sql` is prepared once and kept; there must be few different texts.
  absl::StatusOr<Statement> Prepare(absl::string_view sql);
  // Locks the database for writing; on a read-only connection, begins one consistent view.
  absl::StatusOr<Transaction> Begin();

  const std::string& path() const { return path_; }

 private:
  friend class Transaction;
  Connection(std::string path, bool read_only, sqlite3* db)
      : path_(std::move(path)), read_only_(read_only), db_(db) {}

  const std::string path_;
  const bool read_only_;
  sqlite3* const db_;
  absl::flat_hash_map<std::string, sqlite3_stmt*> statements_;
};

}  // namespace z4j::scheduler::sqlite

#endif  // Z4J_SCHEDULER_STORE_SQLITE_SQLITE_H_
