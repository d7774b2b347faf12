#ifndef Z4J_SCHEDULER_STORE_POSTGRES_PQ_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_PQ_H_

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/base/clock.h"
#include "services/scheduler/store/postgres/pq_values.h"

// One connection to PostgreSQL over libpq (docs/adr/0001-libpq-directly.md).
namespace z4j::scheduler::pq {

struct ConnectionOptions {
  std::string conninfo;          // libpq's: "host=… dbname=…" or "postgresql://…".
  std::string application_name;  // What pg_stat_activity shows.
  std::string settings;     // SQL that runs after each connect: "SET lock_timeout = '1s'; …".
  absl::Duration deadline;  // For each call below.
};

// Prepared once per connection under `name`; the sql of a name never changes.  An empty name is
// planned anew each time, for statements that are put together.
struct Statement {
  std::string name;
  std::string sql;
};

struct Call {
  const Statement* statement;
  Params params;
};

// Codes of every call: UNAVAILABLE if the connection broke, the deadline passed or the server is
// not ready (the outcome of a write is unknown); RESOURCE_EXHAUSTED if its disk or memory is full;
// DATA_LOSS if it found its files damaged; ALREADY_EXISTS for a unique key; INVALID_ARGUMENT for
// values that it cannot store; FAILED_PRECONDITION if tables or rights are missing; what the
// functions of our own schema raise as they say (ABORTED: fenced).
// A call never connects again by itself, so that a transaction cannot lose its first half; Ensure()
// does.  For one thread at a time.
class Connection {
 public:
  explicit Connection(ConnectionOptions options);

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Makes sure that there is a connection outside any transaction: opens one if there is none or
  // the server closed it meanwhile, and rolls back what an earlier user left open.
  absl::Status Ensure();

  // Runs one statement; outside a transaction it is one by itself.
  absl::StatusOr<Result> Run(const Statement& statement, const Params& params);
  // Sends all calls in one round trip.  They stop at the first error, which is returned.  Without
  // BEGIN they are one transaction, committed at the end.
  absl::StatusOr<std::vector<Result>> Pipeline(absl::Span<const Call> calls);
  // Has the server parse the statement, once a connection, so that its first run need not wait for
  // that.
  absl::Status Prepare(const Call& call);
  bool is_prepared(const Statement& statement) const { return prepared_.contains(statement.name); }
  // Runs SQL text without parameters; may hold several statements.
  absl::Status Script(const std::string& sql);

  // Waits until a notification arrives on a channel that this connection LISTENs to; false if
  // `timeout` passed or `wake_fd` became readable.
  absl::StatusOr<bool> AwaitNotification(absl::Duration timeout, int wake_fd = -1);

  void Close() { connection_.reset(); }
  bool is_open() const { return connection_ != nullptr; }
  bool in_transaction() const;
  // Counts connects, so that a caller sees that what it had set up is gone.
  int64_t generation() const { return generation_; }

 private:
  absl::Status Open();
  absl::Status Prepare(const Statement& statement, const Params& params);
  absl::Status Send(const Call& call);
  // Waits until the socket is ready for `events` (of poll); false if `deadline` passed or `wake_fd`
  // became readable.
  absl::StatusOr<bool> Wait(short events, MonoTime deadline, int wake_fd = -1);
  absl::Status Flush(MonoTime deadline);
  // The next result; nullptr at the end of a statement's results.
  absl::StatusOr<PGresult*> Next(MonoTime deadline);
  // The one result of a statement that was sent.
  absl::StatusOr<Result> Finish(MonoTime deadline);
  // Closes the connection and says why.
  absl::Status Lost();
  absl::Status TimedOut();
  MonoTime Deadline() const { return SystemClock().MonoNow() + options_.deadline; }

  const ConnectionOptions options_;
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
  absl::flat_hash_set<std::string> prepared_;
  int64_t generation_ = 0;
};

}  // namespace z4j::scheduler::pq

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_PQ_H_
