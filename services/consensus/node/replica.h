#ifndef Z4J_CONSENSUS_NODE_REPLICA_H_
#define Z4J_CONSENSUS_NODE_REPLICA_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/base/mono_time.h"
#include "services/consensus/limits.h"
#include "services/consensus/machine/coordination_machine.h"
#include "services/consensus/node/session_keeper.h"
#include "services/consensus/raft/raft.h"
#include "services/consensus/storage/log_storage.h"

// One node without threads, sockets and files: Raft, the state machine that its log decides, and
// the calls that wait for either.  The real node and the simulator drive this same class:
//
//   replica.Tick / Step / Propose / Read / … ; Work work = replica.TakeWork(now);
//   send work.messages; persist work.writes, then Persisted(); answer work.replies; …
//
// Not thread-safe.  `now` never decreases.
namespace z4j::consensus {

// A call that waits; given by the caller, never used twice.
struct CallId {
  uint64_t value = 0;
  friend auto operator<=>(const CallId&, const CallId&) = default;
};

// What became of a call.
enum class Fate : uint8_t {
  kDone,       // Reads: answer now, from the machine.  Proposals: `answer` says what it did.
  kNotLeader,  // Definitely not done: ask the leader.
  kBusy,       // Definitely not done: a bound was met, or leadership is being handed over.
  kDropped,    // Definitely not done: another leader's entry took its place in the log.
  kInvalid,    // Definitely not done, and never will be: `detail` says why.
  kUnknown,    // It may have been done, or may still be.
};

struct CallResult {
  CallId call;
  Fate fate = Fate::kDone;
  std::string answer;  // Of a proposal that is done: an encoded Answer.
  std::string detail;  // For people, if it is not done.
};

// The whole state after meta.index, to be written beside the log.
struct SnapshotToSave {
  SnapshotMeta meta;
  std::string state;
};

// What it takes to act as the leader: a term whose first own entry is applied.
struct Leadership {
  Term term;
  Epoch epoch;
  Index began;           // Its first own entry.
  MonoTime lease_until;  // Nobody else can lead before this instant.

  // Of whoever leads the service itself: that of its first own entry.  So tokens of leaderships and
  // of what the machine grants grow together.
  Token token() const { return TokenAt(epoch, began); }
};

struct Work {
  std::vector<Write> writes;  // In order; one sync does for all.
  std::vector<Message> messages;
  std::vector<CallResult> replies;
  std::vector<Event> events;  // Of the machine, in order.
  std::optional<SnapshotToSave> save;
  std::optional<Index> compact;  // The log may forget what is before.
  bool soft_state_changed = false;
};

struct ReplicaOptions {
  RaftOptions raft;
  uint64_t snapshot_every = kSnapshotEvery;  // Entries applied.
  // Called after each entry is applied, for checkers; may be empty.
  std::function<void(const Entry&)> applied;
};

class Replica {
 public:
  // LogStorage::NewestSnapshot.
  using SnapshotOpener = std::function<absl::StatusOr<std::unique_ptr<SnapshotReader>>()>;

  // DATA_LOSS or what `open` says: the snapshot that the log begins with cannot be read.
  static absl::StatusOr<std::unique_ptr<Replica>> Create(ReplicaOptions options,
                                                         Recovered recovered, SnapshotOpener open,
                                                         MonoTime now);

  // --- What happens -------------------------------------------------------------------------
  void Tick(MonoTime now);
  MonoTime NextTick() const;  // Call Tick at this instant at the latest.
  absl::Status Step(MonoTime now, Message message);
  void Persisted(MonoTime now, uint64_t seq);
  void PeerConnected(MonoTime now, NodeId peer, bool connected);
  void SnapshotSent(MonoTime now, NodeId peer, bool delivered);
  void SnapshotSaved(const SnapshotMeta& meta);  // Of Work::save; or it failed:
  void SnapshotNotSaved();
  void DiskStalled(MonoTime now, bool stalled);

