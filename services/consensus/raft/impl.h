#ifndef Z4J_CONSENSUS_RAFT_IMPL_H_
#define Z4J_CONSENSUS_RAFT_IMPL_H_

#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "services/base/rng.h"
#include "services/consensus/raft/config_log.h"
#include "services/consensus/raft/disk_queue.h"
#include "services/consensus/raft/lease.h"
#include "services/consensus/raft/log.h"
#include "services/consensus/raft/progress.h"
#include "services/consensus/raft/raft.h"
#include "services/consensus/raft/reads.h"

// The inside of Raft, seen by this folder alone.  One file per concern:
//
//   raft.cc          what outsiders call
//   step.cc          terms and identity of messages
//   election.cc      votes and campaigns
//   follower.cc      entries and snapshots from a leader
//   leader.cc        proposals and the commit rule
//   replicate.cc     what goes to whom, and the answers
//   handover.cc      lease, transfer, check-quorum
//   housekeeping.cc  membership that looks after itself, reads
//   output.cc        what goes out, and when
namespace z4j::consensus {

class Raft::Impl {
 public:
  Impl(RaftOptions options, Recovered recovered, MonoTime now);

  void Tick(MonoTime now);
  MonoTime NextTick() const;
  absl::Status Step(MonoTime now, Message message);
  absl::StatusOr<Index> Propose(MonoTime now, std::vector<Payload> commands);
  absl::StatusOr<Index> ProposeChange(MonoTime now, const ConfigChange& change);
  void Read(MonoTime now, uint64_t context);
  absl::Status TransferTo(MonoTime now, NodeId target);
  void Campaign(MonoTime now);
  void Persisted(MonoTime now, uint64_t seq);
  void Applied(Index index);
  Index Compact(const SnapshotMeta& meta);
  void SnapshotSent(MonoTime now, NodeId peer, bool delivered);
  void PeerConnected(MonoTime now, NodeId peer, bool connected);
  void DiskStalled(MonoTime now, bool stalled);
  Output TakeOutput();
  bool HasOutput() const;
  MonoTime LeaseUntil() const;
  RaftStatus Status() const;
  Index commit() const { return commit_; }
  SoftState soft() const { return {CurrentRole(), term_, KnownLeader()}; }
  std::optional<MonoTime> InTouch() const;
  SnapshotMeta MetaAt(Index index) const;

 private:
  struct Follower {
    NodeId leader;
  };
  struct Candidate {
    bool pre = false;
    std::map<NodeId, bool> votes;
  };
  struct Transfer {
    NodeId target;
    MonoTime deadline;
  };
  struct Leader {
    std::map<NodeId, Progress> peers;  // All members but this node.
    MonoTime next_heartbeat;
    size_t uncommitted_bytes = 0;  // Payloads behind the commit index.
    uint64_t last_send_id = 0;
    ReadRounds reads;
    std::optional<Transfer> transfer;
    bool timeout_now_sent = false;      // In this term, ever.
    std::map<NodeId, Incarnation> met;  // Of members whose incarnation the configuration lacks.
  };

  // --- State and small questions (raft.cc)
  void Advance(MonoTime now);
  Leader* leader() { return std::get_if<Leader>(&role_); }
  const Leader* leader() const { return std::get_if<Leader>(&role_); }
  NodeId KnownLeader() const;
  Role CurrentRole() const;
  HardState CurrentHardState() const { return {term_, vote_, commit_}; }
  const Config& config() const { return configs_.active(); }
  bool OwnTermCommitted() const { return log_.TermAt(commit_) == term_; }
  bool ChangeUnderWay() const { return configs_.active_index() > commit_ || config().joint(); }

  // --- Messages out (output.cc)
  void Send(NodeId to, Term term, MessageBody body);
  void SendAfterSync(NodeId to, Term term, MessageBody body);
  void Release(Promise promise);
  void AnswerRead(uint64_t context, std::optional<Index> index);
  Index Appliable() const;
  bool WantsFlush() const;
  void Flush();

  // --- Messages in (step.cc)
  absl::Status CheckEnvelope(const Message& message) const;
  absl::Status CheckBody(const Message& message) const;
  bool TakeHigherTerm(const Message& message);
  void AnswerLowerTerm(const Message& message);
  void Dispatch(Message message);
  void WatchWhileDamaged(const Message& message);

