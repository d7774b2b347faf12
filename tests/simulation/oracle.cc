#include "tests/simulation/oracle.h"

#include <algorithm>
#include <string_view>
#include <variant>

#include "absl/strings/str_cat.h"

namespace z4j::simulation {
namespace {

// FNV-1a: the same on every machine, unlike std::hash.
uint64_t HashOf(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

}  // namespace

void Oracle::Fail(std::string breach) {
  if (!breach_.empty()) return;
  breach_ = std::move(breach);
  world_.Tell([&] { return absl::StrCat("BREACH  ", breach_); });
}

void Oracle::Durable(NodeId node, const std::vector<Write>& writes) {
  Disk& disk = disks_[node];
  for (const Write& write : writes) {
    if (write.hard_state) {
      if (write.hard_state->term < disk.term) {
        Fail(absl::StrCat("the term of node ", node.value, " went back on its disk"));
      }
      disk.term = write.hard_state->term;
      disk.vote = write.hard_state->vote;
    }
    if (write.snapshot) disk.last = std::max(disk.last, write.snapshot->index);
    if (write.truncate_from) disk.last = std::min(disk.last, *write.truncate_from - 1);
    if (!write.entries.empty()) disk.last = write.entries.back().index;
  }
}

void Oracle::Recovered(NodeId node, const consensus::Recovered& found) {
  Disk& disk = disks_[node];
  if (!found.damaged && found.hard_state.term < disk.term) {
    Fail(absl::StrCat("node ", node.value, " lost its term in a crash"));
  }
  disk.term = found.hard_state.term;
  disk.vote = found.hard_state.vote;
  terms_[node] = disk.term;  // A term that nothing was promised in may be forgotten.
  disk.last = found.entries.empty() ? found.snapshot.index : found.entries.back().index;
}

void Oracle::Sent(NodeId node, const Message& message) {
  const Disk& disk = disks_[node];
  if (const auto* vote = std::get_if<VoteReply>(&message.body)) {
    if (!vote->granted || vote->pre) return;
    auto [earlier, first] = votes_.try_emplace({node, message.term}, message.to);
    if (!first && earlier->second != message.to) {
      Fail(absl::StrCat("node ", node.value, " voted twice in term ", message.term.value));
    }
    // By now the disk may be in a later term; then the vote was on it before.
    if (disk.term < message.term || (disk.term == message.term && disk.vote != message.to)) {
      Fail(absl::StrCat("node ", node.value, " promised a vote that its disk does not have"));
    }
  }
  if (const auto* reply = std::get_if<AppendReply>(&message.body)) {
    // What was acknowledged in an older term may have been on the disk and cut off since.
    if (!reply->rejected && reply->match > disk.last && message.term >= disk.term) {
      Fail(absl::StrCat("node ", node.value, " acknowledged ", reply->match.value,
                        ", and its disk ends at ", disk.last.value));
    }
  }
}

void Oracle::Applied(NodeId node, const Entry& entry, const CoordinationMachine* machine) {
  const uint64_t hash = HashOf(*entry.data) + static_cast<uint64_t>(entry.kind);
  world_.Trace(hash);
  auto [decided, first] = log_.try_emplace(entry.index, Decided{entry.term, hash});
  if (!first && (decided->second.term != entry.term || decided->second.data_hash != hash)) {
    Fail(absl::StrCat("node ", node.value, " applied another entry at ", entry.index.value));
  }
  if (first && entry.index.value > 1 && log_.count(entry.index - 1) == 0) {
    Fail(absl::StrCat("node ", node.value, " left out what stands before ", entry.index.value));
  }
  if (machine != nullptr) {
    auto [known, new_hash] = hashes_.try_emplace(entry.index, machine->Hash());
    if (!new_hash && known->second != machine->Hash()) {
      Fail(absl::StrCat("the state of node ", node.value, " differs at ", entry.index.value));
    }
  }
  if (!first) return;
  if (entry.kind == EntryKind::kCommand) machine_.Apply(entry.index, *entry.data);
  for (const Event& event : machine_.TakeEvents()) {
    if (const auto* granted = std::get_if<Granted>(&event)) {
      if (granted->token <= last_token_) Fail("a fencing token is not above the one before");
      last_token_ = std::max(last_token_, granted->token);
    }
    const auto* ended = std::get_if<SessionEnded>(&event);
    if (ended != nullptr && ended->expired) {
      auto alive = alive_until_.find(ended->session);
      if (alive != alive_until_.end() && world_.now() < alive->second) {
        Fail(absl::StrCat("session ", ended->session.value, " expired before its TTL"));
      }
    }
  }
}

void Oracle::Look(NodeId node, const RaftStatus& status) {
  Term& term = terms_[node];
  if (status.soft.term < term) Fail(absl::StrCat("the term of node ", node.value, " went back"));
  term = std::max(term, status.soft.term);
  if (status.soft.role == Role::kLeader) {
    auto [leader, first] = leaders_.try_emplace(status.soft.term, node);
    if (!first && leader->second != node) {
      Fail(absl::StrCat("term ", status.soft.term.value, " has two leaders: ", leader->second.value,
                        " and ", node.value));
    }
  }
  if (status.applied > status.commit || status.commit > status.last) {
    Fail(absl::StrCat("node ", node.value, " applied ", status.applied.value, ", committed ",
                      status.commit.value, ", has ", status.last.value));
  }
  for (const PeerStatus& peer : status.peers) {
    if (peer.match > status.last) Fail("a follower is thought to have more than the leader");
  }
}

void Oracle::LeasesOverlap(NodeId a, NodeId b) {
  Fail(absl::StrCat("nodes ", a.value, " and ", b.value, " hold leases at the same time"));
}

void Oracle::KeptAlive(SessionId session, absl::Duration ttl, Instant sent) {
  Instant& until = alive_until_[session];
  until = std::max(until, sent + ttl * (1 - drift_));
}

}  // namespace z4j::simulation
