#ifndef Z4J_CONSENSUS_RAFT_RAFT_H_
#define Z4J_CONSENSUS_RAFT_RAFT_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/mono_time.h"
#include "services/consensus/limits.h"
#include "services/consensus/raft/membership.h"
#include "services/consensus/raft/message.h"
#include "services/consensus/raft/types.h"

// Raft as a value that is told what happened and says what to do.  No clock, thread, socket, file
// or random device inside; equal inputs give equal outputs.
//
//   loop:  raft.Tick / Step / Propose / … (any number)
//          Output out = raft.TakeOutput();
//          send out.messages;  begin to persist out.write;  apply out.committed;  answer out.reads
//          … later, when write `seq` is on the disk:  raft.Persisted(now, seq)
//
// Messages that promise something about the disk (votes, acknowledgements) are withheld inside
// until Persisted() of the write they rest on; AppendRequests leave before the leader's own write
// is on the disk, and the leader counts itself only afterwards.
//
// The entries since the last compaction are in memory, so nothing here ever reads a disk.
namespace z4j::consensus {

// Bounds that simulations make small, so that rare paths are taken often.
struct RaftLimits {
  size_t append_entries = kAppendEntriesMax;
  size_t append_bytes = kAppendBytesMax;
  size_t inflight_messages = kInflightMessagesMax;
  size_t inflight_bytes = kInflightBytesMax;
  size_t uncommitted_entries = kUncommittedEntriesMax;
  size_t uncommitted_bytes = kUncommittedBytesMax;
  size_t apply_entries = kApplyEntriesMax;
  uint64_t tail_entries = kTailEntries;
  uint64_t lag_entries = kLagEntriesMax;
};

struct RaftOptions {
  ClusterId cluster;
  NodeId id;
  Incarnation incarnation;
  // A follower campaigns after a random time in [election_timeout, 2 * election_timeout) without
  // a leader, and withholds its vote for election_timeout after it heard one, and after boot.
  absl::Duration election_timeout = absl::Milliseconds(150);
  absl::Duration heartbeat_interval = absl::Milliseconds(30);  // <= election_timeout / 4.
  // Of the random timeouts and of the numbers of reads: another one for each node and each start.
  uint64_t seed = 0;
  RaftLimits limits;
};

// What was found on the disk.
struct Recovered {
  HardState hard_state;
  SnapshotMeta snapshot;       // Index 0: none; then `config` is the first configuration.
  std::vector<Entry> entries;  // Contiguous from snapshot.index + 1, or from earlier (a kept tail).
  // The disk lost something it had confirmed (rot, not a torn tail): under this incarnation the
  // node neither votes nor campaigns, and takes and acknowledges no entries.  It only watches who
  // leads, until the operator removes it and adds it again with a new directory.
  bool damaged = false;
};

// One write: to be on the disk as a whole, in the order of `seq`, before Persisted(seq).
struct Write {
  uint64_t seq = 0;
  std::optional<HardState> hard_state;
  std::optional<SnapshotMeta> snapshot;  // Received and complete: becomes the log's new beginning.
  std::optional<Index> truncate_from;    // Entries from here on are void; before the append.
  std::vector<Entry> entries;
  bool must_sync = false;  // False: only the commit hint changed.
};

struct ReadReady {
  uint64_t context = 0;
  // Answer once everything up to here is applied; none: ask again, the round was lost with the
  // leadership.
  std::optional<Index> index;
};

enum class Role : uint8_t { kFollower, kPreCandidate, kCandidate, kLeader };

struct SoftState {
  Role role = Role::kFollower;
  Term term;
  NodeId leader;  // None: not known.
  friend bool operator==(const SoftState&, const SoftState&) = default;
};

struct Output {
  std::optional<Write> write;
  std::vector<Message> messages;
  std::vector<Entry> committed;  // Next to apply: contiguous, each exactly once, on this disk.
  std::optional<SnapshotMeta> install;  // Before `committed`: replace the machine's state by it.
  std::vector<ReadReady> reads;
  std::optional<SoftState> changed;  // Role, term or leader changed.
};

struct PeerStatus {
  NodeId id;
  Index match;
  Index next;
  Index applied;
  enum class State : uint8_t { kProbe, kReplicate, kSnapshot } state = State::kProbe;
  bool recently_active = false;
  std::optional<absl::Duration> round_trip;  // From a message to its answer, smoothed.
  std::optional<MonoTime> heard;             // When the last answer came.
};

struct RaftStatus {
  SoftState soft;
  Index first, last, commit, applied, persisted;
  Index decided;   // Known to be, by anybody; >= commit, and > last of a log that is not whole yet.
  Term last_term;  // Of the entry at `last`.
  Config config;
  std::optional<MonoTime> lease_until;  // Leader only.
  std::optional<MonoTime> in_touch;     // As Raft::InTouch().
  NodeId transferring_to;
  bool damaged = false;
  std::vector<PeerStatus> peers;  // Leader only; sorted by id.
};

// Not thread-safe.  `now` must not decrease from call to call.
class Raft {
 public:
  Raft(RaftOptions options, Recovered recovered, MonoTime now);
  ~Raft();
  Raft(const Raft&) = delete;
  Raft& operator=(const Raft&) = delete;