  // --- Elections (election.cc)
  bool MayVote() const;
  bool Promotable() const;
  bool Withholds(const VoteRequest& request) const;
  bool MayGrant(const Message& message, const VoteRequest& request) const;
  absl::Duration BackedOff(absl::Duration timeout) const;
  void ResetElectionTimer(bool redraw);
  void HastenElection();
  void BecomeFollower(Term term, NodeId leader);
  void StartPreVote();
  void StartElection(bool transfer);
  void AskForVotes(Term term, bool pre, bool transfer);
  void CountVote(NodeId from, bool granted);
  void OnVoteRequest(const Message& message, const VoteRequest& request);
  void OnVoteReply(const Message& message, const VoteReply& reply);
  void OnTimeoutNow(const Message& message);
  void LeaveRole();

  // --- Following (follower.cc)
  void HearLeader(NodeId from);
  void OnAppendRequest(NodeId from, AppendRequest request);
  AppendReply TakeAppend(AppendRequest request);
  Index TakeEntries(Index prev, std::vector<Entry> entries);
  AppendReply RefuseAppend(const AppendRequest& request) const;
  void TruncateFrom(Index from);
  void AppendToLog(Entry entry);
  void OnInstallSnapshot(NodeId from, const InstallSnapshot& request);
  void Restore(const SnapshotMeta& meta);

  // --- Leading (leader.cc)
  void BecomeLeader();
  Index AppendAsLeader(EntryKind kind, Payload data);
  void ReconcilePeers();
  absl::Status CheckProposable(size_t entries, size_t bytes) const;
  Index QuorumMatch() const;
  void MaybeCommit();
  void CommitTo(Index index);
  void TickLeader();

  // --- Replication (replicate.cc)
  void OnAppendReply(NodeId from, const AppendReply& reply);
  bool TakeAcknowledgement(Progress& peer, const AppendReply& reply);
  void TakeAccepted(NodeId from, Progress& peer, const AppendReply& reply, bool heartbeat);
  void SendAppend(NodeId to, Progress& peer);
  void SendSnapshot(NodeId to, Progress& peer);
  void SendHeartbeat(NodeId to, Progress& peer);
  void SendPending(NodeId to, Progress& peer);
  bool HasPending(const Progress& peer) const;
  uint64_t NewSend(Progress& peer, bool heartbeat);

  // --- Handing over (handover.cc)
  MonoTime QuorumTime(MonoTime own, MonoTime Progress::*of_peer) const;
  MonoTime QuorumHeardUntil() const;
  bool CheckQuorum();
  NodeId BestTarget() const;
  void StartTransfer(NodeId target);
  void MaybeTimeoutNow();
  bool OthersSuffice() const;
  void TickTransfer();

  // --- Membership and reads (housekeeping.cc)
  void Housekeeping();
  void MaybeAutoLeave();
  void MaybeFillIncarnations();
  void MeetMember(const Message& message);
  void AddRead(ReadAsked read);
  void ConfirmReads();
  void OnReadRequest(NodeId from, const ReadRequest& request);
  void OnReadReply(NodeId from, const ReadReply& reply);
  void DropReads();

  const RaftOptions options_;
  const bool damaged_;
  Rng rng_;
  MonoTime now_;

  Term term_;
  NodeId vote_;
  Index commit_;
  Index decided_;  // As a leader said; what of it is here is committed.
  Log log_;
  ConfigLog configs_;
  SnapshotMeta snapshot_;  // The newest one that is on the disk.
  Index handed_;           // Entries up to here were handed out to be applied.
  Index applied_;

  std::variant<Follower, Candidate, Leader> role_;
  absl::Duration election_timeout_;  // The one drawn, in [E, 2 E), or longer after lost elections.
  int elections_lost_ = 0;           // Or under way, since a leader was known.
  MonoTime election_due_;
  MonoTime leader_heard_;  // The vote is kept back for E from here on; at first the boot.
  std::optional<MonoTime> in_touch_;  // Of a follower, or of the leadership before.
  ReadsAsked reads_asked_;
  std::optional<MonoTime> stalled_since_;

  DiskQueue disk_;
  std::vector<Message> messages_;
  std::optional<SnapshotMeta> install_;
  std::vector<ReadReady> reads_ready_;
  SoftState told_;  // What `Output::changed` said last.
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_IMPL_H_