  // --- What callers want.  Each call has exactly one CallResult, at the latest at `deadline`
  // --------
  void Propose(MonoTime now, CallId call, MonoTime deadline, std::optional<RequestId> request,
               Command command);
  // Done: whatever was done before the call is applied here.  On a follower the leader is asked.
  void Read(MonoTime now, CallId call, MonoTime deadline);
  // Done, at the end of the turn: for reads that may be stale, of what is known here.
  void Look(CallId call) { Answer(call, Fate::kDone); }
  // A sign of life of a session, which only a leader takes.  Done: it is noted; whether the session
  // is alive is in the machine.
  void KeepAlive(MonoTime now, CallId call, MonoTime deadline, SessionId session);
  // Done: the new configuration is in force, and no joint phase is left.
  void Change(MonoTime now, CallId call, MonoTime deadline, const ConfigChange& change);
  // Done: this node leads no more, and knows another leader.
  void Transfer(MonoTime now, CallId call, MonoTime deadline, NodeId target);
  void Campaign(MonoTime now) { raft_.Campaign(now); }

  Work TakeWork(MonoTime now);

  // --- What is known ------------------------------------------------------------------------
  // None: not leader, or its first own entry is not applied yet.
  std::optional<Leadership> leadership() const;
  // Whoever leads, as this node knows it: none until its first own entry is applied here.
  std::optional<Token> leader_token() const;
  const CoordinationMachine& machine() const { return machine_; }
  SoftState soft() const { return raft_.soft(); }
  std::optional<MonoTime> InTouch() const { return raft_.InTouch(); }
  Index snapshot_index() const { return snapshot_index_; }
  // The present state, for a backup.  As large as the state; takes as long as a snapshot.
  SnapshotToSave Present() const { return {raft_.MetaAt(applied_), machine_.Save()}; }
  RaftStatus status() const { return raft_.Status(); }
  // Set once what came from the leader cannot be taken: the node must stop.
  const absl::Status& failure() const { return failure_; }

 private:
  using Deadlines = std::multimap<MonoTime, CallId>;
  struct Waiting {
    SessionId session;  // Of a KeepAlive.
    Deadlines::iterator deadline;
  };
  // A call and the term under which it went into the log.
  struct Proposed {
    CallId call;
    Term term;
  };

  Replica(ReplicaOptions options, Recovered recovered, SnapshotOpener open, MonoTime now);

  void Wait(CallId call, MonoTime deadline, SessionId session = {});
  void Answer(CallId call, Fate fate, std::string answer = "", std::string detail = "");
  void AnswerRefused(CallId call, const absl::Status& status);
  void Drain(MonoTime now);  // Takes what Raft says, until it says no more.
  void TakeNewest(Message& install);
  void Install(const SnapshotMeta& meta);
  absl::StatusOr<std::string> ReadSnapshot(const SnapshotMeta& meta);
  void Apply(MonoTime now, const Entry& entry);
  void ApplyConfig(const Entry& entry);
  void TakeRead(const ReadReady& ready);
  void AnswerReads(MonoTime now);
  void FollowRole(const SoftState& soft);
  void ProposeOwn(MonoTime now, std::vector<Command> commands);
  void EndOverdue(MonoTime now);
  void MaybeSnapshot();

  ReplicaOptions options_;
  SnapshotOpener open_;
  std::unique_ptr<SnapshotReader> newest_;  // While a message about one is handled.
  CoordinationMachine machine_;
  Raft raft_;
  absl::Status failure_;

  SoftState soft_;
  Term applied_term_;  // Of the newest entry applied,
  Index began_;        // and the first entry of that term; 0: it came in a snapshot.
  std::optional<SessionKeeper> keeper_;  // While leadership() holds.
  Index own_proposed_;                   // The last of what the keeper proposed.

  // What is no longer in waiting_ has been answered, and is passed over wherever it stands below.
  std::map<CallId, Waiting> waiting_;
  Deadlines deadlines_;
  std::multimap<Index, Proposed> proposed_;  // By place in the log.
  std::map<Index, Proposed> changes_;
  std::vector<CallId> transfers_;
  // Reads of one turn share a round: its context → calls; then those whose index is known.
  uint64_t last_context_ = 0;
  std::vector<CallId> gathered_;
  std::map<uint64_t, std::vector<CallId>> rounds_;
  std::multimap<Index, CallId> reads_;

  Index applied_;
  Index snapshot_index_;  // Of the newest snapshot.
  size_t bytes_since_snapshot_ = 0;
  bool saving_ = false;
  Work work_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_NODE_REPLICA_H_
