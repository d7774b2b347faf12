#include "services/consensus/storage/testing/storage_model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace z4j::consensus {
namespace {

// The log once the snapshot's effect is added: it replaces a log that is behind it or went another
// way.
ModelLog Joined(ModelLog log, const std::optional<SnapshotMeta>& snapshot) {
  const uint64_t index = snapshot.has_value() ? snapshot->index.value : 0;
  if (snapshot.has_value()) {
    const auto same = log.entries.find(index);
    if (log.last() < index || (same != log.entries.end() && same->second.term != snapshot->term)) {
      log.entries.clear();
      log.base = index;
    }
    if (log.hard_state.term < snapshot->term) {
      log.hard_state = HardState{snapshot->term, NodeId(), log.hard_state.commit};
    }
  }
  const uint64_t commit = log.hard_state.commit.value;
  log.hard_state.commit.value = std::clamp(commit, index, std::max(index, log.last()));
  return log;
}

}  // namespace

bool SameEntry(const Entry& a, const Entry& b) {
  return a.index == b.index && a.term == b.term && a.kind == b.kind && *a.data == *b.data;
}

void StorageModel::Begin(const Write& write) {
  ModelLog log = now();
  uint64_t untouched = log.last();
  if (write.snapshot.has_value()) untouched = write.snapshot->index.value;
  if (write.truncate_from.has_value()) untouched = write.truncate_from->value - 1;
  if (write.hard_state.has_value()) {
    log.hard_state = *write.hard_state;
    log.hard_state.commit.value = std::min(log.hard_state.commit.value, untouched);
    states_.push_back(log);
  }
  if (write.snapshot.has_value()) {
    log.entries.clear();
    log.base = write.snapshot->index.value;
    states_.push_back(log);
  }
  if (write.truncate_from.has_value()) {
    log.entries.erase(log.entries.lower_bound(write.truncate_from->value), log.entries.end());
    states_.push_back(log);
  }
  for (const Entry& entry : write.entries) {
    log.entries[entry.index.value] = entry;
    states_.push_back(log);
  }
  if (write.hard_state.has_value()) {
    log.hard_state.commit = write.hard_state->commit;
    states_.push_back(log);
  }
}

std::string StorageModel::Compare(const Recovered& recovered, const ModelLog& candidate,
                                  const std::optional<SnapshotMeta>& snapshot) const {
  SnapshotMeta meta;
  meta.config = first_config_;
  if (snapshot.has_value()) meta = *snapshot;
  if (!(recovered.snapshot == meta)) {
    return absl::StrCat("snapshot at ", recovered.snapshot.index.value, ", not ", meta.index.value);
  }
  const ModelLog log = Joined(candidate, snapshot);
  if (!(recovered.hard_state == log.hard_state)) {
    return absl::StrCat(
        "term ", recovered.hard_state.term.value, ", vote ", recovered.hard_state.vote.value,
        ", commit ", recovered.hard_state.commit.value, " instead of ", log.hard_state.term.value,
        ", ", log.hard_state.vote.value, ", ", log.hard_state.commit.value);
  }
  uint64_t next =
      recovered.entries.empty() ? meta.index.value + 1 : recovered.entries.front().index.value;
  if (next > meta.index.value + 1) return "the entries do not meet the snapshot";
  for (const Entry& entry : recovered.entries) {
    if (entry.index.value != next++) return absl::StrCat("a gap before entry ", next - 1);
    const auto expected = log.entries.find(entry.index.value);
    if (expected == log.entries.end() || !SameEntry(expected->second, entry)) {
      return absl::StrCat("entry ", entry.index.value, " is not what was appended");
    }
  }
  const uint64_t last = std::max(log.last(), meta.index.value);
  if (next != last + 1) return absl::StrCat("ends at ", next - 1, " instead of ", last);
  return "";
}

std::string StorageModel::Accept(const Recovered& recovered) {
  std::string wrong;
  for (const std::optional<SnapshotMeta>& snapshot : snapshots_) {
    for (const ModelLog& log : states_) {
      const std::string difference = Compare(recovered, log, snapshot);
      if (difference.empty()) {
        const ModelLog accepted = Joined(log, snapshot);
        const std::optional<SnapshotMeta> kept = snapshot;
        states_ = {accepted};
        snapshots_ = {kept};
        return "";
      }
      absl::StrAppend(&wrong, "; ", difference);
    }
  }
  return absl::StrCat("none of ", states_.size() * snapshots_.size(), " states", wrong);
}

}  // namespace z4j::consensus
