#include <utility>

#include "tests/simulation/cluster.h"

// Everything that goes wrong, and what operators do meanwhile.
namespace z4j::simulation {

void Cluster::Every(absl::Duration every, std::function<void()> what) {
  if (every == absl::InfiniteDuration()) return;
  world_.After(world_.Between(every / 2, every * 3 / 2), [this, every, what = std::move(what)] {
    if (healed_) return;
    what();
    Every(every, what);
  });
}

void Cluster::Nemeses() {
  Every(options_.partition_every, [this] {
    network_.Partition(Ids());
    world_.Tell([] { return "the network is partitioned"; });
    if (!options_.half_open) {
      for (NodeId a : Ids()) {
        for (NodeId b : Ids()) {
          if (a == b || network_.Connected(a, b)) continue;
          servers_.at(b)->Do(
              [a](Replica& replica, MonoTime now) { replica.PeerConnected(now, a, false); });
        }
      }
    }
    world_.After(options_.partition_for, [this] {
      network_.Heal();
      for (NodeId id : Ids()) TellPeers(id, true);
    });
  });
  Every(options_.crash_every, [this] {
    // A power cut may take several at once.
    const uint64_t victims =
        world_.random().OneIn(4) ? 1 + world_.random().Below(servers_.size()) : 1;
    for (uint64_t i = 0; i < victims; ++i) {
      Server& victim = Any();
      if (!victim.up()) continue;
      ++crashes_;
      victim.Crash(options_.power_loss);
      world_.After(world_.Between(absl::Milliseconds(1), absl::Seconds(3)),
                   [&victim] { victim.Start(); });
    }
  });
  Every(options_.pause_every, [this] {
    // Half of the time it is the leader that stands still.
    Server* victim = world_.random().OneIn(2) ? Leader() : &Any();
    if (victim == nullptr) return;
    victim->Pause(world_.Between(absl::Milliseconds(10), options_.pause_max), options_.freeze);
  });
  Every(options_.disk_full_every,
        [this] { Any().DiskFull(world_.Between(absl::Milliseconds(100), absl::Seconds(2))); });
  Every(options_.rot_every, [this] {
    // One node a run: what all nodes lost nobody can bring back.  Not beside power cuts, which make
    // the last synced record's mark of having been synced disappear as well.
    if (rotten_ || options_.nodes < 3 || options_.power_loss) return;
    if (options_.change_every != absl::InfiniteDuration()) return;
    rotten_ = true;
    Server& victim = Any();
    victim.Crash(false);
    victim.Rot();
    world_.After(absl::Milliseconds(100), [&victim] { victim.Start(); });
  });
  Every(options_.transfer_every, [this] {
    Server* leader = Leader();
    if (leader == nullptr) return;
    const NodeId target = world_.random().OneIn(3) ? NodeId{} : Any().identity().id;
    leader->Call(
        [target](Replica& replica, MonoTime now, CallId call) {
          replica.Transfer(now, call, now + absl::Seconds(1), target);
        },
        [](const CallResult&, const Replica&) {});
  });
  Every(options_.change_every, [this] { ChangeMembers(); });
}

void Cluster::ChangeMembers() {
  Server* leader = Leader();
  if (leader == nullptr) return;
  const Config config = leader->replica()->status().config;
  ConfigChange change;
  auto add = [&](ConfigStep::Kind kind) {
    // Some that are added never come.
    if (servers_.size() >= 7) return;
    const NodeId id = AddServer({});
    servers_.at(id)->Start();
    TellPeers(id, true);
    for (NodeId other : Ids()) {
      if (other != id) TellPeers(other, true);
    }
    change.steps.push_back({kind, id, Member{"new:7802", servers_.at(id)->identity().incarnation}});
  };
  auto remove = [&] {
    if (config.voters.size() < 2) return;
    auto it = config.voters.begin();
    std::advance(it, world_.random().Below(config.voters.size()));
    change.steps.push_back({ConfigStep::Kind::kRemove, *it, {}});
  };
  switch (world_.random().Below(4)) {
    case 0:
      add(ConfigStep::Kind::kAddLearner);
      break;
    case 1:
      remove();
      break;
    case 2:
      for (NodeId learner : config.learners) {
        change.steps.push_back({ConfigStep::Kind::kAddVoter, learner, config.members.at(learner)});
        break;
      }
      break;
    default:  // One for another, at once.
      add(ConfigStep::Kind::kAddVoter);
      if (!change.steps.empty()) remove();
      break;
  }
  if (change.steps.empty()) return;
  world_.Tell([] { return "a change of the members is proposed"; });
  leader->Call([change](Replica& replica, MonoTime now,
                        CallId call) { replica.Change(now, call, now + absl::Seconds(2), change); },
               [](const CallResult&, const Replica&) {});
}

}  // namespace z4j::simulation
