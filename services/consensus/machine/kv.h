#ifndef Z4J_CONSENSUS_MACHINE_KV_H_
#define Z4J_CONSENSUS_MACHINE_KV_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "services/consensus/machine/turn.h"

// Keys, and what changed lately.
namespace z4j::consensus {

struct KvRecord {
  std::shared_ptr<const std::string> value;  // Shared with the history and with events.
  Revision create_revision;
  Revision mod_revision;
  static auto Fields(auto& s) { return std::tie(s.value, s.create_revision, s.mod_revision); }
};

class Kv {
 public:
  // Whole or, with kExhausted, not at all; so if what it reads may exceed `reply_room` bytes.
  Answer Run(const KvTxn& txn, size_t reply_room, Turn& turn);

  std::optional<KvEntry> Get(const std::string& key) const;
  // The keys that begin with `prefix` and come after `after` (empty: from the first), in order, at
  // most `limit` and about `bytes_max` of them, but one if there is one.
  std::vector<KvEntry> List(const std::string& prefix, const std::string& after, size_t limit,
                            size_t bytes_max) const;
  // What was written from `from` on, oldest first; at most about so many changes and bytes of it,
  // but the first.  ABORTED: some of it is no longer kept.
  absl::StatusOr<std::vector<KvChanged>> ChangesFrom(Revision from, size_t changes_max = SIZE_MAX,
                                                     size_t bytes_max = SIZE_MAX) const;
  // The oldest revision that ChangesFrom takes.
  Revision oldest_revision() const { return {compacted_.value + 1}; }
  size_t bytes() const { return bytes_; }
  size_t size() const { return records_.size(); }

  static auto Fields(auto& s) { return std::tie(s.records_, s.history_, s.compacted_); }
  // After Fields were read.  False: they contradict each other.
  bool Index();

 private:
  bool Holds(const KvCompare& compare) const;
  // What `operations` would add to bytes().
  int64_t Growth(const std::vector<KvOperation>& operations) const;
  // An upper bound of what they read.
  size_t ReadBytes(const std::vector<KvOperation>& operations) const;
  void Keep(KvChanged changed);

  std::map<std::string, KvRecord> records_;
  std::deque<KvChanged> history_;
  Revision compacted_;  // The newest revision that is no longer kept.
  // Derived.
  size_t bytes_ = 0;
  size_t history_bytes_ = 0;
  size_t history_changes_ = 0;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_MACHINE_KV_H_
