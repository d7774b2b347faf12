#include <algorithm>
#include <limits>
#include <utility>

#include "services/base/check.h"
#include "services/consensus/raft/impl.h"
#include "services/consensus/raft/marks.h"
#include "services/consensus/raft/mutants.h"
#include "services/consensus/raft/quorum.h"

// Membership that looks after itself, and reads.
namespace z4j::consensus {

// What a leader does unasked, once it may.
void Raft::Impl::Housekeeping() {
  if (!OwnTermCommitted() || leader()->transfer || configs_.active_index() > commit_) return;
  MaybeAutoLeave();
  MaybeFillIncarnations();
}

// Its own append takes the configuration out of the joint phase, so it cannot happen twice (R29);
// if a truncation undoes it, the next leader does it again.
void Raft::Impl::MaybeAutoLeave() {
  if (!config().joint() || !config().auto_leave) return;
  auto next = LeaveJoint(config());
  Z4J_CHECK(next.ok());
  Hit(Mark::kAutoLeave);
  AppendAsLeader(EntryKind::kConfig, MakePayload(EncodeConfig(*next)));
}

void Raft::Impl::MeetMember(const Message& message) {
  Leader* me = leader();
  if (me == nullptr || message.incarnation.value == 0) return;
  const auto member = config().members.find(message.from);
  if (member == config().members.end() || member->second.incarnation.value != 0) return;
  me->met.try_emplace(message.from, message.incarnation);
}

// The first configuration names the members before they have incarnations.  From this entry on a
// wiped node under an old number is known for what it is (R26).
void Raft::Impl::MaybeFillIncarnations() {
  if (ChangeUnderWay()) return;
  Leader& me = *leader();
  if (options_.incarnation.value != 0) me.met.try_emplace(options_.id, options_.incarnation);
  ConfigChange change;
  for (const auto& [id, incarnation] : std::exchange(me.met, {})) {
    const auto member = config().members.find(id);
    if (member == config().members.end() || member->second.incarnation.value != 0) continue;
    change.steps.push_back(
        {ConfigStep::Kind::kUpdate, id, Member{member->second.address, incarnation}});
  }
  if (change.steps.empty()) return;
  auto next = SimpleChange(config(), change.steps);
  Z4J_CHECK(next.ok());
  Hit(Mark::kIncarnationLearned);
  AppendAsLeader(EntryKind::kConfig, MakePayload(EncodeConfig(*next)));
}

void Raft::Impl::Read(MonoTime now, uint64_t context) {
  Advance(now);
  if (leader() != nullptr) {
    AddRead({options_.id, context});
    return;
  }
  const NodeId ask = KnownLeader();
  const std::optional<uint64_t> number =
      ask ? reads_asked_.Add(context, now_) : std::optional<uint64_t>();
  if (number.has_value()) {
    Send(ask, term_, ReadRequest{*number});
  } else {
    AnswerRead(context, std::nullopt);
  }
}

void Raft::Impl::AddRead(ReadAsked read) {
  Leader& me = *leader();
  std::optional<Index> index;
  if (OwnTermCommitted() || Broken(Rule::kReadNeedsOwnCommit)) index = commit_;
  if (!index.has_value()) Hit(Mark::kReadPostponed);
  if (Broken(Rule::kReadNeedsRound) && read.from == options_.id) {
    AnswerRead(read.context, commit_);
    return;
  }
  if (me.reads.Add(read, index)) return;
  if (read.from == options_.id) AnswerRead(read.context, std::nullopt);
}

void Raft::Impl::OnReadRequest(NodeId from, const ReadRequest& request) {
  if (leader() != nullptr && config().IsMember(from)) AddRead({from, request.context});
}

void Raft::Impl::ConfirmReads() {
  Leader& me = *leader();
  const uint64_t newest = me.reads.round();
  const uint64_t confirmed = QuorumValue(config(), newest, [&](NodeId id) {
    if (id == options_.id) return newest;
    const auto peer = me.peers.find(id);
    return peer == me.peers.end() ? uint64_t{0} : peer->second.read_round;
  });
  for (const ReadRounds::Confirmed& done : me.reads.Confirm(std::min(confirmed, newest))) {
    if (done.read.from == options_.id) {
      AnswerRead(done.read.context, done.index);
    } else {
      Send(done.read.from, term_, ReadReply{done.read.context, done.index});
    }
  }
}

void Raft::Impl::OnReadReply(NodeId from, const ReadReply& reply) {
  if (leader() != nullptr || KnownLeader() != from) return;
  const std::optional<uint64_t> context = reads_asked_.Take(reply.context);
  if (context.has_value()) AnswerRead(*context, reply.index);
}

void Raft::Impl::DropReads() {
  for (uint64_t context : reads_asked_.TakeOlder(kForever)) AnswerRead(context, std::nullopt);
  Leader* me = leader();
  if (me == nullptr) return;
  for (const ReadAsked& read : me->reads.TakeAll()) {
    if (read.from == options_.id) AnswerRead(read.context, std::nullopt);
  }
}

}  // namespace z4j::consensus
