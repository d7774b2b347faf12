#ifndef Z4J_CONSENSUS_NODE_NODE_H_
#define Z4J_CONSENSUS_NODE_NODE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/base/clock.h"
#include "services/consensus/limits.h"
#include "services/consensus/node/disk_thread.h"
#include "services/consensus/node/mailbox.h"
#include "services/consensus/node/replica.h"
#include "services/consensus/node/snapshot_thread.h"
#include "services/consensus/storage/log_storage.h"
#include "services/consensus/transport/transport.h"

namespace z4j::consensus {

// Whom a node tells.  Each may be empty; all are called on the core thread, so they must neither
// block nor stop the node.
struct NodeListeners {
  // A leadership began or ended (none); not called when only its lease grows.
  std::function<void(const std::optional<Leadership>& leadership)> on_leadership;
  // Something was applied, and what came of it, if anything.  Everybody who is answered afterwards
  // sees a machine that has it.
  std::function<void(const std::vector<Event>& events, const CoordinationMachine& machine)>
      on_events;
  // The node cannot go on: its disk failed, or what the leader sent cannot be taken.  Called once,
  // last; the process must end, for nothing is known about what it promised.
  std::function<void(const absl::Status& status)> on_fatal;
};

struct NodeStatus {
  RaftStatus raft;
  bool disk_full = false;     // No proposals are taken.
  bool disk_stalled = false;  // A write waits for more than half an election timeout.
  size_t waiting_calls = 0;
  uint64_t bytes_used = 0;  // Of the disk.
  Epoch epoch;
  std::optional<Token> leader_token;  // As far as this node knows who leads.
  uint64_t messages_refused = 0;      // By Raft: of another cluster, of nodes that are no members.
  // Members that speak with another directory than the cluster knows, as after the loss of a disk:
  // they do not count until they are removed and added again.
  std::set<NodeId> strangers;
};

// How a node does, for operators.
struct NodeHealth {
  NodeStatus status;
  absl::Duration append_p50, append_p99;  // Of the last appends to the log, with their syncs.
  absl::Duration oldest_unsynced;         // How long the oldest write has waited for the disk.
  absl::Duration loop_stall;              // The core thread's longest of the last minute.
  absl::Duration in_touch;                // Since RaftStatus::in_touch; infinite if that is none.
};

// A node of the consensus service: a Replica, and the threads that do what it says.
//
//   core       takes all that came in, asks the Replica once what to do, sends, hands over, answers
//   disk       one append and one sync for all that was handed over meanwhile
//   snapshots  saves and reads what is too large for either
//
// So under load proposals share appends and syncs without any timer.  Thread-safe, but for Start
// and Stop.
class Node final : private TransportEvents {
 public:
  // Called once, on the core thread, with what became of the call and what the node knows then; the
  // Replica is not to be kept.  Must neither block nor stop the node; it may begin another call.
  using OnDone = absl::AnyInvocable<void(const CallResult& result, const Replica& replica)>;

  // Cluster, number and incarnation in `options` are taken from the storage; `raft.seed` must be
  // another one for each node and each start.  All references outlive the node.  Errors as
  // Replica::Create.
  static absl::StatusOr<std::unique_ptr<Node>> Create(ReplicaOptions options,
                                                      NodeListeners listeners, LogStorage& storage,
                                                      Transport& transport, Clock& clock);
  ~Node() override;  // Stops.

  // Once.  Errors as Transport::Start: then nothing runs.
  absl::Status Start();
  // Calls that wait end with kUnknown, or kNotLeader if they were not begun.  Joins; idempotent.
  void Stop();

  // Before a Stop() that nobody should notice: hands leadership over, if this node has it.  Waits,
  // at most until `deadline`; not for the core thread.
  //   UNAVAILABLE  nobody took over.
  absl::Status StepDown(MonoTime deadline);

  // --- Calls: as Replica's of the same names, `done` having the result ------------------------
  //   RESOURCE_EXHAUSTED   too many wait for the next turn.
  //   FAILED_PRECONDITION  the node stops.
  // Then the call was not begun, and `done` is not called.
  absl::Status Propose(std::optional<RequestId> request, Command command, MonoTime deadline,
                       OnDone done);
  // Done: what was written before the call is in replica.machine().
  absl::Status Read(MonoTime deadline, OnDone done);
  // Done at the next turn: for what may be stale, and for what is known here.
  absl::Status Look(OnDone done);
  absl::Status KeepAlive(SessionId session, MonoTime deadline, OnDone done);
  absl::Status Change(ConfigChange change, MonoTime deadline, OnDone done);
  absl::Status Transfer(NodeId target, MonoTime deadline, OnDone done);
  // For operators and tests; has no result.
  void Campaign();

