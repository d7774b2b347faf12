#include "services/consensus/raft/testing/random_run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace z4j::consensus {

RandomRun::RandomRun(uint64_t seed)
    : rng_(seed),
      identities_(rng_.Chance(1, 2)),
      changes_(rng_.Chance(1, 2)),
      loss_percent_(rng_.Chance(1, 2) ? 0 : rng_.Below(20)),
      cluster_(
          static_cast<int>(3 + rng_.Below(3)), [this](RaftOptions& o) { Adjust(o); }, seed),
      checker_(cluster_) {
  for (uint64_t id = cluster_.ids().size() + 1; id <= 6 && changes_; ++id) {
    cluster_.AddNode(id, IncarnationOf(id));
    cluster_.Start(id);
    checker_.Started(id);
  }
  for (uint64_t id : cluster_.ids()) cluster_.node(id).slow_disk = true;
  DrawWeights();
}

void RandomRun::Disturb(int slices) {
  for (int slice = 0; slice < slices && checker_.violations().empty(); ++slice) {
    Move();
    checker_.CheckNow();
    if (slice % 100 == 0) checker_.CheckLogs();
  }
}

void RandomRun::Recover() {
  cluster_.Heal();
  for (uint64_t id : cluster_.ids()) {
    cluster_.node(id).slow_disk = false;
    if (cluster_.node(id).raft == nullptr) Restart(id);
    cluster_.raft(id).DiskStalled(cluster_.now(), false);
    cluster_.Persist(id);
  }
  cluster_.Run(absl::Seconds(3));
  // The operator removes what was wiped and adds it as the new node that it is.
  for (int change = 0; change < 2 && wiped_ != 0 && cluster_.LeaderId().has_value(); ++change) {
    ReplaceWiped(*cluster_.LeaderId());
    cluster_.Run(absl::Seconds(1));
  }
  checker_.CheckNow();
  checker_.CheckLogs();
}

bool RandomRun::Serves() {
  const std::optional<uint64_t> leader = cluster_.LeaderId();
  if (!leader.has_value()) return false;
  auto index = cluster_.raft(*leader).Propose(cluster_.now(), {MakePayload("last")});
  if (!index.ok()) return false;
  cluster_.Run(absl::Milliseconds(200));
  for (NodeId id : cluster_.status(*leader).config.voters) {
    if (cluster_.status(id.value).commit < *index) return false;
  }
  return true;
}

Incarnation RandomRun::IncarnationOf(uint64_t id) const {
  if (!identities_) return {};
  return {id == wiped_ ? 900 + id : 500 + id};
}

void RandomRun::Adjust(RaftOptions& options) {
  options.incarnation = IncarnationOf(options.id.value);
  options.limits.append_entries = 1 + rng_.Below(4);
  options.limits.append_bytes = 1 + rng_.Below(60);
  options.limits.inflight_messages = 1 + rng_.Below(4);
  options.limits.apply_entries = 1 + rng_.Below(4);
  options.limits.tail_entries = rng_.Below(6);
  options.limits.lag_entries = options.limits.tail_entries + rng_.Below(10);
  options.limits.uncommitted_entries = 3 + rng_.Below(20);
  options.limits.uncommitted_bytes = 20 + rng_.Below(200);
}

// Zero: the one drawn is down.
uint64_t RandomRun::AnyRunning() {
  const uint64_t id = AnyId();
  return cluster_.node(id).raft != nullptr ? id : 0;
}

