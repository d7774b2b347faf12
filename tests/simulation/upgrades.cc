#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/scheduler/limits.h"
#include "tests/simulation/cluster.h"

// Nodes that leave in good order.
namespace z4j::simulation {
namespace {

// Around a due time: so that it comes while nobody leads, or that its fire is on its way then.
constexpr absl::Duration kAround = absl::Milliseconds(20);
constexpr absl::Duration kUpgradeTakes = absl::Seconds(1);  // At most, from its end to its start.
// Messages of a hand-over that wait for a disk: of the entries before it, the vote, the first
// entry.
constexpr int kSyncs = 8;
// Statements of a turn that ends, of a take-over and of the first turn, each three ways long.
constexpr int kStatements = 12;

}  // namespace

void Cluster::Stop(Server& server, absl::Duration down_max) {
  if (!server.up()) return;
  world_.Tell([&] { return absl::StrCat("node ", server.identity().id.value, " is to stop"); });
  schedulers_.Stop(server.identity().id, [this, &server, down_max] {
    ++stops_;
    server.Stop();
    world_.After(world_.Between(absl::Milliseconds(1), down_max), [&server] { server.Start(); });
  });
}

bool Cluster::Dispensable(const Server& server) {
  const std::set<NodeId> voters = server.replica()->status().config.voters;
  const auto others = std::count_if(voters.begin(), voters.end(), [&](NodeId id) {
    const Server& other = *servers_.at(id);
    return &other != &server && other.up() && !other.lost();
  });
  return others > static_cast<int64_t>(voters.size() / 2);
}

void Cluster::Upgrade() {
  if (options_.upgrades == 0) return;
  // What was slow or stood still when all was healed comes to its end.
  RunUntil(world_.now() + absl::Seconds(2), [] { return false; });
  for (int i = 0; i < options_.upgrades && oracle_.breach().empty(); ++i) UpgradeLeader();
}

void Cluster::UpgradeLeader() {
  FireOracle& oracle = schedulers_.oracle();
  const DatabaseOptions& database = options_.database;
  oracle.BeginPeace(scheduler::kHandOverMax + kSyncs * options_.sync_mean +
                    3 * kStatements * database.delay_mean + 2 * database.wall_clock_off);
  const Instant soon = oracle.NextDue() + world_.Between(-kAround, kAround);
  RunUntil(std::min(soon, world_.now() + absl::Seconds(2)), [] { return false; });
  Server* const leader = Leader();
  if (leader == nullptr || !Dispensable(*leader)) return oracle.EndPeace();
  if (world_.random().OneIn(2)) {
    Stop(*leader, kUpgradeTakes);
  } else {
    schedulers_.AskToHandOver(leader->identity().id);
  }
  RunUntil(world_.now() + absl::Seconds(1), [] { return false; });
  if (leader == Leader()) oracle_.Fail("a leader that was to let go leads on");
  oracle.EndPeace();
  ++upgrades_;
  AwaitHealth("a node was upgraded");
}

}  // namespace z4j::simulation
