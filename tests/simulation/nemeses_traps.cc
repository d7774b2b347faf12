#include <algorithm>
#include <utility>

#include "tests/simulation/cluster.h"

// Traps: what seldom comes together by itself.
namespace z4j::simulation {

// What a new leader may not do yet, and what it leaves behind, shows only if it is met at once.
void Cluster::MeetNewLeader(Server& leader) {
  if (healed_) return;
  if (figure8_ != Figure8Stage::kNone) return Figure8NewLeader(leader);
  if (world_.Chance(options_.rush)) {
    for (auto& client : clients_) client->AskAtOnce(leader.identity().id);
  }
  if (world_.Chance(options_.early_change)) {
    world_.After(world_.Between(absl::ZeroDuration(), absl::Milliseconds(2)), [this, &leader] {
      if (leader.leads()) ChangeMembers(leader);
    });
  }
  if (!world_.Chance(options_.strike)) return;
  const absl::Duration soon = options_.delay_mean * 3 + options_.sync_mean * 2;
  world_.After(world_.Between(absl::ZeroDuration(), soon), [this, &leader] {
    if (healed_ || !leader.leads()) return;
    if (world_.random().OneIn(2)) return Crash(leader, absl::Milliseconds(600));
    world_.Tell([] { return "the new leader is cut off"; });
    for (NodeId other : Ids()) network_.CutLink(leader.identity().id, other);
    world_.After(world_.Between(absl::Milliseconds(100), absl::Seconds(1)),
                 [this] { network_.Heal(); });
  });
}

// A leader hears a bare quorum for a while, so that the others get ready to campaign; then one of
// that quorum restarts, or its stream to the leader breaks, and the leader is alone with its lease.
void Cluster::Ambush() {
  Server* leader = Leader();
  if (leader == nullptr) return;
  const NodeId id = leader->identity().id;
  const Config config = leader->replica()->status().config;
  std::vector<NodeId> quorum;
  for (NodeId voter : config.voters) {
    if (voter != id && servers_.at(voter)->up()) quorum.push_back(voter);
  }
  const size_t needed = config.voters.size() / 2;
  if (needed == 0 || quorum.size() < needed) return;
  for (size_t i = quorum.size(); i > 1; --i) {
    std::swap(quorum[i - 1], quorum[world_.random().Below(i)]);
  }
  network_.Heal();
  for (size_t i = needed; i < quorum.size(); ++i) network_.CutLink(id, quorum[i]);
  world_.Tell([] { return "an ambush"; });
  world_.After(world_.Between(absl::Milliseconds(100), absl::Milliseconds(500)),
               [this, id, victim = quorum[0]] {
                 if (healed_) return;
                 if (world_.random().OneIn(2)) {
                   Crash(*servers_.at(victim), absl::Milliseconds(40));
                 } else {
                   servers_.at(victim)->Do([id](Replica& replica, MonoTime now) {
                     replica.PeerConnected(now, id, false);
                   });
                 }
                 for (NodeId other : Ids()) network_.CutLink(id, other);
                 world_.After(absl::Milliseconds(400), [this] { network_.Heal(); });
               });
}

// Of all that a leader sends in its term one arrives, long after the hand-over was given up, and
// the leader hears nothing then.
bool Cluster::IsStray(NodeId from, const Message& timeout_now) {
  if (strays_.contains({from, timeout_now.term})) return true;
  if (healed_ || !world_.Chance(options_.stray)) return false;
  strays_.insert({from, timeout_now.term});
  world_.After(world_.Between(absl::Milliseconds(160), absl::Milliseconds(600)),
               [this, from, timeout_now] {
                 if (healed_) return;
                 world_.Tell([] { return "a stray TimeoutNow arrives"; });
                 for (NodeId other : Ids()) network_.CutLink(from, other);
                 servers_.at(timeout_now.to)->Deliver(timeout_now);
                 world_.After(absl::Milliseconds(100), [this] { network_.Heal(); });
               });
  return true;
}

// Figure 8 of the paper: an entry that an early leader has brought to a minority, another leader's
// that nobody else has, the first one's that comes to a quorum in a later term, and the other one
// back.  Here it is set up; each step goes on when somebody is elected.
void Cluster::Figure8() {
  Server* leader = Leader();
  if (leader == nullptr || figure8_ != Figure8Stage::kNone) return;
  const std::set<NodeId> voters = leader->replica()->status().config.voters;
  if (voters.size() != 5) return;
  first_two_ = {leader->identity().id};
  for (NodeId id : voters) {
    if (first_two_.size() < 2) first_two_.insert(id);
  }
  world_.Tell([] { return "figure 8 begins"; });
  figure8_ = Figure8Stage::kFirstCutOff;
  network_.Heal();
  Separate(first_two_, Ids());
  // If it does not come to its end, it is over all the same.
  world_.After(absl::Milliseconds(2500), [this] {
    figure8_ = Figure8Stage::kNone;
    network_.Heal();
  });
}

void Cluster::Figure8NewLeader(Server& leader) {
  const NodeId id = leader.identity().id;
  if (figure8_ == Figure8Stage::kFirstCutOff) {
    if (first_two_.contains(id)) return;
    // It has just appended, and has sent nothing yet.
    figure8_ = Figure8Stage::kSecondCutOff;
    third_ = id;
    network_.Heal();
    return Separate({id}, Ids());
  }
  if (figure8_ == Figure8Stage::kThirdSilent || !first_two_.contains(id)) return;
  Figure8Await(leader, leader.replica()->status().last);
}

// Until the leader has brought the old entry to a quorum, and has not brought its own, the first of
// its term.
void Cluster::Figure8Await(Server& leader, Index own) {
  if (healed_ || figure8_ == Figure8Stage::kNone || !leader.leads()) return;
  const auto have_old = std::count_if(servers_.begin(), servers_.end(), [&](const auto& one) {
    return one.first != third_ && one.second->up() &&
           one.second->replica()->status().last + 1 >= own;
  });
  if (have_old < 3) {
    return world_.After(options_.delay_mean / 4,
                        [this, &leader, own] { Figure8Await(leader, own); });
  }
  // It hears that, and says no more; and whoever has its own entry is gone with it.
  figure8_ = Figure8Stage::kThirdSilent;
  silent_ = leader.identity().id;
  world_.After(3 * (options_.delay_mean + options_.sync_mean), [this] {
    if (healed_ || figure8_ != Figure8Stage::kThirdSilent) return;
    figure8_ = Figure8Stage::kNone;
    network_.Heal();
    for (NodeId id : first_two_) Crash(*servers_.at(id), absl::Seconds(1));
  });
}

void Cluster::Separate(const std::set<NodeId>& some, const std::set<NodeId>& others) {
  for (NodeId a : some) {
    for (NodeId b : others) {
      if (!some.contains(b)) network_.CutLink(a, b);
    }
  }
}

// One node a run: what all nodes lost nobody can bring back.
void Cluster::LoseOne() {
  if (one_lost_ || options_.nodes < 3 || options_.change_every != absl::InfiniteDuration()) return;
  if (options_.wipe_every != absl::InfiniteDuration()) return Wipe();
  // Not beside power cuts, which make the last synced record's mark of having been synced
  // disappear as well.
  if (options_.power_loss) return;
  Server& victim = Any();
  one_lost_ = true;
  victim.Crash(false);
  victim.Rot();
  // It is not to forget that it is damaged.
  world_.After(world_.Between(absl::Milliseconds(200), absl::Seconds(3)), [this, &victim] {
    if (!healed_) Crash(victim, absl::Milliseconds(100));
  });
  world_.After(absl::Milliseconds(100), [&victim] { victim.Start(); });
}

// A machine is set up anew while as many lag behind as may, and then the others fail: those and the
// new one, a quorum where the number is odd, know less than was committed.
void Cluster::Wipe() {
  Server* leader = Leader();
  if (leader == nullptr) return;
  // A node that was never met can be told from another one under its number by nobody.
  for (auto& [id, server] : servers_) {
    if (!server->up()) return;
    for (const auto& [member, known] : server->replica()->status().config.members) {
      if (known.incarnation.value == 0) return;
    }
  }
  Server& victim = Any();
  one_lost_ = true;
  std::set<NodeId> lag, fail;
  if (&victim != leader && !world_.random().OneIn(4)) {
    for (const auto& [id, server] : servers_) {
      if (server.get() == &victim) continue;
      const bool lags = server.get() != leader && lag.size() < (servers_.size() - 1) / 2;
      (lags ? lag : fail).insert(id);
    }
    network_.Heal();
    Separate(lag, Ids());
  }
  world_.After(world_.Between(absl::Milliseconds(50), absl::Milliseconds(400)),
               [this, lag, fail, &victim] {
                 if (healed_) return;
                 victim.Wipe();
                 for (NodeId id : fail) Crash(*servers_.at(id), absl::Seconds(2));
                 if (!lag.empty()) network_.Heal();
                 world_.After(absl::Milliseconds(20), [&victim] { victim.Start(); });
               });
}

}  // namespace z4j::simulation
