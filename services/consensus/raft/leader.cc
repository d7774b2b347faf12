#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/check.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/consensus/raft/impl.h"
#include "services/consensus/raft/marks.h"
#include "services/consensus/raft/mutants.h"
#include "services/consensus/raft/quorum.h"

// Proposals and the commit rule (§5.3, §5.4.2).
namespace z4j::consensus {

void Raft::Impl::BecomeLeader() {
  Leader me;
  me.next_heartbeat = now_ + options_.heartbeat_interval;
  for (Index index = commit_ + 1; index <= log_.last(); index = index + 1) {
    me.uncommitted_bytes += log_.At(index).data->size();
  }
  role_ = std::move(me);
  elections_lost_ = 0;
  ResetElectionTimer(/*redraw=*/true);
  ReconcilePeers();
  AppendAsLeader(EntryKind::kNoOp, MakePayload(""));
}

Index Raft::Impl::AppendAsLeader(EntryKind kind, Payload data) {
  leader()->uncommitted_bytes += data->size();
  AppendToLog({term_, log_.last() + 1, kind, std::move(data)});
  if (kind == EntryKind::kConfig) ReconcilePeers();
  return log_.last();
}

// A configuration is in force from its append on, so its members are served from here on.  Those
// that it leaves out are served until it is committed, so that they learn that they are out.
void Raft::Impl::ReconcilePeers() {
  Leader& me = *leader();
  if (configs_.active_index() <= commit_) {
    std::erase_if(me.peers, [this](const auto& peer) { return !config().IsMember(peer.first); });
  }
  for (const auto& [id, member] : config().members) {
    if (id == options_.id) continue;
    me.peers.try_emplace(id, log_.last(), now_, options_.limits.inflight_messages,
                         options_.limits.inflight_bytes);
  }
  if (me.transfer && !config().voters.contains(me.transfer->target)) {
    Hit(Mark::kTransferAborted);
    me.transfer.reset();
  }
}

absl::Status Raft::Impl::CheckProposable(size_t entries, size_t bytes) const {
  const Leader* me = leader();
  if (me == nullptr) return absl::FailedPreconditionError("not the leader");
  if (me->transfer) return absl::FailedPreconditionError("leadership is being handed over");
  // Payload bytes alone, and added and taken off entry by entry, so that nothing ever leaks (R35).
  // One proposal always has room, whatever its size.
  const bool idle = log_.last() == commit_;
  const bool full = log_.last() - commit_ + entries > options_.limits.uncommitted_entries ||
                    me->uncommitted_bytes + bytes > options_.limits.uncommitted_bytes;
  if (!idle && full) {
    Hit(Mark::kUncommittedFull);
    return absl::ResourceExhaustedError("too many proposals wait for a quorum");
  }
  return absl::OkStatus();
}

absl::StatusOr<Index> Raft::Impl::Propose(MonoTime now, std::vector<Payload> commands) {
  Advance(now);
  size_t bytes = 0;
  for (const Payload& command : commands) {
    Z4J_CHECK(command != nullptr);
    bytes += command->size();
    if (command->size() > kEntryBytesMax) {
      return FieldError("command",
                        absl::StrCat("has ", command->size(), " bytes; at most ", kEntryBytesMax));
    }
  }
  if (commands.empty()) return FieldError("commands", "are none; propose at least one");
  RETURN_IF_ERROR(CheckProposable(commands.size(), bytes));
  const Index first = log_.last() + 1;
  for (Payload& command : commands) AppendAsLeader(EntryKind::kCommand, std::move(command));
  return first;
}

absl::StatusOr<Index> Raft::Impl::ProposeChange(MonoTime now, const ConfigChange& change) {
  Advance(now);
  RETURN_IF_ERROR(CheckProposable(1, 0));
  // Two changes that overlap may have majorities without a common member.
  if (configs_.active_index() > commit_ && !Broken(Rule::kOneChangeAtATime)) {
    return absl::FailedPreconditionError("a change of membership is under way");
  }
  // So may one that an earlier leader began and this one does not know to be replaced (Ongaro,
  // raft-dev, 2015; R30).
  if (!OwnTermCommitted() && !Broken(Rule::kChangeNeedsOwnCommit)) {
    return absl::FailedPreconditionError("the leader has committed nothing in its term yet");
  }
  ASSIGN_OR_RETURN(Config next, ChangeConfig(config(), change));
  return AppendAsLeader(EntryKind::kConfig, MakePayload(EncodeConfig(next)));
}

Index Raft::Impl::QuorumMatch() const {
  const Leader& me = *leader();
  const Index own = Broken(Rule::kLeaderCountsAfterSync) ? log_.last() : disk_.persisted();
  return QuorumValue(config(), log_.last(), [&](NodeId id) {
    if (id == options_.id) return own;
    const auto peer = me.peers.find(id);
    return peer == me.peers.end() ? Index{} : peer->second.match;
  });
}

void Raft::Impl::MaybeCommit() {
  const Index index = QuorumMatch();
  if (index <= commit_) return;
  // An entry of an old term on a quorum may still be replaced (figure 8); one of this term takes
  // all before it along.
  if (log_.TermAt(index) != term_ && !Broken(Rule::kCommitOwnTermOnly)) {
    Hit(Mark::kFigure8Blocked);
    return;
  }
  CommitTo(index);
}

void Raft::Impl::CommitTo(Index index) {
  Leader& me = *leader();
  for (Index i = commit_ + 1; i <= index; i = i + 1) {
    me.uncommitted_bytes -= log_.At(i).data->size();
  }
  const Index before = std::exchange(commit_, index);
  me.reads.Confirmable(commit_);
  if (configs_.active_index() <= commit_ && before < configs_.active_index()) {
    Flush();  // Those that leave, and those that a leaving leader leaves behind, learn of it now.
    ReconcilePeers();
    if (!config().IsVoter(options_.id)) {
      // Not before: until then it is needed to commit its own removal (§6).
      Hit(Mark::kLeaderRemoved);
      BecomeFollower(term_, NodeId{});
      return;
    }
  }
  Housekeeping();
}

void Raft::Impl::TickLeader() {
  if (!CheckQuorum()) return;
  TickTransfer();
  Leader& me = *leader();
  if (now_ >= me.next_heartbeat) {
    for (auto& [id, peer] : me.peers) SendHeartbeat(id, peer);
    me.next_heartbeat = now_ + options_.heartbeat_interval;
  }
  Housekeeping();
}

}  // namespace z4j::consensus