// A run's own weights: some runs are slow at one thing, some never do another.
void RandomRun::DrawWeights() {
  const auto draw = [this](Act act, uint64_t most, bool may_be_none) {
    weights_[act] = may_be_none && rng_.Chance(1, 3) ? 0 : 1 + rng_.Below(most);
  };
  draw(Act::kNothing, 200, false);
  draw(Act::kPropose, rng_.Chance(1, 2) ? 200 : 5, false);  // An idle log makes rivals equal.
  draw(Act::kRead, 40, true);
  draw(Act::kCompact, 30, true);
  draw(Act::kChange, 20, true);
  draw(Act::kTransfer, 8, true);
  draw(Act::kConnect, 5, true);
  draw(Act::kStall, 3, true);
  draw(Act::kCrash, 12, true);
  draw(Act::kStart, 40, false);
  draw(Act::kCut, 10, true);
  draw(Act::kIsolate, 5, true);
  draw(Act::kHeal, 10, false);
  draw(Act::kWipe, 5, true);
  if (!changes_) weights_[Act::kChange] = 0;
  slow_node_ = rng_.Chance(1, 2) ? AnyId() : 0;
  slice_ms_ = 2 + rng_.Below(8);
  arrives_one_in_ = rng_.Chance(1, 3) ? 1 + rng_.Below(8) : 1;
}

RandomRun::Act RandomRun::DrawAct() {
  uint64_t sum = 0;
  for (const auto& [act, weight] : weights_) sum += weight;
  uint64_t dice = rng_.Below(sum);
  for (const auto& [act, weight] : weights_) {
    if (dice < weight) return act;
    dice -= weight;
  }
  return Act::kNothing;
}

// Half of what only leaders do is asked of the leader.
uint64_t RandomRun::AnyLeader() {
  const std::optional<uint64_t> leader = cluster_.LeaderId();
  return leader.has_value() && rng_.Chance(1, 2) ? *leader : AnyRunning();
}

void RandomRun::Move() {
  Pass();
  for (uint64_t id : cluster_.ids()) {
    if (cluster_.node(id).raft == nullptr || rng_.Chance(1, 6)) continue;
    cluster_.Pump(id);
    const bool syncs = id == slow_node_ ? rng_.Chance(1, 20) : rng_.Chance(2, 3);
    if (syncs) cluster_.Persist(id, 1 + rng_.Below(4));
  }
  size_t arrive = rng_.Below(arrives_one_in_) == 0 ? rng_.Below(2 + cluster_.network().size()) : 0;
  for (; arrive > 0; --arrive) DeliverOne();
  const Act act = DrawAct();
  if (act == Act::kStart) return Restart(AnyId());
  if (act == Act::kHeal) return cluster_.Heal();
  const uint64_t id = act == Act::kRead || act == Act::kCompact ? AnyRunning() : AnyLeader();
  if (id != 0) MoveNode(act, id);
}

void RandomRun::MoveNode(Act act, uint64_t id) {
  Raft& raft = cluster_.raft(id);
  switch (act) {
    case Act::kPropose:
      return ProposeAt(id);
    case Act::kRead:
      return Ask(id);
    case Act::kCompact:
      return Compact(id);
    case Act::kChange:
      return Change(id);
    case Act::kTransfer:
      return (void)raft.TransferTo(cluster_.now(), {rng_.Below(4)});
    case Act::kConnect:
      return raft.PeerConnected(cluster_.now(), {AnyId()}, rng_.Chance(1, 2));
    case Act::kStall:
      return raft.DiskStalled(cluster_.now(), rng_.Chance(1, 3));
    case Act::kCrash:
      return cluster_.Crash(id, rng_.Below(4));
    case Act::kCut:
      return rng_.Chance(1, 2) ? cluster_.Cut(id, AnyId()) : cluster_.Cut(AnyId(), id);
    case Act::kIsolate:
      return cluster_.Isolate(id);
    case Act::kWipe:
      return Wipe(id);
    case Act::kNothing:
    case Act::kStart:
    case Act::kHeal:
      return;
  }
}

void RandomRun::Restart(uint64_t id) {
  if (cluster_.node(id).raft != nullptr) return;
  cluster_.Start(id);
  checker_.Started(id);
}

void RandomRun::DeliverOne() {
  auto& network = cluster_.network();
  if (network.empty()) return;
  // Mostly in order, as streams are; at times from anywhere.
  const size_t at = rng_.Chance(9, 10) ? 0 : rng_.Below(network.size());
  Message message = network[at];
  if (!rng_.Chance(1, 30)) network.erase(network.begin() + static_cast<ptrdiff_t>(at));
  if (!rng_.Chance(loss_percent_, 100)) return cluster_.Deliver(std::move(message));
  TestNode& sender = cluster_.node(message.from.value);
  if (std::holds_alternative<InstallSnapshot>(message.body) && sender.raft != nullptr) {
    sender.raft->SnapshotSent(cluster_.now(), message.to, /*delivered=*/false);
  }
}

