#include <algorithm>
#include <limits>
#include <utility>

#include "services/consensus/raft/impl.h"
#include "services/consensus/raft/marks.h"
#include "services/consensus/raft/mutants.h"

// What goes out, and when.
namespace z4j::consensus {

void Raft::Impl::Send(NodeId to, Term term, MessageBody body) {
  messages_.push_back(
      {options_.cluster, options_.id, options_.incarnation, to, term, std::move(body)});
}

// For what promises something about this node's disk.
void Raft::Impl::SendAfterSync(NodeId to, Term term, MessageBody body) {
  Message message{options_.cluster, options_.id, options_.incarnation, to, term, std::move(body)};
  auto free = disk_.Withhold(std::move(message), CurrentHardState(), log_.last());
  if (free.has_value()) Release(*std::move(free));
}

void Raft::Impl::Release(Promise promise) {
  if (auto* message = std::get_if<Message>(&promise)) {
    messages_.push_back(std::move(*message));
    return;
  }
  const auto* candidate = std::get_if<Candidate>(&role_);
  if (candidate == nullptr || candidate->pre) return;
  if (std::get<SelfVote>(promise).term == term_) CountVote(options_.id, /*granted=*/true);
}

void Raft::Impl::AnswerRead(uint64_t context, std::optional<Index> index) {
  if (!index.has_value()) Hit(Mark::kReadLost);
  reads_ready_.push_back({context, index});
}

// A follower that applied what it may still lose would answer reads from a state that is gone
// after a crash; so nothing is applied before this disk has it.
Index Raft::Impl::Appliable() const {
  if (Broken(Rule::kApplyOnlyWhatIsOnDisk)) return commit_;
  return std::min(commit_, disk_.persisted());
}

bool Raft::Impl::WantsFlush() const {
  const Leader* me = leader();
  if (me == nullptr) return false;
  return me->reads.wants_round() ||
         std::any_of(me->peers.begin(), me->peers.end(),
                     [this](const auto& peer) { return HasPending(peer.second); });
}

// Everything that was proposed, read and committed since the last output leaves together.
void Raft::Impl::Flush() {
  Leader* me = leader();
  if (me == nullptr) return;
  const bool new_round = me->reads.wants_round();
  if (new_round) me->reads.StartRound();
  for (auto& [id, peer] : me->peers) {
    const uint64_t sent_before = me->last_send_id;
    SendPending(id, peer);
    if (new_round && me->last_send_id == sent_before) SendHeartbeat(id, peer);
  }
  if (new_round) ConfirmReads();  // This node alone may be the quorum.
}

bool Raft::Impl::HasOutput() const {
  return !messages_.empty() || !reads_ready_.empty() || install_.has_value() || WantsFlush() ||
         disk_.HasWrite(CurrentHardState(), log_.last()) || handed_ < Appliable() ||
         SoftState{CurrentRole(), term_, KnownLeader()} != told_;
}

Output Raft::Impl::TakeOutput() {
  Flush();
  Output output;
  output.write = disk_.TakeWrite(CurrentHardState(), log_);
  output.messages = std::exchange(messages_, {});
  output.reads = std::exchange(reads_ready_, {});
  output.install = std::exchange(install_, std::nullopt);
  if (commit_ > disk_.persisted() && handed_ < commit_) Hit(Mark::kAppliedHeldBack);
  if (handed_ < Appliable()) {
    output.committed = log_.Slice(handed_ + 1, Appliable(), options_.limits.apply_entries,
                                  std::numeric_limits<size_t>::max());
    handed_ = output.committed.back().index;
  }
  const SoftState soft{CurrentRole(), term_, KnownLeader()};
  if (soft != told_) output.changed = told_ = soft;
  return output;
}

}  // namespace z4j::consensus
