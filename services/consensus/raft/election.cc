#include <algorithm>
#include <utility>

#include "services/base/check.h"
#include "services/consensus/raft/impl.h"
#include "services/consensus/raft/marks.h"
#include "services/consensus/raft/mutants.h"
#include "services/consensus/raft/quorum.h"

// Who leads (§5.2, §5.4.1; pre-vote: §9.6 of the thesis).
namespace z4j::consensus {

// A node that forgot what it promised must not promise anew in the same name.
bool Raft::Impl::MayVote() const {
  if (damaged_ && !Broken(Rule::kDamagedNeverVotes)) return false;
  const auto member = config().members.find(options_.id);
  return member == config().members.end() || member->second.incarnation.value == 0 ||
         member->second.incarnation == options_.incarnation || Broken(Rule::kIncarnationMustMatch);
}

// A voter of the committed configuration campaigns even if a later one, not committed yet, is
// without it: its log may be the longest, and then nobody else can be elected (§4.2.2 of the
// thesis).
bool Raft::Impl::Promotable() const {
  return MayVote() && (config().IsVoter(options_.id) || configs_.At(commit_).IsVoter(options_.id));
}

// The leases of leaders rest on this: whoever answered one keeps quiet for an election timeout,
// and so does a node after its start, as it has forgotten whom it answered.
bool Raft::Impl::Withholds(const VoteRequest& request) const {
  const bool leader_lives = leader() != nullptr || now_ < leader_heard_ + options_.election_timeout;
  if (leader_lives && request.transfer) Hit(Mark::kTransferVote);
  return leader_lives && !request.transfer;
}

bool Raft::Impl::MayGrant(const Message& message, const VoteRequest& request) const {
  if (!MayVote()) return false;
  const bool compares = !Broken(request.pre ? Rule::kPreVoteComparesLogs : Rule::kVoteComparesLogs);
  if (compares && !log_.IsUpToDate({request.last_index, request.last_term})) {
    if (request.pre) Hit(Mark::kPreVoteRefused);
    return false;
  }
  if (request.pre && message.term > term_) return true;
  const bool free = !vote_ && !KnownLeader();
  return free || vote_ == message.from || (Broken(Rule::kOneVotePerTerm) && !request.pre);
}

void Raft::Impl::OnVoteRequest(const Message& message, const VoteRequest& request) {
  if (message.term == term_ && Withholds(request)) {
    Hit(Mark::kVoteWithheld);
    return;
  }
  const bool granted = MayGrant(message, request);
  if (granted && !request.pre) {
    if (vote_ == message.from) Hit(Mark::kVoteRepeated);  // Its answer was lost; say it again.
    vote_ = message.from;
    ResetElectionTimer(/*redraw=*/false);  // Give it time to win.
  }
  SendAfterSync(message.from, granted ? message.term : term_, VoteReply{request.pre, granted});
}

void Raft::Impl::OnVoteReply(const Message& message, const VoteReply& reply) {
  const auto* candidate = std::get_if<Candidate>(&role_);
  if (candidate == nullptr) return;
  const bool same_kind = reply.pre == candidate->pre;
  if (!same_kind && !Broken(Rule::kPreVoteIsNoVote)) return;
  const Term asked = candidate->pre ? term_.Next() : term_;
  if (reply.granted && message.term != asked) return;
  CountVote(message.from, reply.granted);
}

void Raft::Impl::CountVote(NodeId from, bool granted) {
  auto& candidate = std::get<Candidate>(role_);
  candidate.votes.emplace(from, granted);
  switch (JointVote(config().voters, config().outgoing, candidate.votes)) {
    case VoteResult::kPending:
      return;
    case VoteResult::kLost:
      Hit(Mark::kVoteSplit);
      BecomeFollower(term_, NodeId{});
      return;
    case VoteResult::kWon:
      if (candidate.pre) {
        StartElection(/*transfer=*/false);
      } else {
        BecomeLeader();
      }
  }
}

// Elections that a quorum allowed and nobody won: the disks or the network need longer for one than
// it is given, or several candidates go on meeting.  More time helps with both, and new terms cost
// everybody a write.  Pre-votes change nothing anywhere and are not delayed.
absl::Duration Raft::Impl::BackedOff(absl::Duration timeout) const {
  if (Broken(Rule::kLostElectionsBackOff)) return timeout;
  absl::Duration longer = timeout;
  for (int i = kElectionsAtOnce; i < elections_lost_ && longer < kElectionBackOffMax; ++i) {
    longer *= 2;
    Hit(Mark::kElectionBackedOff);
  }
  return std::max(timeout, std::min(longer, kElectionBackOffMax));
}

void Raft::Impl::ResetElectionTimer(bool redraw) {
  if (redraw) {
    const int64_t shortest = absl::ToInt64Nanoseconds(options_.election_timeout);
    election_timeout_ = absl::Nanoseconds(shortest + static_cast<int64_t>(rng_.Below(shortest)));
    election_timeout_ = BackedOff(election_timeout_);
  }
  election_due_ = now_ + election_timeout_;
}

// The stream to the leader broke, so that it is dead as a rule.  Not before an election timeout E
// is over since it was heard may anybody vote, this node for itself neither; but to draw a longer
// one is of use only so that candidates do not meet.  Instead voters campaign in turn, a tenth of E
// apart: more than a round trip.  The first waits as well, as the others may have heard the leader
// a little later.
void Raft::Impl::HastenElection() {
  const auto before_us = [&](NodeId id) { return id < options_.id && id != KnownLeader(); };
  const auto before = std::count_if(config().voters.begin(), config().voters.end(), before_us);
  const absl::Duration turn = options_.election_timeout / kTurnsPerTimeout *
                              (Broken(Rule::kCampaignInTurn) ? 1 : 1 + before);
  const MonoTime free =
      Broken(Rule::kTurnWaitsForTimeout) ? now_ : leader_heard_ + options_.election_timeout;
  Hit(Mark::kElectionHastened);
  // However often the stream breaks, that is never put off.
  election_due_ = now_ < free + turn ? free + turn : std::min(election_due_, now_ + turn);
}

// What belongs to the old role ends with it.
void Raft::Impl::LeaveRole() {
  DropReads();
  const Leader* me = leader();
  if (me != nullptr) in_touch_ = InTouch();
  if (me != nullptr && me->transfer && !me->timeout_now_sent) Hit(Mark::kTransferAborted);
}

void Raft::Impl::BecomeFollower(Term term, NodeId leader) {
  Z4J_CHECK(term >= term_);
  LeaveRole();
  if (term > term_) {
    term_ = term;
    vote_ = {};
  }
  role_ = Follower{leader};
  ResetElectionTimer(/*redraw=*/true);
}

// Asks whether an election could be won, changing nothing anywhere: no term rises because of a node
// that cannot be elected.
void Raft::Impl::StartPreVote() {
  LeaveRole();
  role_ = Candidate{/*pre=*/true, {}};
  ResetElectionTimer(/*redraw=*/true);
  AskForVotes(term_.Next(), /*pre=*/true, /*transfer=*/false);
  CountVote(options_.id, /*granted=*/true);  // Promises nothing, so it waits for no disk.
}

void Raft::Impl::StartElection(bool transfer) {
  LeaveRole();
  term_ = term_.Next();
  vote_ = options_.id;
  role_ = Candidate{/*pre=*/false, {}};
  ++elections_lost_;  // Until it is won.
  ResetElectionTimer(/*redraw=*/true);
  auto free = disk_.Withhold(SelfVote{term_}, CurrentHardState(), log_.last());
  AskForVotes(term_, /*pre=*/false, transfer);
  if (free.has_value()) Release(*std::move(free));
}

// Real requests wait for the disk as well.  They name the end of a log that may not be durable yet:
// a candidate that lost it in a crash would campaign in the same term again, with a shorter log,
// and be elected by the votes that the longer one was given.
void Raft::Impl::AskForVotes(Term term, bool pre, bool transfer) {
  const VoteRequest request{pre, log_.last(), log_.last_term(), transfer};
  for (const auto& [id, member] : config().members) {
    if (id == options_.id || !config().IsVoter(id)) continue;
    if (pre) {
      Send(id, term, request);
    } else {
      SendAfterSync(id, term, request);
    }
  }
}

// The leader itself wants this election, and has ceased to claim a lease: no pre-vote, and voters
// do not wait.
void Raft::Impl::OnTimeoutNow(const Message& message) {
  const auto* follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || (follower->leader && follower->leader != message.from)) return;
  if (Promotable() && !stalled_since_.has_value()) StartElection(/*transfer=*/true);
}

void Raft::Impl::Campaign(MonoTime now) {
  Advance(now);
  if (const Leader* me = leader(); me != nullptr && me->timeout_now_sent && !me->transfer) {
    BecomeFollower(term_, NodeId{});
  } else if (me != nullptr) {
    CheckQuorum();
  }
  const bool campaigns = leader() != nullptr || CurrentRole() == Role::kCandidate;
  if (!campaigns && Promotable()) StartPreVote();
}

}  // namespace z4j::consensus
