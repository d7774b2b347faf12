#ifndef Z4J_SCHEDULER_STORE_POSTGRES_LEADER_CHECK_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_LEADER_CHECK_H_

#include "absl/time/time.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/postgres/pq.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// The first call of every pipeline that writes as leader: law 3.  The pipeline fails as ABORTED if
// `token` is stale, and as FAILED_PRECONDITION if `newest_due` is too far ahead of the database's
// clock.
inline pq::Call LeaderCheck(FencingToken token, absl::Time newest_due = absl::InfinitePast()) {
  static const auto* const statement =
      new pq::Statement{"require_leader", "SELECT require_leader($1, $2)"};
  return {statement, pq::Params().Int8(token.value).Time(newest_due - kClockAheadMax)};
}

// Notes that the leader is live, a few times a second: a second call of such pipelines.  Writers
// that overlap leave it to one of them, so that none waits here; and not every write leaves an old
// version of the row behind.
inline pq::Call NoteLive() {
  static const auto* const statement = new pq::Statement{
      "note_live",
      "UPDATE liveness SET live_at = clock_timestamp() WHERE scope = ("
      "  SELECT scope FROM liveness WHERE scope = 'tick'"
      "    AND live_at < clock_timestamp() - interval '250 ms' FOR UPDATE SKIP LOCKED)"};
  return {statement, {}};
}

// Gets `connection` ready for both, changing nothing.
inline void PrepareLeaderChecks(pq::Connection& connection) {
  // The function's own statements are planned when it first runs.  Once a connection will do, as
  // it locks the fence for a moment.
  static const auto* const pass = new pq::Statement{
      "pass_fence", "SELECT require_leader(token, '-infinity') FROM fence WHERE scope = 'tick'"};
  if (!connection.is_prepared(*pass)) connection.Run(*pass, {}).status().IgnoreError();
  connection.Prepare(LeaderCheck({})).IgnoreError();
  connection.Prepare(NoteLive()).IgnoreError();
}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_LEADER_CHECK_H_