  // Lets time-outs, heartbeats and check-quorum happen.  Call at NextTick() or earlier.
  void Tick(MonoTime now);
  MonoTime NextTick() const;

  // Takes a message from a peer.  One from another cluster or for another node is dropped, and so
  // are answers of another incarnation of a member than the configuration names; returns
  // FAILED_PRECONDITION then, or INVALID_ARGUMENT for one that no correct node sends.  Only a
  // metric needs either.
  absl::Status Step(MonoTime now, Message message);

  // Appends commands, all or none; they share one append.  Returns the first one's index; the log
  // position (index, term) then tells whether it was this command that was committed.
  //   FAILED_PRECONDITION  not the leader, or a transfer is under way: definitely not applied.
  //   RESOURCE_EXHAUSTED   too many uncommitted bytes or entries: definitely not applied.
  //   INVALID_ARGUMENT     a payload above kEntryBytesMax.
  absl::StatusOr<Index> Propose(MonoTime now, std::vector<Payload> commands);

  // Proposes a change of membership (membership.h); a second one while one is under way, or before
  // this leader committed in its own term, is FAILED_PRECONDITION; an impossible one
  // INVALID_ARGUMENT.
  absl::StatusOr<Index> ProposeChange(MonoTime now, const ConfigChange& change);

  // Asks for a linearizable read; the answer comes as a ReadReady with this context, for certain:
  // without an index at the latest when the leadership ends or, on a follower, after
  // election_timeout.  On a follower the leader is asked.  Contexts must increase.
  void Read(MonoTime now, uint64_t context);

  // Hands leadership over.  Proposals are refused until it is done, or until election_timeout has
  // passed.  After TimeoutNow has left, this node never again claims a lease in this term.
  //   FAILED_PRECONDITION  not the leader, another transfer under way.
  //   INVALID_ARGUMENT     the target is no voter.
  absl::Status TransferTo(MonoTime now, NodeId target);  // None: the most advanced active voter.

  // Campaigns at once, for tests and operators; still by pre-vote.  A leader stays one, unless it
  // gave a transfer up after TimeoutNow had left: then it follows, as only a new term has a lease.
  void Campaign(MonoTime now);

  // Everything of the write `seq` and of those before is on the disk.
  void Persisted(MonoTime now, uint64_t seq);
  // The machine has applied up to here; <= the last committed entry handed out.
  void Applied(Index index);
  // A snapshot at meta.index, which was applied, is on the disk: entries before it, less a tail of
  // kTailEntries, may be forgotten.  Returns the new first index that the log must keep.  Call when
  // the writes that have a snapshot are on the disk.
  Index Compact(const SnapshotMeta& meta);
  // A snapshot's transfer to `peer` ended.
  void SnapshotSent(MonoTime now, NodeId peer, bool delivered);
  // The transport lost or regained its stream to `peer`: a hint, never a proof.  Who loses the one
  // to its leader need not wait for it longer than an election timeout, and a turn.
  void PeerConnected(MonoTime now, NodeId peer, bool connected);
  // The disk does not keep up: hand over to somebody else and renew no lease.
  void DiskStalled(MonoTime now, bool stalled);

  Output TakeOutput();
  bool HasOutput() const;

  // Until when no other node can be leader, if clocks run equally fast within 8 %; infinite past
  // if not leader.  Computed from send instants at each call.  Own-term commit required.
  MonoTime LeaseUntil() const;
  Index commit() const;
  SoftState soft() const;
  // Up to when this node certainly knew what was going on: when a follower last heard a leader; the
  // newest instant at which a leader had answers of a quorum.  None: it has heard nobody since its
  // start.
  std::optional<MonoTime> InTouch() const;
  RaftStatus Status() const;
  // The configuration and term at `index`, for a snapshot taken there.  Status().first - 1 <= index
  // <= commit: not while an installed snapshot beyond `index` has not been taken by TakeOutput().
  SnapshotMeta MetaAt(Index index) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_RAFT_H_
