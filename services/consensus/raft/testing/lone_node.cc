#include "services/consensus/raft/testing/lone_node.h"

#include <string>

namespace z4j::consensus {

Config VotersUpTo(int n) {
  Config config;
  for (int id = 1; id <= n; ++id) {
    config.voters.insert(NodeId{static_cast<uint64_t>(id)});
    config.members[NodeId{static_cast<uint64_t>(id)}] = {"node-" + std::to_string(id), {}};
  }
  return config;
}

Entry EntryAt(uint64_t index, uint64_t term) {
  return {{term}, {index}, EntryKind::kCommand, MakePayload(std::to_string(index))};
}

Entry ConfigEntryAt(uint64_t index, uint64_t term, const Config& config) {
  return {{term}, {index}, EntryKind::kConfig, MakePayload(EncodeConfig(config))};
}

std::vector<Entry> EntriesOf(const std::vector<uint64_t>& terms) {
  std::vector<Entry> entries;
  for (uint64_t term : terms) entries.push_back(EntryAt(entries.size() + 1, term));
  return entries;
}

LoneNode::LoneNode(LoneSetup setup) {
  RaftOptions options;
  options.cluster = {77};
  options.id = {1};
  options.incarnation = setup.incarnation;
  options.election_timeout = kTestTimeout;
  options.seed = 5;
  options.limits = setup.limits;
  Recovered found = std::move(setup.found);
  if (found.snapshot.index.value == 0 && found.entries.empty()) {
    found.entries = EntriesOf(setup.log);
  }
  if (found.snapshot.config.members.empty()) found.snapshot.config = VotersUpTo(setup.voters);
  found.hard_state = {{setup.term}, setup.vote, {setup.commit}};
  raft_ = std::make_unique<Raft>(options, std::move(found), now_);
}

absl::Status LoneNode::Step(uint64_t from, uint64_t term, MessageBody body,
                            Incarnation incarnation) {
  return raft_->Step(now_, {{77}, {from}, incarnation, {1}, {term}, std::move(body)});
}

std::vector<Message> LoneNode::Sent() {
  std::vector<Message> sent;
  while (raft_->HasOutput()) {
    Output output = raft_->TakeOutput();
    if (output.write.has_value()) {
      writes.push_back(*output.write);
      if (!slow_disk) raft_->Persisted(now_, output.write->seq);
    }
    for (Message& message : output.messages) {
      if (const auto* append = std::get_if<AppendRequest>(&message.body)) {
        newest_append[message.to] = *append;
      }
      sent.push_back(std::move(message));
    }
    committed.insert(committed.end(), output.committed.begin(), output.committed.end());
    reads.insert(reads.end(), output.reads.begin(), output.reads.end());
    if (!committed.empty()) raft_->Applied(committed.back().index);
  }
  return sent;
}

void LoneNode::Persist() {
  if (!writes.empty()) raft_->Persisted(now_, writes.back().seq);
}

void LoneNode::BecomeLeader() {
  Advance(2 * kTestTimeout);
  const uint64_t term = status().soft.term.value + 1;
  raft_->Campaign(now_);
  Sent();
  (void)Step(2, term, VoteReply{/*pre=*/true, /*granted=*/true});
  Sent();
  Persist();
  (void)Step(2, term, VoteReply{/*pre=*/false, /*granted=*/true});
  Sent();
}

absl::Status LoneNode::Acknowledge(uint64_t from, uint64_t match) {
  AppendReply reply;
  reply.match = {match};
  reply.send_id = newest_append[NodeId{from}].send_id;
  reply.read_context = newest_append[NodeId{from}].read_context;
  return Step(from, status().soft.term.value, reply);
}

}  // namespace z4j::consensus
