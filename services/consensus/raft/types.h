#ifndef Z4J_CONSENSUS_RAFT_TYPES_H_
#define Z4J_CONSENSUS_RAFT_TYPES_H_

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The vocabulary of the Raft paper as values.  Distinct types: a Term is never taken for an Index.
namespace z4j::consensus {

struct Term {
  uint64_t value = 0;  // 0: before the first election.
  friend auto operator<=>(const Term&, const Term&) = default;
  Term Next() const { return {value + 1}; }
};

// A place in the log.  The first entry has 1; 0 stands before it.
struct Index {
  uint64_t value = 0;
  friend auto operator<=>(const Index&, const Index&) = default;
  friend Index operator+(Index index, uint64_t n) { return {index.value + n}; }
  friend Index operator-(Index index, uint64_t n) { return {index.value - n}; }
  friend uint64_t operator-(Index a, Index b) { return a.value - b.value; }
};

// A member's number, given by the operator, > 0; 0 is "none".
struct NodeId {
  uint64_t value = 0;
  friend auto operator<=>(const NodeId&, const NodeId&) = default;
  explicit operator bool() const { return value != 0; }
};

// Drawn at random when a node's directory is made.  A node that lost its directory is another one,
// even under the old number: it has forgotten its votes and must not vote in its name.
struct Incarnation {
  uint64_t value = 0;  // 0: not known yet.
  friend auto operator<=>(const Incarnation&, const Incarnation&) = default;
};

// Drawn when the cluster is made; a restored cluster draws a new one.
struct ClusterId {
  uint64_t value = 0;
  friend auto operator<=>(const ClusterId&, const ClusterId&) = default;
};

// Immutable bytes that the log, the disk and every peer's send queue share.
using Payload = std::shared_ptr<const std::string>;
inline Payload MakePayload(std::string bytes) {
  return std::make_shared<const std::string>(std::move(bytes));
}

// What a member is reached by; opaque to the core.
struct Member {
  std::string address;  // "host:port" of its peer port.
  Incarnation incarnation;
  friend bool operator==(const Member&, const Member&) = default;
};

// Who decides (§6).  While `outgoing` is not empty the configuration is joint: decisions need a
// majority of `voters` and one of `outgoing`.
struct Config {
  std::set<NodeId> voters;
  std::set<NodeId> outgoing;
  std::set<NodeId> learners;  // Receive the log and have no vote.
  std::set<NodeId>
      learners_next;        // Vote in `outgoing` only; learners once the joint phase is left.
  bool auto_leave = false;  // The leader leaves the joint phase by itself.
  std::map<NodeId, Member> members;  // Everyone in one of the sets above, and nobody else.

  bool joint() const { return !outgoing.empty(); }
  bool IsVoter(NodeId id) const { return voters.contains(id) || outgoing.contains(id); }
  bool IsMember(NodeId id) const { return members.contains(id); }
  friend bool operator==(const Config&, const Config&) = default;
};

enum class EntryKind : uint8_t {
  kNoOp = 1,     // A new leader's first entry (§5.4.2, §8).
  kCommand = 2,  // For the state machine.
  kConfig = 3,   // A whole Config (membership.h), in force from its append on.
};

struct Entry {
  Term term;
  Index index;
  EntryKind kind = EntryKind::kCommand;
  Payload data;  // Never null; may be empty.
};

// What must be on disk before a promise made with it leaves the node.
struct HardState {
  Term term;
  NodeId vote;   // For whom this node voted in `term`; none: nobody.
  Index commit;  // A hint: saves replies after a restart, needs no sync of its own.
  friend bool operator==(const HardState&, const HardState&) = default;
};

// What a snapshot stands for: the state after `index`.
struct SnapshotMeta {
  Index index;
  Term term;
  Config config;       // In force at `index`.
  Index config_index;  // Where that configuration was appended.
  friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_TYPES_H_
