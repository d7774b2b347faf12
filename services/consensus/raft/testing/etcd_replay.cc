#include "services/consensus/raft/testing/etcd_replay.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "services/base/check.h"

namespace z4j::consensus {
namespace {

// etcd counts three ticks to an election timeout.
constexpr absl::Duration kTick = absl::Milliseconds(40);
const absl::Duration kElection = 3 * kTick;

uint64_t NumberOf(absl::string_view text) {
  uint64_t number = 0;
  Z4J_CHECK(absl::SimpleAtoi(text, &number));
  return number;
}

std::vector<NodeId> IdsOf(const std::vector<std::string>& words) {
  std::vector<NodeId> ids;
  for (const std::string& word : words) ids.push_back(NodeId{NumberOf(word)});
  return ids;
}

std::vector<std::string> ValuesOf(const Directive& directive, const std::string& key) {
  const auto found = directive.arguments.find(key);
  return found == directive.arguments.end() ? std::vector<std::string>() : found->second;
}

bool IsSet(const Directive& directive, const std::string& key) {
  return ValuesOf(directive, key) == std::vector<std::string>{"true"};
}

// etcd's name for a message.
std::string TypeOf(const Message& message) {
  if (const auto* append = std::get_if<AppendRequest>(&message.body)) {
    return append->entries.empty() ? "MsgHeartbeat" : "MsgApp";
  }
  const char* const names[] = {"MsgVote",      "MsgVoteResp",     "",
                               "MsgAppResp",   "MsgSnap",         "MsgTimeoutNow",
                               "MsgReadIndex", "MsgReadIndexResp"};
  return names[message.body.index()];
}

bool IsPreVote(const Message& message) {
  const auto* request = std::get_if<VoteRequest>(&message.body);
  const auto* reply = std::get_if<VoteReply>(&message.body);
  return (request != nullptr && request->pre) || (reply != nullptr && reply->pre);
}

}  // namespace

bool EtcdReplay::Run(const Directive& directive) {
  const std::string& command = directive.command;
  const std::vector<std::string>& words = directive.words;
  accepted_ = true;
  if (command == "log-level" || command == "raft-state" || command == "raft-log" ||
      command == "status" || command == "set-randomized-election-timeout" ||
      command == "process-apply-thread") {
    return true;  // Entries are applied at once, and only directives let time pass.
  }
  if (command == "add-nodes") {
    AddNodes(directive);
  } else if (command == "campaign") {
    Campaign(NodeId{NumberOf(words[0])});
  } else if (command == "propose") {
    Node& leader = LeaderFor(NodeId{NumberOf(words[0])});
    accepted_ = leader.raft->Propose(leader.now, {MakePayload(words[1])}).ok();
  } else if (command == "propose-conf-change") {
    return ChangeMembers(directive);
  } else if (command == "process-ready") {
    for (NodeId id : IdsOf(words)) Pump(id);
  } else if (command == "process-append-thread") {
    Persist(NodeId{NumberOf(words[0])});
    Pump(NodeId{NumberOf(words[0])});
  } else if (command == "stabilize") {
    Stabilize(IdsOf(words));
  } else if (command == "deliver-msgs") {
    DeliverSome(directive);
  } else if (command == "tick-heartbeat") {
    Tick(NodeId{NumberOf(words[0])}, 1);
  } else if (command == "tick-election") {
    Tick(NodeId{NumberOf(words[0])}, 3);
  } else if (command == "compact") {
    Compact(NodeId{NumberOf(words[0])}, Index{NumberOf(words[1])});
  } else if (command == "send-snapshot") {
    SendSnapshot(NodeId{NumberOf(words[0])}, NodeId{NumberOf(words[1])});
  } else if (command == "report-unreachable") {
    Node& node = nodes_.at(NodeId{NumberOf(words[0])});
    node.raft->PeerConnected(node.now, NodeId{NumberOf(words[1])}, false);
  } else {
    return false;
  }
  return true;
}

void EtcdReplay::AddNodes(const Directive& directive) {
  check_quorum_ |= IsSet(directive, "checkquorum");
  pre_vote_ |= IsSet(directive, "prevote");
  own_disk_thread_ |= IsSet(directive, "async-storage-writes");
  Recovered found;
  for (const std::string& id : ValuesOf(directive, "voters")) {
    found.snapshot.config.voters.insert(NodeId{NumberOf(id)});
    found.snapshot.config.members[NodeId{NumberOf(id)}] = {};
  }
  for (const std::string& id : ValuesOf(directive, "learners")) {
    found.snapshot.config.learners.insert(NodeId{NumberOf(id)});
    found.snapshot.config.members[NodeId{NumberOf(id)}] = {};
  }
  for (const std::string& index : ValuesOf(directive, "index")) {
    found.snapshot.index = Index{NumberOf(index)};
    found.snapshot.term = Term{1};
    found.snapshot.config_index = found.snapshot.index;
  }
  for (uint64_t n = NumberOf(directive.words[0]); n > 0; --n) {
    RaftOptions options;
    options.cluster = {1};
    options.id = NodeId{nodes_.size() + 1};
    options.election_timeout = kElection;
    options.heartbeat_interval = kElection / 4;
    options.limits.tail_entries = 0;
    options.limits.lag_entries = 0;
    for (const std::string& window : ValuesOf(directive, "inflight")) {
      options.limits.inflight_messages = NumberOf(window);
    }
    Node& node = nodes_[options.id];
    node.now = {absl::Seconds(1)};
    node.raft = std::make_unique<Raft>(options, found, node.now);
    node.now = node.now + 2 * kElection;  // Whatever it promised before its start is over.
    node.disk.hard_state = found.hard_state;
    node.disk.snapshot = found.snapshot;
    node.applied = found.snapshot.index;
  }
}

// A follower's callers ask its leader.
EtcdReplay::Node& EtcdReplay::LeaderFor(NodeId id) {
  const NodeId leader = nodes_.at(id).raft->Status().soft.leader;
  return nodes_.at(nodes_.contains(leader) ? leader : id);
}

bool EtcdReplay::ChangeMembers(const Directive& directive) {
  const std::vector<std::string> transition = ValuesOf(directive, "transition");
  if (!transition.empty() && transition[0] != "auto") return false;
  ConfigChange change;
  for (absl::string_view token :
       absl::StrSplit(directive.input, absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
    const ConfigStep::Kind kind = token[0] == 'v'   ? ConfigStep::Kind::kAddVoter
                                  : token[0] == 'l' ? ConfigStep::Kind::kAddLearner
                                  : token[0] == 'r' ? ConfigStep::Kind::kRemove
                                                    : ConfigStep::Kind::kUpdate;
    change.steps.push_back({kind, NodeId{NumberOf(token.substr(1))}, {}});
  }
  Node& leader = LeaderFor(NodeId{NumberOf(directive.words[0])});
  accepted_ = leader.raft->ProposeChange(leader.now, change).ok();
  return true;
}

void EtcdReplay::Campaign(NodeId id) {
  Node& candidate = nodes_.at(id);
  candidate.raft->Campaign(candidate.now);
  if (pre_vote_) return;
  Pump(id);
  std::deque<Message> others;
  std::vector<Message> requests;
  for (Message& message : std::exchange(network_, {})) {
    (IsPreVote(message) ? requests.push_back(std::move(message))
                        : others.push_back(std::move(message)));
  }
  network_ = std::move(others);
  for (const Message& request : requests) {
    if (!nodes_.contains(request.to)) continue;
    Node& voter = nodes_.at(request.to);
    Forget(voter, request);
    voter.raft->Step(voter.now, request).IgnoreError();
    Pump(request.to);
    for (const Message& reply : TakeFor(id, IsPreVote)) {
      candidate.raft->Step(candidate.now, reply).IgnoreError();
    }
  }
}

void EtcdReplay::Compact(NodeId id, Index to) {
  Node& node = nodes_.at(id);
  const SnapshotMeta meta = node.raft->MetaAt(std::min(to, node.applied));
  node.disk.DropBefore(node.raft->Compact(meta));
  node.disk.snapshot = meta;
}

void EtcdReplay::SendSnapshot(NodeId from, NodeId to) {
  Node& node = nodes_.at(from);
  network_.push_back({ClusterId{1},
                      from,
                      {},
                      to,
                      node.raft->Status().soft.term,
                      InstallSnapshot{node.raft->MetaAt(node.applied), 0}});
}

void EtcdReplay::Tick(NodeId id, int times) {
  Node& node = nodes_.at(id);
  for (int i = 0; i < times; ++i) {
    node.now = node.now + kTick;
    node.raft->Tick(node.now);
  }
}

void EtcdReplay::DeliverSome(const Directive& directive) {
  const std::vector<std::string> types = ValuesOf(directive, "type");
  auto wanted = [&](const Message& message) {
    return types.empty() || TypeOf(message) == types[0];
  };
  for (NodeId id : IdsOf(directive.words)) {
    for (const Message& message : TakeFor(id, wanted)) Deliver(message);
  }
  for (NodeId id : IdsOf(ValuesOf(directive, "drop"))) TakeFor(id, wanted);
}

void EtcdReplay::Stabilize(std::vector<NodeId> ids) {
  if (ids.empty()) {
    for (const auto& [id, node] : nodes_) ids.push_back(id);
  }
  for (bool moved = true; moved;) {
    moved = false;
    for (NodeId id : ids) {
      while (!nodes_.at(id).unsynced.empty()) {
        Persist(id);
        moved = true;
      }
    }
    for (NodeId id : ids) {
      moved = moved || nodes_.at(id).raft->HasOutput();
      Pump(id);
    }
    for (NodeId id : ids) {
      for (const Message& message : TakeFor(id, [](const Message&) { return true; })) {
        Deliver(message);
        moved = true;
      }
    }
  }
}

void EtcdReplay::Pump(NodeId id) {
  Node& node = nodes_.at(id);
  while (node.raft->HasOutput()) {
    Output output = node.raft->TakeOutput();
    std::move(output.messages.begin(), output.messages.end(), std::back_inserter(network_));
    if (output.install.has_value()) node.applied = output.install->index;
    if (!output.committed.empty()) node.applied = output.committed.back().index;
    node.raft->Applied(node.applied);
    if (!output.write.has_value()) continue;
    node.unsynced.push_back(*std::move(output.write));
    if (!own_disk_thread_) Persist(id);
  }
}

// The oldest write reaches the disk.
void EtcdReplay::Persist(NodeId id) {
  Node& node = nodes_.at(id);
  if (node.unsynced.empty()) return;
  const Write write = std::move(node.unsynced.front());
  node.unsynced.pop_front();
  node.disk.Apply(write);
  node.raft->Persisted(node.now, write.seq);
}

// Without check-quorum a voter does not care when it heard a leader last.
void EtcdReplay::Forget(Node& voter, const Message& message) const {
  const auto* request = std::get_if<VoteRequest>(&message.body);
  if (check_quorum_ || request == nullptr) return;
  // A leader whose term is still the newest is not to lose its quorum by being asked.
  const SoftState soft = voter.raft->Status().soft;
  if (request->pre && soft.role == Role::kLeader && message.term == soft.term.Next()) return;
  voter.now = voter.now + kElection;
}

void EtcdReplay::Deliver(const Message& message) {
  Node& node = nodes_.at(message.to);
  Forget(node, message);
  node.raft->Step(node.now, message).IgnoreError();
}

std::vector<Message> EtcdReplay::TakeFor(NodeId to,
                                         const std::function<bool(const Message&)>& wanted) {
  std::vector<Message> taken;
  std::deque<Message> others;
  for (Message& message : network_) {
    const bool take = message.to == to && wanted(message);
    take ? taken.push_back(std::move(message)) : others.push_back(std::move(message));
  }
  network_ = std::move(others);
  return taken;
}

}  // namespace z4j::consensus
