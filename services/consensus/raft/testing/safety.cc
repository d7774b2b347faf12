#include "services/consensus/raft/testing/safety.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace z4j::consensus {
namespace {

bool Same(const Entry& a, const Entry& b) {
  return a.term == b.term && a.kind == b.kind && *a.data == *b.data;
}

const Entry* Find(const TestDisk& log, Index index) {
  if (log.entries.empty() || index < log.entries.front().index ||
      index > log.entries.back().index) {
    return nullptr;
  }
  return &log.entries[index - log.entries.front().index];
}

}  // namespace

SafetyChecker::SafetyChecker(TestCluster& cluster) : cluster_(cluster) {
  cluster_.on_send = [this](const Message& message) { Sent(message); };
  cluster_.on_output = [this](uint64_t id, const Output& output) { Out(id, output); };
  for (uint64_t id : cluster_.ids()) Started(id);
}

void SafetyChecker::Started(uint64_t id) {
  const TestDisk& disk = cluster_.node(id).disk;
  logs_[id] = disk;
  newest_[id] = {disk.hard_state.term, Index{}};
}

void SafetyChecker::ReadAsked(uint64_t id, uint64_t context) {
  reads_[{id, context}] = committed();
}

// Whatever a message promises must be on the sender's disk when it leaves.
void SafetyChecker::Sent(const Message& message) {
  const uint64_t from = message.from.value;
  const TestDisk& disk = cluster_.node(from).disk;
  if (const auto* vote = std::get_if<VoteReply>(&message.body)) {
    if (vote->pre || !vote->granted) return;
    const auto [given, first] =
        votes_.try_emplace({message.from, message.incarnation, message.term}, message.to);
    if (given->second != message.to) {
      Violated(absl::StrCat(from, " voted twice in term ", message.term.value));
    }
    const bool durable =
        disk.hard_state.term > message.term ||
        (disk.hard_state.term == message.term && disk.hard_state.vote == message.to);
    if (!durable) Violated(absl::StrCat(from, " voted before its disk had the vote"));
  }
  if (const auto* reply = std::get_if<AppendReply>(&message.body)) {
    const Index last = disk.entries.empty() ? disk.snapshot.index : disk.entries.back().index;
    const bool same_term = disk.hard_state.term == message.term;
    if (disk.hard_state.term < message.term && !reply->rejected) {
      Violated(absl::StrCat(from, " acknowledged in a term that its disk does not have"));
    }
    if (!reply->rejected && same_term && std::max(last, disk.snapshot.index) < reply->match) {
      Violated(absl::StrCat(from, " acknowledged ", reply->match.value, " with ", last.value,
                            " on its disk"));
    }
  }
}

void SafetyChecker::Out(uint64_t id, const Output& output) {
  if (output.write.has_value()) logs_[id].Apply(*output.write);
  for (const Entry& entry : output.committed) {
    const auto [known, first] = committed_.try_emplace(entry.index, entry);
    if (!Same(known->second, entry)) {
      Violated(absl::StrCat(id, " applies another entry at ", entry.index.value));
    }
    const Entry* durable = Find(cluster_.node(id).disk, entry.index);
    const bool in_snapshot = entry.index <= cluster_.node(id).disk.snapshot.index;
    if (!in_snapshot && (durable == nullptr || !Same(*durable, entry))) {
      Violated(absl::StrCat(id, " applies ", entry.index.value, " before its disk has it"));
    }
  }
  if (output.changed.has_value() && output.changed->role == Role::kLeader) {
    BecameLeader(id, output.changed->term);
  }
  for (const ReadReady& read : output.reads) {
    const auto asked = reads_.find({id, read.context});
    if (asked != reads_.end() && read.index.has_value() && *read.index < asked->second) {
      Violated(absl::StrCat(id, " reads at ", read.index->value, " what was committed at ",
                            asked->second.value));
    }
  }
}

void SafetyChecker::BecameLeader(uint64_t id, Term term) {
  const auto [known, first] = leaders_.try_emplace(term, id);
  if (known->second != id) Violated(absl::StrCat("two leaders in term ", term.value));
  for (const auto& [index, entry] : committed_) {
    if (index <= logs_[id].snapshot.index) continue;
    const Entry* mine = Find(logs_[id], index);
    if (mine != nullptr && Same(*mine, entry)) continue;
    Violated(absl::StrCat("leader ", id, " of term ", term.value, " lacks ", index.value));
    return;
  }
}

void SafetyChecker::CheckNow() {
  std::vector<uint64_t> leased;
  Term newest_leader;
  for (uint64_t id : cluster_.ids()) {
    if (cluster_.node(id).raft == nullptr) continue;
    const RaftStatus status = cluster_.status(id);
    if (status.soft.role == Role::kLeader) {
      newest_leader = std::max(newest_leader, status.soft.term);
    }
    auto& [term, commit] = newest_[id];
    if (status.soft.role == Role::kLeader && status.commit > commit) CheckDurable(id, status);
    if (status.soft.term < term || status.commit < commit) {
      Violated(absl::StrCat(id, "'s term or commit index moved back"));
    }
    term = status.soft.term;
    commit = status.commit;
    if (status.commit > status.last || status.applied > status.commit) {
      Violated(absl::StrCat(id, "'s applied <= commit <= last does not hold"));
    }
    if (cluster_.raft(id).LeaseUntil() > cluster_.now()) leased.push_back(id);
  }
  if (leased.size() > 1) Violated("two leaders hold a lease");
  if (leased.size() == 1 && cluster_.status(leased[0]).soft.term < newest_leader) {
    Violated(absl::StrCat(leased[0], " holds a lease while a later leader is elected"));
  }
}

// What a leader takes for committed is on the disks of a majority.  Looked at while no change of
// membership is under way: an entry was committed by the majority of its own time.
void SafetyChecker::CheckDurable(uint64_t id, const RaftStatus& status) {
  const SnapshotMeta at = cluster_.raft(id).MetaAt(status.commit);
  if (at.config != status.config) return;
  for (const std::set<NodeId>* voters : {&status.config.voters, &status.config.outgoing}) {
    size_t have = 0;
    for (NodeId voter : *voters) {
      const TestDisk& disk = cluster_.node(voter.value).disk;
      const Entry* entry = Find(disk, status.commit);
      const bool same = entry != nullptr && entry->term == at.term;
      // What was acknowledged by a node that lost its directory since is not held against anyone.
      const Incarnation known = at.config.members.at(voter).incarnation;
      const bool lost = known.value != 0 && known != cluster_.node(voter.value).options.incarnation;
      if (same || lost || disk.snapshot.index >= status.commit) ++have;
    }
    if (voters->empty() || 2 * have > voters->size()) continue;
    Violated(absl::StrCat(id, " commits ", status.commit.value, ", which ", have, " of ",
                          voters->size(), " have on their disks"));
  }
}

void SafetyChecker::CheckLogs() {
  for (const auto& [a, log_a] : logs_) {
    for (const auto& [b, log_b] : logs_) {
      if (b <= a) continue;
      bool same = true;  // From the end: once equal, all before must be equal.
      bool met = false;
      for (auto entry = log_a.entries.rbegin(); entry != log_a.entries.rend(); ++entry) {
        const Entry* other = Find(log_b, entry->index);
        if (other == nullptr) continue;
        met |= other->term == entry->term;
        if (met) same &= Same(*entry, *other);
      }
      if (!same) Violated(absl::StrCat("the logs of ", a, " and ", b, " do not match"));
    }
  }
}

}  // namespace z4j::consensus
