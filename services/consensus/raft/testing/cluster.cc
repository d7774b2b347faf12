#include "services/consensus/raft/testing/cluster.h"

#include <algorithm>

#include "services/base/check.h"

namespace z4j::consensus {

void TestDisk::Apply(const Write& write) {
  if (write.hard_state.has_value()) hard_state = *write.hard_state;
  if (write.snapshot.has_value()) {
    snapshot = *write.snapshot;
    entries.clear();
  }
  if (write.truncate_from.has_value()) {
    std::erase_if(entries, [&](const Entry& entry) { return entry.index >= *write.truncate_from; });
  }
  for (const Entry& entry : write.entries) {
    const Index last = entries.empty() ? snapshot.index : entries.back().index;
    Z4J_CHECK(entry.index == last + 1);
    entries.push_back(entry);
  }
}

void TestDisk::DropBefore(Index first) {
  std::erase_if(entries, [&](const Entry& entry) { return entry.index < first; });
}

TestCluster::TestCluster(int voters, std::function<void(RaftOptions&)> adjust, uint64_t seed)
    : adjust_(std::move(adjust)), seed_(seed), now_{absl::Seconds(1000)} {
  for (int id = 1; id <= voters; ++id) {
    first_config_.voters.insert(NodeId{static_cast<uint64_t>(id)});
    first_config_.members[NodeId{static_cast<uint64_t>(id)}] = {"node-" + std::to_string(id), {}};
  }
  for (int id = 1; id <= voters; ++id) {
    AddNode(id).disk.snapshot.config = first_config_;
    Start(id);
  }
}

std::vector<uint64_t> TestCluster::ids() const {
  std::vector<uint64_t> ids;
  for (const auto& [id, node] : nodes_) ids.push_back(id.value);
  return ids;
}

TestNode& TestCluster::AddNode(uint64_t id, Incarnation incarnation) {
  TestNode& node = nodes_[NodeId{id}];
  node = TestNode();
  node.options.cluster = {77};
  node.options.id = {id};
  node.options.incarnation = incarnation;
  node.options.election_timeout = kTestTimeout;
  if (adjust_) adjust_(node.options);
  return node;
}

void TestCluster::Start(uint64_t id) {
  TestNode& started = node(id);
  Z4J_CHECK(started.raft == nullptr);
  started.options.seed = ++seed_ * 1000 + id;
  Recovered found{started.disk.hard_state, started.disk.snapshot, started.disk.entries,
                  started.damaged};
  started.raft = std::make_unique<Raft>(started.options, std::move(found), now_);
  started.applied.clear();
  started.applied_to = started.disk.snapshot.index;
}

void TestCluster::Crash(uint64_t id, size_t writes_kept) {
  TestNode& stopped = node(id);
  for (const Write& write : stopped.unsynced) {
    if (writes_kept-- == 0) break;
    stopped.disk.Apply(write);
  }
  stopped.unsynced.clear();
  stopped.raft.reset();
  stopped.reads.clear();
}

void TestCluster::Run(absl::Duration by) {
  const MonoTime end = now_ + by;
  while (now_ < end) {
    now_ = std::min(end, now_ + absl::Milliseconds(5));
    for (auto& [id, node] : nodes_) {
      if (node.raft != nullptr && node.raft->NextTick() <= now_) node.raft->Tick(now_);
    }
    Settle();
  }
}

void TestCluster::Isolate(uint64_t id) {
  for (uint64_t other : ids()) {
    Cut(id, other);
    Cut(other, id);
  }
}

void TestCluster::Deliver(Message message) {
  const bool lost = cut_.contains({message.from, message.to}) || (passes_ && !passes_(message));
  auto target = nodes_.find(message.to);
  const bool arrives = !lost && target != nodes_.end() && target->second.raft != nullptr;
  const bool snapshot = std::holds_alternative<InstallSnapshot>(message.body);
  const NodeId from = message.from;
  const NodeId to = message.to;
  if (arrives) (void)target->second.raft->Step(now_, std::move(message));
  if (snapshot && nodes_.at(from).raft != nullptr) {
    nodes_.at(from).raft->SnapshotSent(now_, to, arrives);
  }
}

void TestCluster::Pump(uint64_t id) {
  TestNode& pumped = node(id);
  Raft& raft = *pumped.raft;
  while (raft.HasOutput()) {
    Output output = raft.TakeOutput();
    if (on_output) on_output(id, output);
    for (Message& message : output.messages) {
      if (on_send) on_send(message);
      network_.push_back(std::move(message));
    }
    if (output.write.has_value()) {
      pumped.unsynced.push_back(*std::move(output.write));
      if (!pumped.slow_disk) Persist(pumped, SIZE_MAX);
    }
    if (output.install.has_value()) {
      pumped.applied.clear();
      pumped.applied_to = output.install->index;
    }
    for (Entry& entry : output.committed) {
      Z4J_CHECK(entry.index == pumped.applied_to + 1);
      pumped.applied_to = entry.index;
      pumped.applied.push_back(std::move(entry));
    }
    raft.Applied(pumped.applied_to);
    for (ReadReady& read : output.reads) pumped.reads.push_back(read);
  }
}

void TestCluster::Settle() {
  for (;;) {
    for (auto& [id, node] : nodes_) {
      if (node.raft != nullptr) Pump(id.value);
    }
    if (network_.empty()) return;
    Message message = std::move(network_.front());
    network_.pop_front();
    Deliver(std::move(message));
  }
}

void TestCluster::Persist(TestNode& node, size_t writes) {
  while (!node.unsynced.empty() && writes-- > 0) {
    node.disk.Apply(node.unsynced.front());
    const uint64_t seq = node.unsynced.front().seq;
    node.unsynced.pop_front();
    node.raft->Persisted(now_, seq);
  }
}

void TestCluster::Persist(uint64_t id, size_t writes) { Persist(node(id), writes); }

void TestCluster::Elect(uint64_t id) {
  Settle();
  Advance(2 * kTestTimeout);  // Nobody remembers a leader.
  raft(id).Campaign(now_);
  Settle();
}

std::optional<uint64_t> TestCluster::LeaderId() {
  std::optional<uint64_t> leader;
  Term term;
  for (auto& [id, node] : nodes_) {
    if (node.raft == nullptr) continue;
    const SoftState soft = node.raft->Status().soft;
    if (soft.role != Role::kLeader || soft.term < term) continue;
    leader = id.value;
    term = soft.term;
  }
  return leader;
}

Index TestCluster::Propose(uint64_t id, const std::string& command) {
  auto index = raft(id).Propose(now_, {MakePayload(command)});
  Z4J_CHECK(index.ok());
  return *index;
}

void TestCluster::Compact(uint64_t id) {
  TestNode& compacted = node(id);
  const SnapshotMeta meta = compacted.raft->MetaAt(compacted.applied_to);
  const Index first = compacted.raft->Compact(meta);
  compacted.disk.snapshot = meta;
  compacted.disk.DropBefore(first);
}

uint64_t TestCluster::Read(uint64_t id) {
  const uint64_t context = node(id).next_context++;
  raft(id).Read(now_, context);
  return context;
}

std::vector<std::string> TestCluster::Commands(uint64_t id) {
  std::vector<std::string> commands;
  for (const Entry& entry : node(id).applied) {
    if (entry.kind == EntryKind::kCommand) commands.push_back(*entry.data);
  }
  return commands;
}

}  // namespace z4j::consensus
