#include "services/consensus/storage/wal_join.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace z4j::consensus {
namespace {

std::string DamageOf(const RecoveredLog& log, const SnapshotMeta& snapshot,
                     const std::vector<BadSnapshot>& bad) {
  if (!log.damage.empty()) return log.damage;
  if (log.segments.empty()) return "all segments of the log are missing";
  if (log.first > snapshot.index + 1) {
    return absl::StrCat("the log begins at ", log.first.value,
                        ", the newest valid snapshot ends at ", snapshot.index.value);
  }
  for (const BadSnapshot& one : bad) {
    // What an older snapshot and the log reach, the bad one is not needed for.
    if (one.index < log.next()) continue;
    return absl::StrCat(one.name, " is needed and wrong: ", one.reason);
  }
  return "";
}

// A snapshot that came from a leader takes effect when it is durable, even if the machine died
// before the log was told: the log is behind it, or went another way.
bool ReplacesLog(const SnapshotMeta& snapshot, const RecoveredLog& log) {
  if (log.next() <= snapshot.index) return true;
  if (snapshot.index < log.first) return false;
  return log.entries[snapshot.index - log.first].term != snapshot.term;
}

}  // namespace

JoinedState JoinLogAndSnapshot(const Config& first_config, const RecoveredLog& log,
                               const std::optional<SnapshotMeta>& newest,
                               const std::vector<BadSnapshot>& bad) {
  JoinedState joined;
  Recovered& recovered = joined.recovered;
  if (newest.has_value()) {
    recovered.snapshot = *newest;
  } else {
    recovered.snapshot.config = first_config;
  }
  const SnapshotMeta& snapshot = recovered.snapshot;
  joined.damage = DamageOf(log, snapshot, bad);
  recovered.damaged = !joined.damage.empty();
  joined.restart_log = ReplacesLog(snapshot, log);
  // Entries behind a gap would not be contiguous with the snapshot.
  if (!joined.restart_log && log.first <= snapshot.index + 1) {
    recovered.entries = log.entries;
  }

  HardState& hard_state = recovered.hard_state;
  hard_state = log.hard_state;
  // No vote was given in the snapshot's term: it would have raised the term first.
  if (hard_state.term < snapshot.term) {
    hard_state.term = snapshot.term;
    hard_state.vote = NodeId();
  }
  const Index last = recovered.entries.empty() ? snapshot.index : recovered.entries.back().index;
  hard_state.commit = std::clamp(hard_state.commit, snapshot.index, std::max(last, snapshot.index));
  return joined;
}

}  // namespace z4j::consensus