  // --- What is known, as of the last turn; without waiting for the core thread ------------------
  NodeStatus Status() const ABSL_LOCKS_EXCLUDED(mu_);
  // Counts up to now: it tells also of a core thread or a disk that stands still.
  NodeHealth Health() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::Duration election_timeout() const { return election_timeout_; }
  // Whoever acts as the leader asks before each act, and compares lease_until with the clock at
  // which it acts: a hand-over ends a lease before its time.
  std::optional<Leadership> leadership() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Begin = absl::AnyInvocable<void(Replica& replica, MonoTime now, CallId call)>;
  struct Call {
    Begin begin;
    OnDone done;
    bool fills_disk = false;
  };
  using Happening = absl::AnyInvocable<void(Replica& replica, MonoTime now)>;
  using Input = std::variant<Message, Call, Happening>;
  struct Unsynced {
    uint64_t seq = 0;
    MonoTime since;
  };

  Node(std::unique_ptr<Replica> replica, const ReplicaOptions& options, NodeListeners listeners,
       LogStorage& storage, Transport& transport, Clock& clock);

  // TransportEvents.
  void OnMessage(Message message) override;
  void OnConnected(NodeId peer, bool connected) override;
  void OnSnapshotSent(NodeId peer, bool delivered) override;
  absl::StatusOr<std::unique_ptr<SnapshotWriter>> OpenSnapshot(const Message& install,
                                                               const std::string& source) override;

  absl::Status Put(Call call, size_t bound = kInboxCallsMax);
  void Put(Happening happening);
  DiskThread::Events DiskEvents();
  SnapshotThread::Events SnapshotEvents();

  // --- The core thread's (node_turn.cc) ---
  void Run();
  MonoTime NextTurn() const;
  void Take(Message message, MonoTime now);
  void Take(Call call, MonoTime now);
  void Take(Happening happening, MonoTime now);
  void Settle(MonoTime now);
  void NoteStranger(NodeId from, Incarnation incarnation);
  void Publish(RaftStatus raft) ABSL_LOCKS_EXCLUDED(mu_);
  void EndTurn(MonoTime due) ABSL_LOCKS_EXCLUDED(mu_);
  void TellPeers(const std::map<NodeId, Member>& members);
  void Send(std::vector<Message> messages);
  void WatchDisk(MonoTime now);
  void Answer(const CallResult& result);
  void Refuse(std::vector<Input> inputs);
  void Finish();

  LogStorage& storage_;
  Transport& transport_;
  Clock& clock_;
  const NodeListeners listeners_;
  const absl::Duration election_timeout_;
  Mailbox<Input> inbox_;

  // Owned by the core thread.
  std::unique_ptr<Replica> replica_;
  absl::Status failure_;
  uint64_t last_call_ = 0;
  absl::flat_hash_map<uint64_t, OnDone> calls_;  // By CallId.
  std::deque<Unsynced> unsynced_;                // The last write of each turn.
  bool disk_full_ = false;
  bool disk_stalled_ = false;
  uint64_t messages_refused_ = 0;
  std::optional<Term> leading_;     // As told to on_leadership.
  Index told_;                      // As told to on_events.
  std::map<NodeId, Member> peers_;  // As told to the transport.
  std::set<NodeId> strangers_;      // Of `peers_`.

  mutable absl::Mutex mu_;
  NodeStatus status_ ABSL_GUARDED_BY(mu_);
  std::optional<Leadership> leadership_ ABSL_GUARDED_BY(mu_);
  LongestOfMinute stalls_ ABSL_GUARDED_BY(mu_);
  MonoTime next_turn_ ABSL_GUARDED_BY(mu_);  // At the latest, if the core thread does not stall.
  std::optional<MonoTime> unsynced_since_ ABSL_GUARDED_BY(mu_);

  DiskThread disk_;
  SnapshotThread snapshots_;
  std::thread core_;
  bool started_ = false;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_NODE_NODE_H_
