#ifndef Z4J_TESTS_SIMULATION_NETWORK_H_
#define Z4J_TESTS_SIMULATION_NETWORK_H_

#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "services/consensus/raft/types.h"
#include "tests/simulation/options.h"
#include "tests/simulation/world.h"

// Carries things from one place to another, late, twice, never, or in another order.  Nodes have
// their numbers as addresses; clients have those from kFirstClient on and are never cut off from
// themselves.
namespace z4j::simulation {

using consensus::NodeId;

inline constexpr uint64_t kFirstClient = 1000;

class Network {
 public:
  Network(World& world, const Options& options) : world_(world), options_(options) {}

  // `deliver` is called not at all, once, or more often; never within Send().  `kind`: of a message
  // between nodes, its place in MessageBody.
  void Send(NodeId from, NodeId to, std::function<void()> deliver,
            std::optional<size_t> kind = std::nullopt);
  bool Connected(NodeId from, NodeId to) const { return !cut_.contains({from, to}); }

  // A shape of partition is drawn: one node alone, two halves, a ring, a single link; perhaps in
  // one direction only.
  void Partition(const std::set<NodeId>& nodes);
  // Adds to what is cut.
  void CutLink(NodeId a, NodeId b);
  void Heal() { cut_.clear(); }
  // From now on nothing is lost, doubled or slow.
  void Calm() { calm_ = true; }

 private:
  absl::Duration Delay();
  void Cut(NodeId a, NodeId b);

  World& world_;
  const Options& options_;
  bool calm_ = false;
  bool one_way_now_ = false;
  std::set<std::pair<NodeId, NodeId>> cut_;
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_NETWORK_H_
