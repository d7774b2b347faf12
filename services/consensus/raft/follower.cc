#include <algorithm>
#include <utility>

#include "services/base/check.h"
#include "services/consensus/raft/impl.h"
#include "services/consensus/raft/marks.h"
#include "services/consensus/raft/mutants.h"

// Taking entries and snapshots from a leader (§5.3, §7).
namespace z4j::consensus {

void Raft::Impl::HearLeader(NodeId from) {
  Z4J_CHECK(leader() == nullptr);  // Two leaders in one term: §5.2's Election Safety is broken.
  elections_lost_ = 0;
  const auto* follower = std::get_if<Follower>(&role_);
  if (follower != nullptr && follower->leader == from) {
    ResetElectionTimer(/*redraw=*/false);
  } else {
    Z4J_CHECK(follower == nullptr || !follower->leader);  // Likewise.
    BecomeFollower(term_, from);
  }
  if (!Broken(Rule::kWithholdAfterHeartbeat)) leader_heard_ = now_;
  in_touch_ = now_;
}

void Raft::Impl::OnAppendRequest(NodeId from, AppendRequest request) {
  HearLeader(from);
  decided_ = std::max(decided_, request.commit);
  const bool heartbeat = request.entries.empty();
  AppendReply reply;
  reply.send_id = request.send_id;
  reply.read_context = request.read_context;
  reply.applied = applied_;
  const Index prev = request.prev_index;
  const AppendReply taken = TakeAppend(std::move(request));
  reply.rejected = taken.rejected;
  reply.match = taken.match;
  reply.rejected_prev = taken.rejected_prev;
  reply.hint_index = taken.hint_index;
  reply.hint_term = taken.hint_term;
  // An answer that claims nothing new does not queue behind the disk; but the term itself must be
  // there, or a restarted node could serve an older leader against what it acknowledged.
  if ((heartbeat || reply.rejected) && disk_.HasHardState(CurrentHardState())) {
    if (!reply.rejected) {
      reply.match =
          Broken(Rule::kHeartbeatClaimsOnlyDisk) ? prev : std::min(prev, disk_.persisted());
    }
    Send(from, term_, reply);
  } else {
    SendAfterSync(from, term_, reply);
  }
}

// Accepted: `match` is up to where this log now equals the leader's.
AppendReply Raft::Impl::TakeAppend(AppendRequest request) {
  const LogPosition prev{request.prev_index, request.prev_term};
  // Behind the commit index both logs are equal, whatever has been compacted since (R3, R6).
  if (prev.index >= commit_ && !log_.Matches(prev)) return RefuseAppend(request);
  AppendReply reply;
  reply.match = TakeEntries(prev.index, std::move(request.entries));
  // Clamped: behind this message's end the log may still hold a deposed leader's entries.
  const Index known = Broken(Rule::kClampCommit) ? log_.last() : reply.match;
  commit_ = std::max(commit_, std::min(request.commit, known));
  return reply;
}

// Returns the last index that is known to equal the leader's.
Index Raft::Impl::TakeEntries(Index prev, std::vector<Entry> entries) {
  const Index end = prev + entries.size();
  if (prev < commit_ && !entries.empty()) Hit(Mark::kOldAppend);
  for (Entry& entry : entries) {
    const std::optional<Term> mine = log_.TermAt(entry.index);
    if (entry.index <= commit_) {
      Z4J_CHECK(!mine.has_value() || *mine == entry.term);  // §5.4.3, Leader Completeness.
      continue;
    }
    if (mine == entry.term) continue;
    if (mine.has_value()) TruncateFrom(entry.index);
    AppendToLog(std::move(entry));
  }
  // Repeated, reordered or shorter messages cut nothing: only a conflict does.
  if (Broken(Rule::kTruncateOnlyAtConflict) && end > commit_) TruncateFrom(end + 1);
  return prev < commit_ ? std::max(end, commit_) : end;
}

// Tells where the logs may agree: the follower passes over all entries of terms later than the
// leader's there, the leader over those of later terms than the hint's.  So a round per term.
AppendReply Raft::Impl::RefuseAppend(const AppendRequest& request) const {
  AppendReply reply;
  reply.rejected = true;
  reply.rejected_prev = request.prev_index;
  const LogPosition hint =
      log_.LastNotAbove(std::min(request.prev_index, log_.last()), request.prev_term);
  reply.hint_index = hint.index;
  reply.hint_term = hint.term;
  return reply;
}

void Raft::Impl::TruncateFrom(Index from) {
  Z4J_CHECK(from > commit_);
  if (from > log_.last()) return;
  Hit(Mark::kTruncated);
  log_.TruncateFrom(from);
  disk_.TruncatedFrom(from);
  if (configs_.TruncateFrom(from)) Hit(Mark::kConfigRolledBack);
}

void Raft::Impl::AppendToLog(Entry entry) {
  if (entry.kind == EntryKind::kConfig) {
    auto config = DecodeConfig(*entry.data);
    Z4J_CHECK(config.ok());  // Checked when it arrived, or made here.
    configs_.Append(entry.index, *std::move(config));
  }
  log_.Append(std::move(entry));
}

void Raft::Impl::OnInstallSnapshot(NodeId from, const InstallSnapshot& request) {
  HearLeader(from);
  const SnapshotMeta& meta = request.meta;
  if (meta.index <= commit_ && !Broken(Rule::kOldSnapshotIsIgnored)) {
    Hit(Mark::kSnapshotOld);  // Its configuration is the older one as well (R28).
  } else if (log_.Matches({meta.index, meta.term})) {
    Hit(Mark::kSnapshotFastForward);
    commit_ = meta.index;
  } else {
    Restore(meta);
  }
  AppendReply reply;
  reply.match = commit_;
  reply.send_id = request.send_id;
  reply.applied = applied_;
  SendAfterSync(from, term_, reply);
}

void Raft::Impl::Restore(const SnapshotMeta& meta) {
  Hit(Mark::kSnapshotInstalled);
  disk_.Restarted(meta, commit_);
  log_.Restart({meta.index, meta.term});
  configs_.Restart(meta.config_index, meta.config);
  snapshot_ = meta;
  commit_ = meta.index;
  handed_ = meta.index;
  install_ = meta;
}

}  // namespace z4j::consensus
