#include "services/consensus/raft/raft.h"

#include <algorithm>
#include <utility>

#include "services/base/check.h"
#include "services/consensus/raft/impl.h"
#include "services/consensus/raft/mutants.h"

namespace z4j::consensus {
namespace {

// The log as it was found.  Entries that the snapshot does not continue are worthless: the node
// went down while it replaced its log by a snapshot (R22).
Log RecoverLog(const Recovered& found) {
  const LogPosition snapshot{found.snapshot.index, found.snapshot.term};
  const std::vector<Entry>& entries = found.entries;
  if (entries.empty()) return Log(snapshot);
  Z4J_CHECK(entries.front().index <= snapshot.index + 1);
  if (entries.front().index == snapshot.index + 1) return Log(snapshot, entries);
  // A tail was kept.  The term before it is not known, so that its first entry becomes the base;
  // unless the log begins at 1, before which there is term 0.
  Log log = entries.front().index == Index{1}
                ? Log({}, entries)
                : Log({entries.front().index, entries.front().term},
                      std::vector<Entry>(entries.begin() + 1, entries.end()));
  return log.Matches(snapshot) ? log : Log(snapshot);
}

ConfigLog RecoverConfigs(const SnapshotMeta& snapshot, const Log& log) {
  ConfigLog configs(snapshot.config_index, snapshot.config);
  for (Index index = std::max(log.first(), snapshot.index + 1); index <= log.last();
       index = index + 1) {
    if (log.At(index).kind != EntryKind::kConfig) continue;
    auto config = DecodeConfig(*log.At(index).data);
    Z4J_CHECK(config.ok());  // The storage has checked the bytes.
    configs.Append(index, *std::move(config));
  }
  return configs;
}

}  // namespace

Raft::Impl::Impl(RaftOptions options, Recovered recovered, MonoTime now)
    : options_(options),
      damaged_(recovered.damaged),
      rng_(options.seed),
      now_(now),
      term_(recovered.hard_state.term),
      vote_(recovered.hard_state.vote),
      log_(RecoverLog(recovered)),
      configs_(RecoverConfigs(recovered.snapshot, log_)),
      snapshot_(recovered.snapshot),
      handed_(recovered.snapshot.index),
      applied_(recovered.snapshot.index),
      leader_heard_(Broken(Rule::kWithholdAfterBoot) ? kLongAgo : now),
      reads_asked_(rng_.Next() >> 1),
      disk_(recovered.hard_state, log_.last()) {
  Z4J_CHECK(options_.id && options_.election_timeout > absl::ZeroDuration());
  Z4J_CHECK(options_.heartbeat_interval * 4 <= options_.election_timeout);
  commit_ = std::clamp(recovered.hard_state.commit, snapshot_.index, log_.last());
  // A snapshot may be newer than the hard state beside it; its term was seen.
  if (snapshot_.term > term_) {
    term_ = snapshot_.term;
    vote_ = {};
  }
  Z4J_CHECK(log_.last_term() <= term_ || damaged_);
  ResetElectionTimer(/*redraw=*/true);
  told_ = {Role::kFollower, term_, NodeId{}};
}

void Raft::Impl::Advance(MonoTime now) { now_ = std::max(now_, now); }

NodeId Raft::Impl::KnownLeader() const {
  if (leader() != nullptr) return options_.id;
  const auto* follower = std::get_if<Follower>(&role_);
  return follower == nullptr ? NodeId{} : follower->leader;
}

Role Raft::Impl::CurrentRole() const {
  if (leader() != nullptr) return Role::kLeader;
  const auto* candidate = std::get_if<Candidate>(&role_);
  if (candidate == nullptr) return Role::kFollower;
  return candidate->pre ? Role::kPreCandidate : Role::kCandidate;
}

void Raft::Impl::Tick(MonoTime now) {
  Advance(now);
  if (leader() != nullptr) {
    TickLeader();
    return;
  }
  for (uint64_t context : reads_asked_.TakeOlder(now_ - options_.election_timeout)) {
    AnswerRead(context, std::nullopt);
  }
  if (now_ < election_due_) return;
  if (Promotable() && !stalled_since_.has_value()) {
    StartPreVote();
  } else {
    BecomeFollower(term_, NodeId{});  // Nobody has been heard for long.
  }
}

MonoTime Raft::Impl::NextTick() const {
  const Leader* me = leader();
  if (me == nullptr) {
    const std::optional<MonoTime> asked = reads_asked_.oldest();
    return asked ? std::min(election_due_, *asked + options_.election_timeout) : election_due_;
  }
  MonoTime next = std::min(me->next_heartbeat, QuorumHeardUntil());
  if (me->transfer) next = std::min(next, me->transfer->deadline);
  return next;
}

void Raft::Impl::Persisted(MonoTime now, uint64_t seq) {
  Advance(now);
  for (Promise& promise : disk_.Persisted(seq)) Release(std::move(promise));
  if (leader() != nullptr) MaybeCommit();
}

void Raft::Impl::Applied(Index index) {
  Z4J_CHECK(index <= handed_);
  applied_ = std::max(applied_, index);
}

SnapshotMeta Raft::Impl::MetaAt(Index index) const {
  const std::optional<Term> term = log_.TermAt(index);
  Z4J_CHECK(term.has_value() && index <= commit_);
  return {index, *term, configs_.At(index), configs_.IndexAt(index)};
}

Index Raft::Impl::Compact(const SnapshotMeta& meta) {
  Z4J_CHECK(meta.index <= applied_);
  if (meta.index <= snapshot_.index) return log_.first();
  snapshot_ = meta;
  const auto minus = [](Index index, uint64_t n) {
    return Index{index.value - std::min(n, index.value)};
  };
  Index base = minus(meta.index, options_.limits.tail_entries);
  if (const Leader* me = leader()) {
    for (const auto& [id, peer] : me->peers) {
      const bool alive = peer.answered && now_ - peer.heard < options_.election_timeout;
      if (alive && peer.state != PeerStatus::State::kSnapshot) base = std::min(base, peer.match);
    }
    base = std::max(base, minus(meta.index, options_.limits.lag_entries));
  }
  log_.CompactTo(base);
  configs_.CompactTo(log_.first() - 1);
  return log_.first();
}

RaftStatus Raft::Impl::Status() const {
  RaftStatus status;
  status.soft = soft();
  status.first = log_.first();
  status.last = log_.last();
  status.last_term = log_.last_term();
  status.commit = commit_;
  status.decided = std::max(commit_, decided_);
  status.applied = applied_;
  status.persisted = disk_.persisted();
  status.config = config();
  status.damaged = damaged_;
  status.in_touch = InTouch();
  if (const Leader* me = leader()) {
    status.lease_until = LeaseUntil();
    if (me->transfer) status.transferring_to = me->transfer->target;
    for (const auto& [id, peer] : me->peers) {
      status.peers.push_back({id, peer.match, peer.next, peer.applied, peer.state,
                              peer.answered && now_ - peer.heard < options_.election_timeout,
                              peer.round_trip,
                              peer.answered ? std::make_optional(peer.heard) : std::nullopt});
    }
  }
  return status;
}

Raft::Raft(RaftOptions options, Recovered recovered, MonoTime now)
    : impl_(std::make_unique<Impl>(options, std::move(recovered), now)) {}
Raft::~Raft() = default;
void Raft::Tick(MonoTime now) { impl_->Tick(now); }
MonoTime Raft::NextTick() const { return impl_->NextTick(); }
absl::Status Raft::Step(MonoTime now, Message message) {
  return impl_->Step(now, std::move(message));
}
absl::StatusOr<Index> Raft::Propose(MonoTime now, std::vector<Payload> commands) {
  return impl_->Propose(now, std::move(commands));
}
absl::StatusOr<Index> Raft::ProposeChange(MonoTime now, const ConfigChange& change) {
  return impl_->ProposeChange(now, change);
}
void Raft::Read(MonoTime now, uint64_t context) { impl_->Read(now, context); }
absl::Status Raft::TransferTo(MonoTime now, NodeId target) {
  return impl_->TransferTo(now, target);
}
void Raft::Campaign(MonoTime now) { impl_->Campaign(now); }
void Raft::Persisted(MonoTime now, uint64_t seq) { impl_->Persisted(now, seq); }
void Raft::Applied(Index index) { impl_->Applied(index); }
Index Raft::Compact(const SnapshotMeta& meta) { return impl_->Compact(meta); }
void Raft::SnapshotSent(MonoTime now, NodeId peer, bool delivered) {
  impl_->SnapshotSent(now, peer, delivered);
}
void Raft::PeerConnected(MonoTime now, NodeId peer, bool connected) {
  impl_->PeerConnected(now, peer, connected);
}
void Raft::DiskStalled(MonoTime now, bool stalled) { impl_->DiskStalled(now, stalled); }
Output Raft::TakeOutput() { return impl_->TakeOutput(); }
bool Raft::HasOutput() const { return impl_->HasOutput(); }
MonoTime Raft::LeaseUntil() const { return impl_->LeaseUntil(); }
Index Raft::commit() const { return impl_->commit(); }
SoftState Raft::soft() const { return impl_->soft(); }
std::optional<MonoTime> Raft::InTouch() const { return impl_->InTouch(); }
RaftStatus Raft::Status() const { return impl_->Status(); }
SnapshotMeta Raft::MetaAt(Index index) const { return impl_->MetaAt(index); }

}  // namespace z4j::consensus
