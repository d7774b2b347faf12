#include "tests/simulation/oracle.h"

#include <algorithm>
#include <string_view>
#include <variant>

#include "absl/strings/str_cat.h"
#include "services/consensus/raft/membership.h"

namespace z4j::simulation {
namespace {

// FNV-1a: the same on every machine, unlike std::hash.
uint64_t HashOf(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

// An election timeout of 150 ms, on a clock that is 30 % slow, and half as long again.
constexpr absl::Duration kUnheardMax = absl::Milliseconds(350);

bool IsConfig(const Entry& entry) { return entry.kind == EntryKind::kConfig; }

void NoteConfig(std::map<Index, Config>& configs, const Entry& entry) {
  if (!IsConfig(entry) || entry.index <= configs.rbegin()->first) return;
  if (auto config = DecodeConfig(*entry.data); config.ok()) configs[entry.index] = *config;
}

}  // namespace

void Oracle::Fail(std::string breach) {
  if (!breach_.empty()) return;
  breach_ = std::move(breach);
  world_.Tell([&] { return absl::StrCat("BREACH  ", breach_); });
}

void Oracle::Writing(NodeId node, const std::vector<Write>& writes) {
  Disk& disk = disks_[node];
  for (const Write& write : writes) {
    if (write.snapshot) disk.least = std::min(disk.least, write.snapshot->index);
    if (write.truncate_from) disk.least = std::min(disk.least, *write.truncate_from - 1);
  }
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
    for (const Entry& entry : write.entries) {
      const uint64_t hash = HashOf(*entry.data) + static_cast<uint64_t>(entry.kind);
      if (entries_.try_emplace({entry.index, entry.term}, hash).first->second != hash) {
        Fail(absl::StrCat("node ", node.value, " has another entry ", entry.term.value, "/",
                          entry.index.value, " than others have"));
      }
    }
    if (!write.entries.empty()) disk.last = write.entries.back().index;
    disk.most = std::max(disk.most, disk.last);
  }
  disk.least = disk.last;
}

void Oracle::Recovered(NodeId node, const consensus::Recovered& found, bool rotten) {
  Disk& disk = disks_[node];
  const std::string name = absl::StrCat("node ", node.value);
  Index last = found.snapshot.index;
  if (!found.entries.empty()) last = std::max(last, found.entries.back().index);
  const HardState& state = found.hard_state;
  if (found.damaged && !rotten) Fail(name + " takes its disk for damaged, and it is not");
  if (disk.damaged && !found.damaged) Fail(name + " has forgotten that its disk is damaged");
  if (!found.damaged) {
    if (state.term < disk.term) Fail(name + " lost its term in a crash");
    if (state.term == disk.term && disk.vote && state.vote != disk.vote) {
      Fail(name + " lost its vote in a crash");
    }
    // A snapshot that had just come may have taken the place of a log that does not continue it.
    if (last < disk.least && last != found.snapshot.index) {
      Fail(name + " lost entries that were on its disk in a crash");
    }
  }
  std::map<Index, Config>& configs = configs_[node];
  configs = {{found.snapshot.config_index, found.snapshot.config}};
  for (const Entry& entry : found.entries) NoteConfig(configs, entry);
  disk = {state.term, state.vote, last, last, last, found.damaged};
  terms_[node] = disk.term;  // A term that nothing was promised in may be forgotten.
  commits_[node] = {};
}

void Oracle::Appends(NodeId node, const Write& write) {
  const bool changes = write.snapshot || write.truncate_from ||
                       std::any_of(write.entries.begin(), write.entries.end(), IsConfig);
  if (!changes) return;
  std::map<Index, Config>& configs = configs_[node];
  if (write.snapshot) configs = {{write.snapshot->config_index, write.snapshot->config}};
  if (write.truncate_from) configs.erase(configs.lower_bound(*write.truncate_from), configs.end());
  for (const Entry& entry : write.entries) NoteConfig(configs, entry);
  configs_changed_.insert(node);
}

// A configuration is in force from its append, and only as long as it is in the log.
void Oracle::CheckConfig(NodeId node, const RaftStatus& status) {
  if (configs_changed_.erase(node) == 0 || status.damaged) return;
  const std::map<Index, Config>& configs = configs_[node];
  if (!configs.empty() && status.config != configs.rbegin()->second) {
    Fail(absl::StrCat("node ", node.value, " has another configuration in force than its log has"));
  }
}

// What a leader takes for committed is on the disks of a quorum.
void Oracle::CheckCommit(NodeId node, const RaftStatus& status) {
  auto majority = [&](const std::set<NodeId>& voters) {
    size_t has = 0;
    for (NodeId id : voters) {
      const auto disk = disks_.find(id);
      // Who lost what it had, had it.
      const bool lost = disk == disks_.end() || disk->second.damaged || wiped_.contains(id);
      if (lost || disk->second.last >= status.commit) ++has;
    }
    return voters.empty() || 2 * has > voters.size();
  };
  if (!majority(status.config.voters) || !majority(status.config.outgoing)) {
    Fail(absl::StrCat("node ", node.value, " takes ", status.commit.value,
                      " for committed, which is not on the disks of a quorum"));
  }
}

void Oracle::Wiped(NodeId node) {
  wiped_.insert(node);
  disks_.erase(node);
  terms_.erase(node);
  std::erase_if(votes_, [&](const auto& vote) { return vote.first.first == node; });
}

// Whether a candidate's log reaches as far as that of the one it asks is judged when the question
// arrives, as the answer waits for the disk and the log may go on meanwhile.
void Oracle::Asked(NodeId node, const Message& message, const RaftStatus& status) {
  const auto& request = std::get<VoteRequest>(message.body);
  may_grant_[{node, message.from, message.term, request.pre}] |=
      std::pair(request.last_term, request.last_index) >= std::pair(status.last_term, status.last);
}

void Oracle::Answered(NodeId node, const Message& message) {
  auto leading = leaders_.find(message.term);
  if (leading == leaders_.end() || leading->second.node != node) return;
  leading->second.heard[message.from] = world_.now();
}

void Oracle::CheckVote(NodeId node, const Message& message, const VoteReply& vote,
                       const Disk& disk) {
  if (!vote.granted) return;
  if (!may_grant_[{node, message.to, message.term, vote.pre}]) {
    Fail(absl::StrCat("node ", node.value, vote.pre ? " would vote" : " votes", " for node ",
                      message.to.value, " in term ", message.term.value, ", whose log is behind"));
  }
  if (vote.pre) return;
  auto [earlier, first] = votes_.try_emplace({node, message.term}, message.to);
  if (!first && earlier->second != message.to) {
    Fail(absl::StrCat("node ", node.value, " voted twice in term ", message.term.value));
  }
  // By now the disk may be in a later term; then the vote was on it before.
  if (disk.term < message.term || (disk.term == message.term && disk.vote != message.to)) {
    Fail(absl::StrCat("node ", node.value, " promised a vote that its disk does not have"));
  }
}

void Oracle::Sent(NodeId node, const Message& message) {
  const Disk& disk = disks_[node];
  const std::string name = absl::StrCat("node ", node.value);
  const bool asks_only = std::holds_alternative<ReadRequest>(message.body);
  if (disk.damaged && !asks_only) Fail(name + " speaks although its disk lost what it promised");
  if (const auto* vote = std::get_if<VoteReply>(&message.body)) {
    CheckVote(node, message, *vote, disk);
  }
  if (const auto* request = std::get_if<VoteRequest>(&message.body)) {
    const bool own = disk.term > message.term || (disk.term == message.term && disk.vote == node);
    if (!request->pre && (!own || disk.most < request->last_index)) {
      Fail(name + " asks for votes with what its own disk does not have");
    }
  }
  if (const auto* reply = std::get_if<AppendReply>(&message.body)) {
    // What was acknowledged in an older term may have been on the disk and cut off since.
    if (!reply->rejected && reply->match > disk.last && message.term >= disk.term) {
      Fail(absl::StrCat(name, " acknowledged ", reply->match.value, ", and its disk ends at ",
                        disk.last.value));
    }
  }
}

void Oracle::HandsOver(NodeId node, NodeId target, const RaftStatus& status) {
  if (status.soft.role != Role::kLeader) return;
  const Disk& disk = disks_[target];
  if (wiped_.contains(target)) return;  // Its leader knows what it had.
  // A later leader may have cut the target's log.
  if (disk.term <= status.soft.term && disk.last < status.last && !disk.damaged) {
    Fail(absl::StrCat("node ", node.value, " hands over to node ", target.value,
                      ", which lacks entries"));
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
  if (entry.index > disks_[node].last) {
    Fail(absl::StrCat("node ", node.value, " applied what its disk does not have"));
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
    if (ended != nullptr) ended_.try_emplace(ended->session, world_.now());
    if (ended != nullptr && ended->expired) {
      auto alive = alive_until_.find(ended->session);
      if (alive != alive_until_.end() && world_.now() < alive->second) {
        Fail(absl::StrCat("session ", ended->session.value, " expired before its TTL"));
      }
    }
  }
}

void Oracle::Look(NodeId node, const RaftStatus& status, Instant awake) {
  Term& term = terms_[node];
  if (status.soft.term < term) Fail(absl::StrCat("the term of node ", node.value, " went back"));
  term = std::max(term, status.soft.term);
  Index& commit = commits_[node];
  if (status.commit < commit) {
    Fail(absl::StrCat("the commit index of node ", node.value, " went back"));
  }
  if (status.commit > commit && status.soft.role == Role::kLeader) CheckCommit(node, status);
  commit = std::max(commit, status.commit);
  CheckConfig(node, status);
  if (status.applied > status.commit || status.commit > status.last) {
    Fail(absl::StrCat("node ", node.value, " applied ", status.applied.value, ", committed ",
                      status.commit.value, ", has ", status.last.value));
  }
  if (status.soft.role != Role::kLeader) return;
  auto [leading, first] =
      leaders_.try_emplace(status.soft.term, Leading{node, world_.now(), status.last, {}, {}, {}});
  if (leading->second.node != node) {
    Fail(absl::StrCat("term ", status.soft.term.value,
                      " has two leaders: ", leading->second.node.value, " and ", node.value));
  }
  if (first) CheckNewLeader(node, status);
  CheckLeader(status, awake, leading->second);
}

// Changes overlap neither each other nor those of an earlier leader.
void Oracle::ChangesMembers(NodeId node, const Entry& entry, const RaftStatus& status) {
  auto leading = leaders_.find(entry.term);
  if (leading == leaders_.end() || leading->second.node != node) return;
  if (status.commit < std::max(leading->second.first, leading->second.config)) {
    Fail(absl::StrCat("node ", node.value, " changes the members before what came before it is ",
                      "committed"));
  }
  leading->second.config = entry.index;
  leading->second.since = world_.now();  // Another quorum is given time.
}

// §5.4: a new leader has all that was committed before.
void Oracle::CheckNewLeader(NodeId node, const RaftStatus& status) {
  if (leaders_.rbegin()->first > status.soft.term || log_.empty()) return;
  const auto& [index, newest] = *log_.rbegin();
  // Its own first entry may be its last.
  if (status.last < index || (status.last == index && status.last_term != newest.term)) {
    Fail(absl::StrCat("node ", node.value, " leads term ", status.soft.term.value,
                      " without all that was committed"));
  }
}

void Oracle::CheckLeader(const RaftStatus& status, Instant awake, Leading& leading) {
  for (const PeerStatus& peer : status.peers) {
    if (peer.match > status.last) Fail("a follower is thought to have more than the leader");
    leading.heard.try_emplace(peer.id, world_.now());  // A new one is given time.
    Index& match = leading.match[peer.id];
    if (peer.match < match) {
      Fail(absl::StrCat("what node ", peer.id.value, " has is no longer believed by its leader"));
    }
    match = peer.match;
  }
  // A member that was removed and is added again begins anew.
  const auto gone = [&](const auto& known) {
    return std::none_of(status.peers.begin(), status.peers.end(),
                        [&](const PeerStatus& peer) { return peer.id == known.first; });
  };
  std::erase_if(leading.match, gone);
  std::erase_if(leading.heard, gone);
  const Instant since = world_.now() - kUnheardMax;
  if (std::max(awake, leading.since) > since) return;
  if (!QuorumHeard(status.config, leading, since)) {
    Fail(absl::StrCat("node ", leading.node.value, " leads on, and no quorum answers"));
  }
}

// By its own arithmetic: that of the core may be what is broken.
bool Oracle::QuorumHeard(const Config& config, const Leading& leading, Instant since) const {
  auto majority = [&](const std::set<NodeId>& voters) {
    size_t heard = 0;
    for (NodeId id : voters) {
      const auto answer = leading.heard.find(id);
      if (id == leading.node || (answer != leading.heard.end() && answer->second >= since)) ++heard;
    }
    return voters.empty() || 2 * heard > voters.size();
  };
  return majority(config.voters) && majority(config.outgoing);
}

void Oracle::LeasesOverlap(NodeId a, NodeId b) {
  Fail(absl::StrCat("nodes ", a.value, " and ", b.value, " hold leases at the same time"));
}

std::optional<Instant> Oracle::EndedAt(SessionId session) const {
  const auto ended = ended_.find(session);
  if (ended == ended_.end()) return std::nullopt;
  return ended->second;
}

void Oracle::KeptAlive(SessionId session, absl::Duration ttl, Instant sent) {
  Instant& until = alive_until_[session];
  until = std::max(until, sent + ttl * (1 - drift_));
}

}  // namespace z4j::simulation
