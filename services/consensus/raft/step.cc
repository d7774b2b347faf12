#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/consensus/raft/impl.h"
#include "services/consensus/raft/marks.h"
#include "services/consensus/raft/mutants.h"

// Who may speak to this node, and what a message's term does to it (§5.1).
namespace z4j::consensus {
namespace {

template <typename Body>
const Body* BodyOf(const Message& message) {
  return std::get_if<Body>(&message.body);
}

bool IsFromLeader(const Message& message) {
  return BodyOf<AppendRequest>(message) != nullptr || BodyOf<InstallSnapshot>(message) != nullptr;
}

// What a candidate or a leader asks is judged by its term and log, like that of a node outside the
// configuration (§6): this node's configuration may be the older one, and refusing the leader it
// must learn the newer one from would lock it out.  Whoever campaigns checks its own incarnation.
bool IsJudgedByTermAndLog(const Message& message) {
  return IsFromLeader(message) || BodyOf<VoteRequest>(message) != nullptr;
}

absl::Status CheckAppend(const AppendRequest& request, Term term) {
  // A position without a term is an error, never a match (R2).
  if ((request.prev_index.value == 0) != (request.prev_term.value == 0)) {
    return absl::InvalidArgumentError("an append after a position without a term");
  }
  Index index = request.prev_index;
  Term last = request.prev_term;
  for (const Entry& entry : request.entries) {
    index = index + 1;
    if (entry.index != index) return absl::InvalidArgumentError("an append with a hole");
    if (entry.term < last || entry.term > term || entry.data == nullptr) {
      return absl::InvalidArgumentError("an append with impossible entries");
    }
    last = entry.term;
    if (entry.kind == EntryKind::kConfig) RETURN_IF_ERROR(DecodeConfig(*entry.data).status());
  }
  if (last > term) return absl::InvalidArgumentError("an append after a later term");
  return absl::OkStatus();
}

}  // namespace

absl::Status Raft::Impl::CheckEnvelope(const Message& message) const {
  if (message.cluster != options_.cluster) {
    return absl::FailedPreconditionError("a message from another cluster");
  }
  if (message.to != options_.id || message.from == options_.id || !message.from) {
    return absl::FailedPreconditionError(
        absl::StrCat("a message from ", message.from.value, " for ", message.to.value));
  }
  if (IsJudgedByTermAndLog(message) || Broken(Rule::kIncarnationMustMatch)) {
    return absl::OkStatus();
  }
  const auto member = config().members.find(message.from);
  if (member == config().members.end() || member->second.incarnation.value == 0 ||
      member->second.incarnation == message.incarnation) {
    return absl::OkStatus();
  }
  Hit(Mark::kIncarnationRefused);
  return absl::FailedPreconditionError(
      absl::StrCat("member ", message.from.value, " is another incarnation"));
}

absl::Status Raft::Impl::CheckBody(const Message& message) const {
  if (const auto* append = BodyOf<AppendRequest>(message))
    return CheckAppend(*append, message.term);
  if (const auto* install = BodyOf<InstallSnapshot>(message)) {
    if (install->meta.index.value == 0 || install->meta.term.value == 0 ||
        install->meta.term > message.term || install->meta.config_index > install->meta.index) {
      return absl::InvalidArgumentError("a snapshot of an impossible position");
    }
    return CheckConfig(install->meta.config);
  }
  const auto* reply = BodyOf<AppendReply>(message);
  const Leader* me = leader();
  if (reply == nullptr || me == nullptr || message.term != term_) return absl::OkStatus();
  if (reply->match > log_.last() || reply->read_context > me->reads.round()) {
    return absl::InvalidArgumentError("an answer to what was never sent");
  }
  return absl::OkStatus();
}

absl::Status Raft::Impl::Step(MonoTime now, Message message) {
  Advance(now);
  RETURN_IF_ERROR(CheckEnvelope(message));
  RETURN_IF_ERROR(CheckBody(message));
  if (damaged_ && !Broken(Rule::kDamagedNeverVotes)) {
    WatchWhileDamaged(message);
    return absl::OkStatus();
  }
  if (leader() != nullptr) CheckQuorum();  // Before the answer counts: it may come too late.
  if (message.term < term_) {
    AnswerLowerTerm(message);
    return absl::OkStatus();
  }
  if (message.term > term_ && !TakeHigherTerm(message)) return absl::OkStatus();
  MeetMember(message);
  Dispatch(std::move(message));
  return absl::OkStatus();
}

// Returns whether the message is to be looked at further.
bool Raft::Impl::TakeHigherTerm(const Message& message) {
  if (const auto* request = BodyOf<VoteRequest>(message)) {
    // Not even the term is taken: a node that was cut off must not depose a leader that others
    // hear (§6, §4.2.3 of the thesis).
    if (Withholds(*request)) {
      Hit(Mark::kVoteWithheld);
      return false;
    }
    if (request->pre) return true;
  }
  if (const auto* reply = BodyOf<VoteReply>(message)) {
    if (reply->pre && reply->granted) return true;  // The term is the one that was asked for.
  }
  BecomeFollower(message.term, IsFromLeader(message) ? message.from : NodeId{});
  return true;
}

// A leader of an old term, or a candidate that is behind, learns the newer term and so gets unstuck
// (R8); the others' answers come too late to matter.
void Raft::Impl::AnswerLowerTerm(const Message& message) {
  if (const auto* request = BodyOf<VoteRequest>(message)) {
    SendAfterSync(message.from, term_, VoteReply{request->pre, /*granted=*/false});
  } else if (const auto* append = BodyOf<AppendRequest>(message)) {
    AppendReply reply;
    reply.rejected = true;
    reply.rejected_prev = append->prev_index;
    SendAfterSync(message.from, term_, reply);
  } else if (IsFromLeader(message)) {
    AppendReply reply;
    reply.rejected = true;
    SendAfterSync(message.from, term_, reply);
  } else {
    return;
  }
  Hit(Mark::kLowerTermAnswered);
}

void Raft::Impl::WatchWhileDamaged(const Message& message) {
  Hit(Mark::kDamagedSilent);
  if (!IsFromLeader(message) || message.term < term_) return;
  role_ = Follower{message.from};
  ResetElectionTimer(/*redraw=*/false);
}

void Raft::Impl::Dispatch(Message message) {
  const NodeId from = message.from;
  if (const auto* vote = BodyOf<VoteRequest>(message)) {
    OnVoteRequest(message, *vote);
  } else if (const auto* voted = BodyOf<VoteReply>(message)) {
    OnVoteReply(message, *voted);
  } else if (auto* append = std::get_if<AppendRequest>(&message.body)) {
    OnAppendRequest(from, std::move(*append));
  } else if (const auto* appended = BodyOf<AppendReply>(message)) {
    OnAppendReply(from, *appended);
  } else if (const auto* install = BodyOf<InstallSnapshot>(message)) {
    OnInstallSnapshot(from, *install);
  } else if (BodyOf<TimeoutNow>(message) != nullptr) {
    OnTimeoutNow(message);
  } else if (const auto* read = BodyOf<ReadRequest>(message)) {
    OnReadRequest(from, *read);
  } else if (const auto* answer = BodyOf<ReadReply>(message)) {
    OnReadReply(from, *answer);
  }
}

}  // namespace z4j::consensus
