#ifndef Z4J_CONSENSUS_STORAGE_TESTING_STORAGE_MODEL_H_
#define Z4J_CONSENSUS_STORAGE_TESTING_STORAGE_MODEL_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "services/consensus/raft/raft.h"

// What a LogStorage must give back, said as simply as possible.
namespace z4j::consensus {

// The log alone: a value after each single promise.
struct ModelLog {
  HardState hard_state;
  std::map<uint64_t, Entry> entries;
  uint64_t base = 0;  // Entries begin after it.

  uint64_t last() const { return entries.empty() ? base : entries.rbegin()->first; }
};

bool SameEntry(const Entry& a, const Entry& b);

// Follows a storage through appends and crashes.
class StorageModel {
 public:
  explicit StorageModel(Config first) : first_config_(std::move(first)), states_(1) {}

  // The state after all appends so far, durable or not.
  const ModelLog& now() const { return states_.back(); }
  const std::optional<SnapshotMeta>& snapshot() const { return snapshots_.back(); }

  // The writes begin to be on the disk.
  void Begin(const Write& write);
  // Everything so far is.
  void Durable() { states_ = {states_.back()}; }
  // A snapshot begins to be on the disk; now it is.
  void BeginSnapshot(const SnapshotMeta& meta) { snapshots_.push_back(meta); }
  void SnapshotDurable() { snapshots_ = {snapshots_.back()}; }

  // Empty if `recovered` is one of the states that a crash now may leave; then the model goes on
  // from there.  Else what is wrong.
  std::string Accept(const Recovered& recovered);

 private:
  std::string Compare(const Recovered& recovered, const ModelLog& log,
                      const std::optional<SnapshotMeta>& snapshot) const;

  Config first_config_;
  std::vector<ModelLog> states_;  // [0] is durable; each later one adds a single promise.
  std::vector<std::optional<SnapshotMeta>> snapshots_ = {std::nullopt};  // The same.
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_TESTING_STORAGE_MODEL_H_
