#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/base/check.h"
#include "services/base/field_error.h"
#include "services/consensus/raft/impl.h"
#include "services/consensus/raft/marks.h"
#include "services/consensus/raft/mutants.h"
#include "services/consensus/raft/quorum.h"

// How a leadership ends: by silence (check-quorum), or by handing it over (§3.10 of the thesis);
// and until when it certainly has not ended (the lease, §6.4.1).
namespace z4j::consensus {

// The newest instant that a quorum has reached.
MonoTime Raft::Impl::QuorumTime(MonoTime own, MonoTime Progress::*of_peer) const {
  const Leader& me = *leader();
  return QuorumValue(config(), kForever, [&](NodeId id) {
    if (id == options_.id) return own;
    const auto peer = me.peers.find(id);
    return peer == me.peers.end() ? kLongAgo : peer->second.*of_peer;
  });
}

MonoTime Raft::Impl::QuorumHeardUntil() const {
  return QuorumTime(now_, &Progress::heard) + options_.election_timeout;
}

std::optional<MonoTime> Raft::Impl::InTouch() const {
  return leader() != nullptr ? QuorumTime(now_, &Progress::heard) : in_touch_;
}

// Returns whether this node still leads.
bool Raft::Impl::CheckQuorum() {
  if (now_ < QuorumHeardUntil() || Broken(Rule::kCheckQuorum)) return true;
  Hit(Mark::kQuorumLost);
  BecomeFollower(term_, NodeId{});
  return false;
}

MonoTime Raft::Impl::LeaseUntil() const {
  const Leader* me = leader();
  if (me == nullptr || !config().IsVoter(options_.id)) return kLongAgo;
  // A leader that has committed nothing may not know all that is committed.
  if (!OwnTermCommitted() && !Broken(Rule::kLeaseNeedsOwnCommit)) return kLongAgo;
  // The target may be elected at any moment; and once TimeoutNow has left, even long after the
  // transfer was given up, as it may still be under way.
  if (me->transfer && !Broken(Rule::kLeaseEndsWithTransfer)) return kLongAgo;
  if (me->timeout_now_sent && !Broken(Rule::kNoLeaseAfterTimeoutNow) &&
      !Broken(Rule::kLeaseEndsWithTransfer)) {
    return kLongAgo;
  }
  const MonoTime own = std::min(now_, stalled_since_.value_or(now_));
  const MonoTime basis = QuorumTime(
      own, Broken(Rule::kLeaseFromSendTime) ? &Progress::heard : &Progress::acknowledged);
  return basis + LeaseDuration(options_.election_timeout);
}

// The most advanced voter that is alive; none if there is none.
NodeId Raft::Impl::BestTarget() const {
  NodeId best;
  Index best_match;
  for (const auto& [id, peer] : leader()->peers) {
    const bool alive =
        peer.answered && peer.connected && now_ - peer.heard < options_.election_timeout;
    if (!alive || !config().voters.contains(id)) continue;
    if (best && peer.match <= best_match) continue;
    best = id;
    best_match = peer.match;
  }
  return best;
}

absl::Status Raft::Impl::TransferTo(MonoTime now, NodeId target) {
  Advance(now);
  const Leader* me = leader();
  if (me == nullptr) return absl::FailedPreconditionError("not the leader");
  if (me->transfer) return absl::FailedPreconditionError("leadership is being handed over already");
  if (target == options_.id) return FieldError("target", "leads already; name another voter");
  if (target && !config().voters.contains(target)) {
    return FieldError("target", absl::StrCat(target.value, " is no voter"));
  }
  if (!target) target = BestTarget();
  if (!target) return absl::FailedPreconditionError("no other voter is alive");
  StartTransfer(target);
  return absl::OkStatus();
}

void Raft::Impl::StartTransfer(NodeId target) {
  leader()->transfer = Transfer{target, now_ + options_.election_timeout};
  MaybeTimeoutNow();
}

// Repeated with every answer of the target until the time is up, as any message may be lost.
void Raft::Impl::MaybeTimeoutNow() {
  Leader& me = *leader();
  if (!me.transfer) return;
  const Progress& target = me.peers.at(me.transfer->target);
  if (target.match != log_.last() && !Broken(Rule::kTransferWaitsForMatch)) return;
  if (!me.timeout_now_sent) Hit(Mark::kTransferDone);
  me.timeout_now_sent = true;
  Send(me.transfer->target, term_, TimeoutNow{});
}

// Whether a quorum lives without this node.  If not, whoever leads waits for this node's disk.
bool Raft::Impl::OthersSuffice() const {
  return now_ < QuorumTime(kLongAgo, &Progress::heard) + options_.election_timeout ||
         Broken(Rule::kSlowDiskNeedsOthers);
}

void Raft::Impl::TickTransfer() {
  Leader& me = *leader();
  if (me.transfer && now_ >= me.transfer->deadline) {
    Hit(Mark::kTransferAborted);
    me.transfer.reset();
  }
  if (!stalled_since_.has_value() || me.transfer || !OthersSuffice()) return;
  if (const NodeId target = BestTarget()) {
    Hit(Mark::kDiskStalled);
    StartTransfer(target);
  }
}

void Raft::Impl::DiskStalled(MonoTime now, bool stalled) {
  Advance(now);
  if (!stalled) {
    stalled_since_.reset();
    return;
  }
  if (!stalled_since_.has_value()) stalled_since_ = now_;
  if (leader() != nullptr) TickTransfer();
}

}  // namespace z4j::consensus
