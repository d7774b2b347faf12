#include "services/scheduler/store/postgres/pq.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/store/postgres/pq_status.h"

namespace z4j::scheduler::pq {
namespace {

constexpr int kBinary = 1;

// A result that reports success.
bool Succeeded(const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_PIPELINE_SYNC;
}

std::string Trimmed(const char* message) {
  std::string text = message == nullptr ? "" : message;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

void IgnoreNotice(void*, const PGresult*) {}

}  // namespace

Connection::Connection(ConnectionOptions options)
    : options_(std::move(options)), connection_(nullptr, &PQfinish) {}

bool Connection::in_transaction() const {
  return connection_ != nullptr && PQtransactionStatus(connection_.get()) != PQTRANS_IDLE;
}

absl::Status Connection::Open() {
  // Before the user's string stand defaults, after it what he cannot choose.  Dead peers are
  // noticed by the kernel within seconds; a standby is no place to write to.
  const char* const keys[] = {"connect_timeout",     "tcp_user_timeout",     "keepalives_idle",
                              "keepalives_interval", "target_session_attrs", "dbname",
                              "application_name",    "client_encoding",      nullptr};
  const char* const values[] = {"2",
                                "2000",
                                "2",
                                "1",
                                "read-write",
                                options_.conninfo.c_str(),
                                options_.application_name.c_str(),
                                "UTF8",
                                nullptr};
  connection_.reset(PQconnectdbParams(keys, values, /*expand_dbname=*/1));
  prepared_.clear();
  ++generation_;
  if (PQstatus(connection_.get()) != CONNECTION_OK) return Lost();
  PQsetNoticeReceiver(connection_.get(), &IgnoreNotice, nullptr);
  // Otherwise a pipeline with much data can block on sending while the server blocks on answering.
  if (PQsetnonblocking(connection_.get(), 1) != 0) return Lost();
  if (options_.settings.empty()) return absl::OkStatus();
  const absl::Status set = Script(options_.settings);
  if (!set.ok()) Close();
  return set;
}

absl::Status Connection::Ensure() {
  if (connection_ != nullptr) {
    // A server that went away has said so or closed the socket: read to the end of it now, where
    // nothing is at stake.
    pollfd ready = {PQsocket(connection_.get()), POLLIN, 0};
    while (ready.fd >= 0 && poll(&ready, 1, 0) > 0 && PQconsumeInput(connection_.get())) {
    }
    if (PQstatus(connection_.get()) != CONNECTION_OK) Close();
  }
  if (connection_ != nullptr && in_transaction()) {
    const bool idle = PQtransactionStatus(connection_.get()) != PQTRANS_ACTIVE;
    if (!idle || !Script("ROLLBACK").ok()) Close();
  }
  return connection_ == nullptr ? Open() : absl::OkStatus();
}

absl::Status Connection::Lost() {
  const std::string message = Trimmed(PQerrorMessage(connection_.get()));
  Close();
  return absl::UnavailableError(
      absl::StrCat("postgres: ", message.empty() ? "the connection broke" : message));
}

absl::Status Connection::TimedOut() {
  Close();
  return absl::UnavailableError(
      absl::StrCat("postgres: no answer within ", absl::FormatDuration(options_.deadline)));
}

absl::StatusOr<bool> Connection::Wait(short events, MonoTime deadline, int wake_fd) {
  for (;;) {
    const absl::Duration left = deadline - SystemClock().MonoNow();
    if (left < absl::ZeroDuration()) return false;
    pollfd fds[] = {{PQsocket(connection_.get()), events, 0}, {wake_fd, POLLIN, 0}};
    const pollfd& socket = fds[0];
    const int64_t timeout_ms = absl::ToInt64Milliseconds(left) + 1;
    const int ready = poll(fds, 2, static_cast<int>(std::min<int64_t>(timeout_ms, 1 << 30)));
    if (ready > 0) {
      if (socket.revents == 0) return false;  // Woken.
      if ((socket.revents & ~POLLOUT) != 0 && !PQconsumeInput(connection_.get())) return Lost();
      return true;
    }
    if (ready < 0 && errno != EINTR) return Lost();
  }
}

absl::Status Connection::Flush(MonoTime deadline) {
  for (;;) {
    const int left = PQflush(connection_.get());
    if (left == 0) return absl::OkStatus();
    if (left < 0) return Lost();
    ASSIGN_OR_RETURN(const bool ready, Wait(POLLIN | POLLOUT, deadline));
    if (!ready) return TimedOut();
  }
}

absl::StatusOr<PGresult*> Connection::Next(MonoTime deadline) {
  while (PQisBusy(connection_.get())) {
    ASSIGN_OR_RETURN(const bool ready, Wait(POLLIN, deadline));
    if (!ready) return TimedOut();
  }
  return PQgetResult(connection_.get());
}

absl::StatusOr<Result> Connection::Finish(MonoTime deadline) {
  RETURN_IF_ERROR(Flush(deadline));
  std::unique_ptr<PGresult, decltype(&PQclear)> last(nullptr, &PQclear);
  absl::Status error;
  for (;;) {
    ASSIGN_OR_RETURN(PGresult * next, Next(deadline));
    if (next == nullptr) break;
    last.reset(next);
    if (error.ok() && !Succeeded(next)) error = ResultError(next);
  }
  if (PQstatus(connection_.get()) != CONNECTION_OK) {
    const absl::Status lost = Lost();
    return error.ok() ? lost : error;
  }
  RETURN_IF_ERROR(error);
  return Result(last.release());
}

absl::Status Connection::Prepare(const Statement& statement, const Params& params) {
  if (statement.name.empty() || prepared_.contains(statement.name)) return absl::OkStatus();
  if (!PQsendPrepare(connection_.get(), statement.name.c_str(), statement.sql.c_str(),
                     params.size(), params.types().data())) {
    return Lost();
  }
  RETURN_IF_ERROR(Finish(Deadline()).status());
  prepared_.insert(statement.name);
  return absl::OkStatus();
}

absl::Status Connection::Prepare(const Call& call) {
  if (!is_open()) return absl::UnavailableError("postgres: not connected");
  return Prepare(*call.statement, call.params);
}

absl::Status Connection::Send(const Call& call) {
  const Params& params = call.params;
  const std::vector<const char*> values = params.Pointers();
  const std::vector<int> lengths = params.Lengths(), formats = params.Formats();
  const Statement& statement = *call.statement;
  const int sent =
      statement.name.empty()
          ? PQsendQueryParams(connection_.get(), statement.sql.c_str(), params.size(),
                              params.types().data(), values.data(), lengths.data(), formats.data(),
                              kBinary)
          : PQsendQueryPrepared(connection_.get(), statement.name.c_str(), params.size(),
                                values.data(), lengths.data(), formats.data(), kBinary);
  return sent ? absl::OkStatus() : Lost();
}

absl::StatusOr<Result> Connection::Run(const Statement& statement, const Params& params) {
  if (!is_open()) return absl::UnavailableError("postgres: not connected");
  RETURN_IF_ERROR(Prepare(statement, params));
  RETURN_IF_ERROR(Send({&statement, params}));
  return Finish(Deadline());
}

absl::StatusOr<std::vector<Result>> Connection::Pipeline(absl::Span<const Call> calls) {
  if (!is_open()) return absl::UnavailableError("postgres: not connected");
  for (const Call& call : calls) RETURN_IF_ERROR(Prepare(*call.statement, call.params));
  if (!PQenterPipelineMode(connection_.get())) return Lost();
  for (const Call& call : calls) RETURN_IF_ERROR(Send(call));
  if (!PQpipelineSync(connection_.get())) return Lost();

  const MonoTime deadline = Deadline();
  RETURN_IF_ERROR(Flush(deadline));
  std::vector<Result> results;
  absl::Status error;
  for (;;) {
    ASSIGN_OR_RETURN(PGresult * next, Next(deadline));
    if (next == nullptr) {  // Between two statements, or the connection is gone.
      if (PQstatus(connection_.get()) != CONNECTION_OK) {
        const absl::Status lost = Lost();
        return error.ok() ? lost : error;
      }
      continue;
    }
    Result result(next);
    if (PQresultStatus(next) == PGRES_PIPELINE_SYNC) break;
    if (error.ok() && !Succeeded(next)) error = ResultError(next);
    results.push_back(std::move(result));
  }
  if (!PQexitPipelineMode(connection_.get())) return Lost();
  RETURN_IF_ERROR(error);
  return results;
}

absl::Status Connection::Script(const std::string& sql) {
  if (!is_open()) return absl::UnavailableError("postgres: not connected");
  if (!PQsendQuery(connection_.get(), sql.c_str())) return Lost();
  return Finish(Deadline()).status();
}

absl::StatusOr<bool> Connection::AwaitNotification(absl::Duration timeout, int wake_fd) {
  if (!is_open()) return absl::UnavailableError("postgres: not connected");
  const MonoTime deadline = SystemClock().MonoNow() + timeout;
  for (bool found = false;;) {
    while (PGnotify* notification = PQnotifies(connection_.get())) {
      PQfreemem(notification);
      found = true;
    }
    if (found) return true;
    ASSIGN_OR_RETURN(const bool ready, Wait(POLLIN, deadline, wake_fd));
    if (!ready) return false;
    if (PQstatus(connection_.get()) != CONNECTION_OK) return Lost();
  }
}

}  // namespace z4j::scheduler::pq