void RandomRun::Pass() {
  cluster_.Advance(
      absl::Milliseconds(rng_.Chance(1, 300) ? rng_.Below(400) : rng_.Below(slice_ms_)));
  for (uint64_t id : cluster_.ids()) {
    if (cluster_.node(id).raft != nullptr && !rng_.Chance(1, 10)) {
      cluster_.raft(id).Tick(cluster_.now());
    }
  }
}

void RandomRun::ProposeAt(uint64_t id) {
  std::vector<Payload> commands;
  for (uint64_t i = 0; i <= rng_.Below(3); ++i) {
    commands.push_back(MakePayload(absl::StrCat("c", ++commands_)));
  }
  (void)cluster_.raft(id).Propose(cluster_.now(), std::move(commands));
}

void RandomRun::Ask(uint64_t id) {
  checker_.ReadAsked(id, cluster_.node(id).next_context);
  cluster_.Read(id);
}

void RandomRun::Compact(uint64_t id) {
  const TestNode& node = cluster_.node(id);
  // A snapshot that is being installed becomes the log's beginning first.
  const bool installs = cluster_.status(id).first > node.applied_to + 1 ||
                        std::any_of(node.unsynced.begin(), node.unsynced.end(),
                                    [](const Write& write) { return write.snapshot.has_value(); });
  if (!installs && node.applied_to > node.disk.snapshot.index) cluster_.Compact(id);
}

ConfigChange RandomRun::DrawChange() {
  ConfigChange change;
  for (uint64_t i = 0; i <= rng_.Below(3); ++i) {
    const uint64_t member = AnyId();
    change.steps.push_back({static_cast<ConfigStep::Kind>(rng_.Below(3)), NodeId{member},
                            Member{absl::StrCat("node-", member), IncarnationOf(member)}});
  }
  return change;
}

void RandomRun::Change(uint64_t id) {
  if (wiped_ != 0) return ReplaceWiped(id);  // Others are needed for a quorum now.
  if (changes_) (void)cluster_.raft(id).ProposeChange(cluster_.now(), DrawChange());
}

// Only when everybody knows the node by its incarnation: before, nobody can tell it from the wiped
// one, and its lost vote or entries may be missed.
void RandomRun::Wipe(uint64_t id) {
  if (wiped_ != 0 || !identities_) return;
  const Config config = cluster_.status(id).config;
  if (config.joint() || config.voters.size() < 3 || !config.IsMember(NodeId{id})) return;
  if (config.members.at(NodeId{id}).incarnation.value == 0) return;
  for (uint64_t other : cluster_.ids()) {
    if (cluster_.node(other).raft == nullptr) return;
    const RaftStatus status = cluster_.status(other);
    if (status.config.members.empty()) continue;  // Never was a member.
    const Config committed = cluster_.raft(other).MetaAt(status.commit).config;
    if (status.config != config || committed != config) return;
  }
  wiped_ = id;
  cluster_.Crash(id);
  std::erase_if(cluster_.network(), [id](const Message& message) {
    return message.from == NodeId{id} || message.to == NodeId{id};
  });
  cluster_.AddNode(id, IncarnationOf(id)).slow_disk = true;
  Restart(id);
}

void RandomRun::ReplaceWiped(uint64_t leader) {
  const NodeId id{wiped_};
  const Config config = cluster_.status(leader).config;
  const auto member = config.members.find(id);
  const bool known = member != config.members.end();
  if (known && member->second.incarnation == IncarnationOf(wiped_)) return;
  const ConfigStep step{known ? ConfigStep::Kind::kRemove : ConfigStep::Kind::kAddVoter, id,
                        Member{"replaced", IncarnationOf(wiped_)}};
  (void)cluster_.raft(leader).ProposeChange(cluster_.now(), {{step}});
}

}  // namespace z4j::consensus
