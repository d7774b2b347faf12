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
    for (uint64_t i = 0; i < victims; ++i) Crash(Any(), absl::Seconds(3));
  });
  Every(options_.pause_every, [this] {
    // Half of the time it is the leader that stands still.
    Server* victim = world_.random().OneIn(2) ? Leader() : &Any();
    if (victim == nullptr) return;
    victim->Pause(world_.Between(absl::Milliseconds(10), options_.pause_max), options_.freeze);
  });
  Every(options_.disk_full_every,
        [this] { Any().DiskFull(world_.Between(absl::Milliseconds(100), absl::Seconds(2))); });
  Every(options_.rot_every, [this] { LoseOne(); });
  Every(options_.wipe_every, [this] { LoseOne(); });
  Every(options_.ambush_every, [this] { Ambush(); });
  Every(options_.figure8_every, [this] { Figure8(); });
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
  Every(options_.hand_over_every, [this] {
    if (Server* leader = Leader()) schedulers_.AskToHandOver(leader->identity().id);
  });
  Every(options_.stop_every, [this] {
    // Half of the time it is the leader.
    Server* victim = world_.random().OneIn(2) ? Leader() : &Any();
    if (victim != nullptr) Stop(*victim, absl::Seconds(3));
  });
  Every(options_.change_every, [this] {
    // One that believes to lead; it may be alone with that.
    std::vector<Server*> leaders;
    for (auto& [id, server] : servers_) {
      if (server->leads()) leaders.push_back(server.get());
    }
    if (!leaders.empty()) ChangeMembers(*leaders[world_.random().Below(leaders.size())]);
  });
  DatabaseNemeses();
}

void Cluster::DatabaseNemeses() {
  Every(options_.database.ask_every, [this] { schedulers_.SomeoneAsks(); });
  Every(options_.database.cut_every, [this] {
    Server* leader = Leader();
    Server& victim = leader != nullptr && !world_.random().OneIn(3) ? *leader : Any();
    schedulers_.CutOff(victim.identity().id,
                       world_.Between(absl::ZeroDuration(), 2 * options_.database.cut_for));
  });
  Every(options_.database.restart_every, [this] {
    schedulers_.RestartDatabase(world_.Between(absl::Milliseconds(50), absl::Seconds(3)));
  });
  if (options_.database.outage > absl::ZeroDuration()) {
    const absl::Duration begins = world_.Between(absl::Seconds(2), absl::Seconds(20));
    world_.After(begins, [this] { schedulers_.RestartDatabase(options_.database.outage); });
    // Whoever catches up then dies amid that, and so does the next one.
    for (int i = 0; i < options_.database.strikes; ++i) {
      world_.After(begins + options_.database.outage +
                       world_.Between(absl::ZeroDuration(), absl::Seconds(2)),
                   [this] {
                     Server* leader = Leader();
                     if (leader != nullptr && !healed_) Crash(*leader, absl::Milliseconds(600));
                   });
    }
  }
}

void Cluster::Crash(Server& victim, absl::Duration down_max) {
  if (!victim.up()) return;
  ++crashes_;
  // Now and then the process alone dies, and the machine's cache survives.
  const bool power_loss = options_.power_loss && !world_.random().OneIn(4);
  victim.Crash(power_loss);
  absl::Duration down = world_.Between(absl::Milliseconds(1), down_max);
  if (options_.power_loss && !power_loss && world_.random().OneIn(2)) {
    // What it finds in the cache when it comes back is gone with the power soon after.
    down = absl::Milliseconds(1);
    world_.After(world_.Between(down, absl::Milliseconds(60)), [this, &victim] {
      if (healed_ || !victim.up()) return;
      victim.Crash(true);
      world_.After(absl::Milliseconds(200), [&victim] { victim.Start(); });
    });
  }
  world_.After(down, [&victim] { victim.Start(); });
}

bool Cluster::MakeChange(const Config& config, ConfigChange& change) {
  auto add = [&](ConfigStep::Kind kind) {
    // Another one, or one that was removed and comes back with all that it has.
    std::vector<NodeId> outside;
    for (NodeId id : Ids()) {
      if (!config.IsMember(id)) outside.push_back(id);
    }
    NodeId id;
    if (servers_.size() < 8 && (outside.empty() || world_.random().OneIn(2))) {
      id = AddServer({});
      servers_.at(id)->Start();
      TellPeers(id, true);
      for (NodeId other : Ids()) {
        if (other != id) TellPeers(other, true);
      }
    } else if (!outside.empty()) {
      id = outside[world_.random().Below(outside.size())];
    } else {
      return;
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
    default:  // One or two for others, at once.
      for (uint64_t i = 1 + world_.random().Below(2); i > 0; --i) {
        const size_t before = change.steps.size();
        add(ConfigStep::Kind::kAddVoter);
        if (change.steps.size() > before) remove();
      }
      break;
  }
  return !change.steps.empty();
}

// Now and then several at once, of which the leader may begin one only.
void Cluster::ChangeMembers(Server& leader) {
  for (uint64_t i = world_.random().OneIn(3) ? 3 : 1; i > 0; --i) {
    if (!leader.leads()) return;
    ConfigChange change;
    if (!MakeChange(leader.replica()->status().config, change)) continue;
    world_.Tell([] { return "a change of the members is proposed"; });
    leader.Call(
        [change](Replica& replica, MonoTime now, CallId call) {
          replica.Change(now, call, now + absl::Seconds(2), change);
        },
        [](const CallResult&, const Replica&) {});
  }
}

}  // namespace z4j::simulation
