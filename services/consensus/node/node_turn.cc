#include <algorithm>
#include <utility>

#include "services/base/log.h"
#include "services/consensus/node/node.h"

// The core thread: one turn after the other.
namespace z4j::consensus {

void Node::Run() {
  const MonoTime begun = clock_.MonoNow();
  Settle(begun);
  EndTurn(begun);
  while (failure_.ok()) {
    const MonoTime due = NextTurn();
    std::vector<Input> inputs = inbox_.TakeAll(due - clock_.MonoNow());
    const MonoTime now = clock_.MonoNow();
    if (inbox_.closed()) {
      Refuse(std::move(inputs));
      break;
    }
    // What came in while this thread stood still counts before the time that passed: a follower
    // that has a heartbeat does not campaign.
    for (Input& input : inputs) {
      std::visit([&](auto& one) { Take(std::move(one), now); }, input);
    }
    WatchDisk(now);
    if (now >= replica_->NextTick()) replica_->Tick(now);
    Settle(now);
    EndTurn(std::min(due, now));
  }
  Finish();
}

// What was due at `due` is done only now.
void Node::EndTurn(MonoTime due) {
  const MonoTime now = clock_.MonoNow();
  const MonoTime next = NextTurn();
  absl::MutexLock lock(&mu_);
  stalls_.Add(now, now - due);
  next_turn_ = next;
  unsynced_since_ = unsynced_.empty() ? std::nullopt : std::make_optional(unsynced_.front().since);
}

MonoTime Node::NextTurn() const {
  const MonoTime tick = replica_->NextTick();
  if (unsynced_.empty() || disk_stalled_) return tick;
  return std::min(tick, unsynced_.front().since + election_timeout_ / 2);
}

void Node::Take(Message message, MonoTime now) {
  const NodeId from = message.from;
  const Incarnation incarnation = message.incarnation;
  if (replica_->Step(now, std::move(message)).ok()) return;
  ++messages_refused_;
  NoteStranger(from, incarnation);
}

void Node::NoteStranger(NodeId from, Incarnation incarnation) {
  const auto member = peers_.find(from);
  if (member == peers_.end() || member->second.incarnation.value == 0 ||
      member->second.incarnation == incarnation || !strangers_.insert(from).second) {
    return;
  }
  LogWarning("a member has lost its directory and does not count; remove it and add it again",
             {{"node", from.value}, {"address", member->second.address}});
}

void Node::Take(Call call, MonoTime now) {
  const CallId id{++last_call_};
  if (call.fills_disk && disk_full_) {
    return call.done({id, Fate::kBusy, "", "the disk is full; nothing is written until it is not"},
                     *replica_);
  }
  calls_.emplace(id.value, std::move(call.done));
  call.begin(*replica_, now, id);
}

void Node::Take(Happening happening, MonoTime now) { happening(*replica_, now); }

// A leader whose disk stands still commits nothing and would lead on, its heartbeats being
// answered.
void Node::WatchDisk(MonoTime now) {
  const bool stalled = !unsynced_.empty() && now >= unsynced_.front().since + election_timeout_ / 2;
  if (stalled == disk_stalled_) return;
  disk_stalled_ = stalled;
  if (stalled) {
    LogWarning("the disk does not keep up");
  } else {
    LogInfo("the disk keeps up again");
  }
  replica_->DiskStalled(now, stalled);
}

void Node::Settle(MonoTime now) {
  Work work = replica_->TakeWork(now);
  if (failure_.ok()) failure_ = replica_->failure();
  if (!failure_.ok()) return;
  // Before the messages: one of them may end the lease.
  RaftStatus raft = replica_->status();
  if (raft.config.members != peers_) TellPeers(raft.config.members);
  Publish(std::move(raft));
  Send(std::move(work.messages));
  if (!work.writes.empty()) unsynced_.push_back({work.writes.back().seq, now});
  if (!work.writes.empty() || work.compact) disk_.Put(std::move(work.writes), work.compact);
  if (work.save) snapshots_.Save(*std::move(work.save));

  const std::optional<Leadership> leadership = replica_->leadership();
  const auto term = leadership ? std::make_optional(leadership->term) : std::nullopt;
  if (std::exchange(leading_, term) != term && listeners_.on_leadership) {
    listeners_.on_leadership(leadership);
  }
  const Index applied = replica_->machine().applied();
  const bool moved = std::exchange(told_, applied) != applied;
  if ((moved || !work.events.empty()) && listeners_.on_events) {
    listeners_.on_events(work.events, replica_->machine());
  }
  for (const CallResult& result : work.replies) Answer(result);
}

void Node::Publish(RaftStatus raft) {
  NodeStatus status = {.raft = std::move(raft),
                       .disk_full = disk_full_,
                       .disk_stalled = disk_stalled_,
                       .waiting_calls = calls_.size(),
                       .bytes_used = disk_.bytes_used(),
                       .epoch = replica_->machine().epoch(),
                       .leader_token = replica_->leader_token(),
                       .messages_refused = messages_refused_,
                       .strangers = strangers_};
  absl::MutexLock lock(&mu_);
  status_ = std::move(status);
  leadership_ = replica_->leadership();
}

void Node::TellPeers(const std::map<NodeId, Member>& members) {
  std::erase_if(strangers_, [&](NodeId id) {
    const auto member = members.find(id);
    return member == members.end() || member->second != peers_[id];
  });
  peers_ = members;
  std::map<NodeId, std::string> addresses;
  for (const auto& [id, member] : members) addresses[id] = member.address;
  transport_.SetPeers(addresses);
}

void Node::Send(std::vector<Message> messages) {
  const auto bytes_needed = [](const Message& message) {
    return std::holds_alternative<InstallSnapshot>(message.body);
  };
  for (Message& message : messages) {
    if (bytes_needed(message)) snapshots_.Send(std::move(message));
  }
  std::erase_if(messages, bytes_needed);
  if (!messages.empty()) transport_.Send(std::move(messages));
}

void Node::Answer(const CallResult& result) {
  auto call = calls_.extract(result.call.value);
  if (!call.empty()) call.mapped()(result, *replica_);
}

void Node::Refuse(std::vector<Input> inputs) {
  for (Input& input : inputs) {
    auto* call = std::get_if<Call>(&input);
    if (call == nullptr) continue;
    call->done({CallId{++last_call_}, Fate::kNotLeader, "", "the node stops"}, *replica_);
  }
}

void Node::Finish() {
  inbox_.Close();
  Refuse(inbox_.TakeAll(absl::ZeroDuration()));
  {
    absl::MutexLock lock(&mu_);
    leadership_.reset();
    status_.raft.soft = {Role::kFollower, status_.raft.soft.term, NodeId{}};
    status_.raft.lease_until.reset();
  }
  if (leading_ && listeners_.on_leadership) listeners_.on_leadership(std::nullopt);
  for (auto& [id, done] : std::exchange(calls_, {})) {
    done({CallId{id}, Fate::kUnknown, "", "the node stops"}, *replica_);
  }
  if (failure_.ok()) return;
  LogError("the node cannot go on", {{"status", failure_.ToString()}});
  if (listeners_.on_fatal) listeners_.on_fatal(failure_);
}

}  // namespace z4j::consensus
