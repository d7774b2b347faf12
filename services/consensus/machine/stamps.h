#ifndef Z4J_CONSENSUS_MACHINE_STAMPS_H_
#define Z4J_CONSENSUS_MACHINE_STAMPS_H_

#include <compare>
#include <cstdint>

#include "services/consensus/raft/types.h"

// Numbers that the machine gives out.  All are made of the cluster's epoch and a log index, so they
// grow along the log, survive snapshots, and start higher after a restore from a backup.
namespace z4j::consensus {

inline constexpr int kEpochShift = 48;  // An index needs 48 bits: 10^5 entries/s for 89 years.
inline constexpr uint64_t kEpochMax = 0x7fff;  // 15 bits keep the number a positive bigint.
inline constexpr uint64_t kIndexMask = (uint64_t{1} << kEpochShift) - 1;

// Grows whenever a cluster is made from a backup; 1 at first.
struct Epoch {
  uint64_t value = 1;
  friend auto operator<=>(const Epoch&, const Epoch&) = default;
};

// A place in the cluster's history: that of the entry applied there.
struct Revision {
  uint64_t value = 0;  // 0: before everything.
  friend auto operator<=>(const Revision&, const Revision&) = default;
};
inline Revision RevisionAt(Epoch epoch, Index index) {
  return {(epoch.value << kEpochShift) | (index.value & kIndexMask)};
}

// The revision of the entry that opened the session.  Never used twice.
struct SessionId {
  uint64_t value = 0;  // 0: none.
  friend auto operator<=>(const SessionId&, const SessionId&) = default;
};

// A place in a queue: the revision of the entry that took it.
struct Ticket {
  uint64_t value = 0;
  friend auto operator<=>(const Ticket&, const Ticket&) = default;
};

// A fencing token: (epoch << 48) | index of the entry that granted it.  If one entry grants several
// names, as the end of a session that held many does, each further grant has the next number; so
// tokens grow strictly over all names.
struct Token {
  uint64_t value = 0;  // 0: none.
  friend auto operator<=>(const Token&, const Token&) = default;
};
inline Token TokenAt(Epoch epoch, Index index) { return {RevisionAt(epoch, index).value}; }

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_MACHINE_STAMPS_H_
