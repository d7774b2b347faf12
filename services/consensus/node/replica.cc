#include "services/consensus/node/replica.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "services/base/status_macros.h"
#include "services/consensus/limits.h"
#include "services/consensus/machine/codec.h"
#include "services/consensus/raft/mutants.h"

namespace z4j::consensus {

Replica::Replica(ReplicaOptions options, Recovered recovered, SnapshotOpener open, MonoTime now)
    : options_(std::move(options)),
      open_(std::move(open)),
      raft_(options_.raft, std::move(recovered), now) {}

absl::StatusOr<std::unique_ptr<Replica>> Replica::Create(ReplicaOptions options,
                                                         Recovered recovered, SnapshotOpener open,
                                                         MonoTime now) {
  const SnapshotMeta snapshot = recovered.snapshot;
  auto replica = std::unique_ptr<Replica>(
      new Replica(std::move(options), std::move(recovered), std::move(open), now));
  if (snapshot.index > Index{0}) replica->Install(snapshot);
  RETURN_IF_ERROR(replica->failure_);
  replica->Drain(now);
  return replica;
}

void Replica::Tick(MonoTime now) {
  raft_.Tick(now);
  EndOverdue(now);
  if (keeper_) ProposeOwn(now, keeper_->Due(now, machine_));
  Drain(now);
}

MonoTime Replica::NextTick() const {
  MonoTime next = raft_.NextTick();
  if (!deadlines_.empty()) next = std::min(next, deadlines_.begin()->first);
  if (keeper_) next = std::min(next, keeper_->NextDue());
  return next;
}

absl::Status Replica::Step(MonoTime now, Message message) {
  if (std::holds_alternative<InstallSnapshot>(message.body)) TakeNewest(message);
  absl::Status status = raft_.Step(now, std::move(message));
  Drain(now);
  newest_.reset();
  return status;
}

void Replica::Persisted(MonoTime now, uint64_t seq) {
  raft_.Persisted(now, seq);
  Drain(now);
}

void Replica::PeerConnected(MonoTime now, NodeId peer, bool connected) {
  raft_.PeerConnected(now, peer, connected);
  Drain(now);
}

void Replica::SnapshotSent(MonoTime now, NodeId peer, bool delivered) {
  raft_.SnapshotSent(now, peer, delivered);
  Drain(now);
}

void Replica::DiskStalled(MonoTime now, bool stalled) {
  raft_.DiskStalled(now, stalled);
  Drain(now);
}

void Replica::SnapshotSaved(const SnapshotMeta& meta) {
  saving_ = false;
  // A newer one may have come from the leader meanwhile.
  if (meta.index <= snapshot_index_) return;
  snapshot_index_ = meta.index;
  work_.compact = raft_.Compact(meta);
}

void Replica::SnapshotNotSaved() { saving_ = false; }

void Replica::Propose(MonoTime now, CallId call, MonoTime deadline,
                      std::optional<RequestId> request, Command command) {
  // Without the keeper's clock a command cannot be stamped: the leader's first own entry is not
  // applied yet, or somebody else leads.
  if (!keeper_) return Answer(call, Fate::kNotLeader, "", "this node does not lead");
  Envelope envelope{keeper_->Now(now), std::move(request), std::move(command)};
  if (absl::Status status = CheckEnvelope(envelope); !status.ok()) {
    return Answer(call, Fate::kInvalid, "", std::string(status.message()));
  }
  if (waiting_.size() >= kWaitingCallsMax) {
    return Answer(call, Fate::kBusy, "", "too many calls wait; send again later");
  }
  auto index = raft_.Propose(now, {MakePayload(EncodeCommand(envelope))});
  if (!index.ok()) return AnswerRefused(call, index.status());
  proposed_.emplace(*index, Proposed{call, soft_.term});
  Wait(call, deadline);
  // Not drained before TakeWork(): what is proposed in one turn leaves in one append.
}

void Replica::Read(MonoTime now, CallId call, MonoTime deadline) {
  KeepAlive(now, call, deadline, SessionId{});
}

void Replica::KeepAlive(MonoTime now, CallId call, MonoTime deadline, SessionId session) {
  if (session.value != 0 && !keeper_) {
    return Answer(call, Fate::kNotLeader, "", "this node does not lead");
  }
  const size_t bound = kWaitingCallsMax + (session.value == 0 ? 0 : kWaitingSignsMax);
  if (waiting_.size() >= bound) {
    return Answer(call, Fate::kBusy, "", "too many calls wait; send again later");
  }
  Wait(call, deadline, session);
  // While the lease holds nobody else can have committed anything; but what is committed here may
  // not be applied yet, and a follower may have shown it already.
  if (keeper_ && now < raft_.LeaseUntil()) {
    reads_.emplace(Broken(Rule::kReadsWaitForApply) ? applied_ : raft_.commit(), call);
    return AnswerReads(now);
  }
  gathered_.push_back(call);
}

void Replica::Change(MonoTime now, CallId call, MonoTime deadline, const ConfigChange& change) {
  auto index = raft_.ProposeChange(now, change);
  if (!index.ok()) return AnswerRefused(call, index.status());
  changes_.emplace(*index, Proposed{call, soft_.term});
  Wait(call, deadline);
  Drain(now);
}

void Replica::Transfer(MonoTime now, CallId call, MonoTime deadline, NodeId target) {
  if (absl::Status status = raft_.TransferTo(now, target); !status.ok()) {
    return AnswerRefused(call, status);
  }
  transfers_.push_back(call);
  Wait(call, deadline);
  Drain(now);
}

Work Replica::TakeWork(MonoTime now) {
  if (!gathered_.empty()) {
    raft_.Read(now, ++last_context_);
    rounds_.emplace(last_context_, std::exchange(gathered_, {}));
  }
  Drain(now);
  for (Event& event : machine_.TakeEvents()) work_.events.push_back(std::move(event));
  MaybeSnapshot();
  return std::exchange(work_, {});
}

std::optional<Leadership> Replica::leadership() const {
  if (!keeper_) return std::nullopt;
  return Leadership{soft_.term, machine_.epoch(), began_, raft_.LeaseUntil()};
}

std::optional<Token> Replica::leader_token() const {
  const bool known = soft_.leader != NodeId{} && applied_term_ == soft_.term && began_ > Index{0};
  return known ? std::make_optional(TokenAt(machine_.epoch(), began_)) : std::nullopt;
}

void Replica::Wait(CallId call, MonoTime deadline, SessionId session) {
  waiting_.emplace(call, Waiting{session, deadlines_.emplace(deadline, call)});
}

void Replica::Answer(CallId call, Fate fate, std::string answer, std::string detail) {
  if (auto found = waiting_.find(call); found != waiting_.end()) {
    deadlines_.erase(found->second.deadline);
    waiting_.erase(found);
  }
  work_.replies.push_back({call, fate, std::move(answer), std::move(detail)});
}

void Replica::AnswerRefused(CallId call, const absl::Status& status) {
  const Fate fate = absl::IsInvalidArgument(status) ? Fate::kInvalid
                    : soft_.role != Role::kLeader   ? Fate::kNotLeader
                                                    : Fate::kBusy;
  Answer(call, fate, "", std::string(status.message()));
}

void Replica::Drain(MonoTime now) {
  while (raft_.HasOutput() && failure_.ok()) {
    Output out = raft_.TakeOutput();
    if (out.changed) FollowRole(*out.changed);
    if (out.write) work_.writes.push_back(std::move(*out.write));
    std::move(out.messages.begin(), out.messages.end(), std::back_inserter(work_.messages));
    if (out.install) Install(*out.install);
    for (const Entry& entry : out.committed) Apply(now, entry);
    if (!out.committed.empty()) raft_.Applied(applied_);
    for (const ReadReady& ready : out.reads) TakeRead(ready);
  }
  AnswerReads(now);
}

}  // namespace z4j::consensus
