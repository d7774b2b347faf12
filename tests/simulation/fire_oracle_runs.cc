// What must hold of runs: which overlap, and which are repeated; see fire_oracle.h.
#include "absl/strings/str_cat.h"
#include "services/scheduler/core/run_retry.h"
#include "tests/simulation/fire_oracle.h"

namespace z4j::simulation {

using scheduler::Fire;
using scheduler::FireRef;
using scheduler::FireUpdate;
using scheduler::Overlap;

void FireOracle::RunBegins(const FireRef& run) {
  const auto found = schedules_.find(run.key.schedule);
  if (found == schedules_.end()) return;
  Known& known = found->second;
  world_.Tell(
      [&] { return absl::StrCat(known.schedule.name, " runs for ", TextOf(run.key.due_at)); });
  if (known.schedule.overlap != Overlap::kAllow && !known.running.empty()) {
    Fail(absl::StrCat(known.schedule.name, " runs for ", TextOf(run.key.due_at),
                      " beside its run for ", TextOf(rows_.at(*known.running.begin()).key.due_at)));
  }
  known.running.insert(run.id);
}

void FireOracle::RunEnds(const FireRef& run) {
  const auto found = schedules_.find(run.key.schedule);
  if (found != schedules_.end()) found->second.running.erase(run.id);
}

// With the end of a run comes the fire that repeats it, if its schedule says so.
void FireOracle::Ended(const FireUpdate& update, Row& row) {
  row.ended = true;
  const auto found = schedules_.find(row.key.schedule);
  if (found == schedules_.end()) return;
  Known& known = found->second;
  known.open.erase(update.id);
  known.last_end = Now();
  const auto& policy = known.schedule.run_retry;
  const bool repeated =
      policy.has_value() && IsRepeated(*policy, row.run, update.state, update.reason);
  if (repeated != (update.retry != nullptr)) {
    return Fail(absl::StrCat(known.schedule.name, ": run ", row.run, " for ",
                             TextOf(row.key.due_at), repeated ? " is not" : " is", " repeated"));
  }
  if (!repeated) return;
  const Fire& retry = *update.retry;
  if (retry.run != row.run + 1 || retry.retry_of != update.id ||
      retry.key.due_at != row.key.due_at || retry.id != MakeFireId(retry.key)) {
    Fail(known.schedule.name + ": a run is repeated by what does not follow it");
  }
  rows_[retry.id] = {retry.key, retry.run, retry.dispatch_after};
  pending_.emplace(retry.dispatch_after, retry.id);
}

bool FireOracle::Waits(const Row& row) const {
  const Known& known = schedules_.at(row.key.schedule);
  if (known.schedule.overlap != Overlap::kBufferOne || row.run > 1) return false;
  return !known.open.empty() || known.last_end > Now() - kLateMax;
}

}  // namespace z4j::simulation
