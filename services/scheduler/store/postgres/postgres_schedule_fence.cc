#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/store/postgres/leader_check.h"
#include "services/scheduler/store/postgres/postgres_schedule_store.h"
#include "services/scheduler/store/postgres/retry.h"

// The fence, and until when a leader was live.
namespace z4j::scheduler {
namespace {

using pq::ArrayBuilder;
using pq::Connection;
using pq::Params;
using pq::Type;

const pq::Statement& ReadFenceStatement() {
  static const auto* const statement = new pq::Statement{
      "read_fence",
      "SELECT f.token, f.holder, l.live_at, h.seq, clock_timestamp() "
      "FROM fence f JOIN liveness l USING (scope), audit_head h WHERE f.scope = 'tick'"};
  return *statement;
}

const pq::Statement& ReadOutagesStatement() {
  static const auto* const statement =
      new pq::Statement{"read_outages", "SELECT began_at, ended_at FROM outages ORDER BY began_at"};
  return *statement;
}

// Of both statements above.
absl::StatusOr<FenceRow> FenceRowOf(const pq::Result& fence, const pq::Result& outages) {
  if (fence.rows() != 1) return absl::DataLossError("the table fence has lost its row");
  FenceRow row = {{fence.Int(0, 0)}, fence.Text(0, 1), fence.Time(0, 2), {},
                  fence.Int(0, 3),   fence.Time(0, 4)};
  for (int i = 0; i < outages.rows(); ++i) {
    row.outages.push_back({outages.Time(i, 0), outages.Time(i, 1)});
  }
  return row;
}

// One round trip and one transaction.  First it waits until no leader's write is under way; what
// the statements after it read is as of then.  The last one changes nothing if the token is too
// old.
std::vector<pq::Call> RaiseCalls(FencingToken token, const std::string& holder) {
  static const auto* const lock =
      new pq::Statement{"lock_fence", "SELECT FROM fence WHERE scope = 'tick' FOR UPDATE"};
  static const auto* const raise =
      new pq::Statement{"raise_fence",
                        "UPDATE fence SET token = $1, holder = $2, raised_at = clock_timestamp() "
                        "WHERE scope = 'tick' AND (token < $1 OR (token = $1 AND holder = $2))"};
  return {{lock, {}},
          {&ReadFenceStatement(), {}},
          {&ReadOutagesStatement(), {}},
          {raise, Params().Int8(token.value).Text(holder)}};
}

pq::Call MarkCall(absl::Time at) {
  static const auto* const mark = new pq::Statement{
      "mark_live",
      "UPDATE liveness SET live_at = LEAST($1, clock_timestamp()) WHERE scope = 'tick'"};
  return {mark, Params().Time(at)};
}

}  // namespace

absl::StatusOr<FenceRow> PostgresScheduleStore::ReadFence() {
  return WithConnection(
      control_, IfLost::kTryAgain, [](Connection& connection) -> absl::StatusOr<FenceRow> {
        ASSIGN_OR_RETURN(
            const std::vector<pq::Result> results,
            connection.Pipeline({{&ReadFenceStatement(), {}}, {&ReadOutagesStatement(), {}}}));
        return FenceRowOf(results[0], results[1]);
      });
}

absl::StatusOr<FenceRow> PostgresScheduleStore::RaiseFence(FencingToken token,
                                                           const std::string& holder) {
  using Row = absl::StatusOr<FenceRow>;
  const auto raise = [&](Connection& connection) -> Row {
    ASSIGN_OR_RETURN(const std::vector<pq::Result> results,
                     connection.Pipeline(RaiseCalls(token, holder)));
    ASSIGN_OR_RETURN(FenceRow old, FenceRowOf(results[1], results[2]));
    if (results[3].affected() == 1) return old;
    return absl::AbortedError(absl::StrCat("fenced: token ", token.value, " came after ",
                                           old.token.value, " of ", old.holder));
  };
  ASSIGN_OR_RETURN(FenceRow old, WithConnection(control_, IfLost::kReport, raise));
  if (!ready_) WarmUp();
  return old;
}

void PostgresScheduleStore::WarmUpFence() {
  WithConnection(control_, IfLost::kTryAgain, [](Connection& connection) -> absl::Status {
    for (const pq::Call& call : RaiseCalls({}, "")) RETURN_IF_ERROR(connection.Prepare(call));
    RETURN_IF_ERROR(connection.Prepare(MarkCall({})));
    PrepareLeaderChecks(connection);
    return absl::OkStatus();
  }).IgnoreError();
}

absl::Status PostgresScheduleStore::MarkLive(FencingToken token, absl::Time at) {
  return WithConnection(control_, IfLost::kReport, [&](Connection& connection) {
    return connection.Pipeline({LeaderCheck(token), MarkCall(at)}).status();
  });
}

absl::Status PostgresScheduleStore::SetOutages(FencingToken token, absl::Span<const Outage> outages,
                                               absl::Time at) {
  static const auto* const clear = new pq::Statement{"clear_outages", "DELETE FROM outages"};
  static const auto* const add =
      new pq::Statement{"add_outages", "INSERT INTO outages SELECT * FROM unnest($1, $2)"};
  Params rows;
  rows.Array(Type::kTimestamptz, outages,
             [](ArrayBuilder& to, const Outage& outage) { to.Time(outage.from); })
      .Array(Type::kTimestamptz, outages,
             [](ArrayBuilder& to, const Outage& outage) { to.Time(outage.to); });
  return WithConnection(control_, IfLost::kReport, [&](Connection& connection) {
    return connection.Pipeline({LeaderCheck(token), MarkCall(at), {clear, {}}, {add, rows}})
        .status();
  });
}

}  // namespace z4j::scheduler
