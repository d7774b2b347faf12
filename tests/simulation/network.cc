#include "tests/simulation/network.h"

#include <utility>
#include <vector>

namespace z4j::simulation {

void Network::Send(NodeId from, NodeId to, std::function<void()> deliver,
                   std::optional<size_t> kind) {
  if (!Connected(from, to)) return;
  if (calm_) return world_.After(absl::Microseconds(200), std::move(deliver));
  if (world_.Chance(options_.drop)) return;
  if (world_.Chance(options_.duplicate)) world_.After(Delay(), deliver);
  if (world_.Chance(options_.replay)) {
    world_.After(world_.Between(absl::Milliseconds(1), absl::Seconds(3)), deliver);
  }
  if (kind.has_value() && kind == options_.late_kind && world_.Chance(options_.late)) {
    return world_.After(world_.Between(absl::Milliseconds(1), absl::Seconds(1)),
                        std::move(deliver));
  }
  // What was on its way when a link was cut still arrives.
  world_.After(Delay(), std::move(deliver));
}

absl::Duration Network::Delay() {
  // Mostly near the mean, now and then far beyond: reordering comes from here.
  absl::Duration delay = world_.Between(options_.delay_mean / 2, options_.delay_mean * 3 / 2);
  if (world_.Chance(50)) delay += world_.Between(absl::ZeroDuration(), options_.delay_mean * 20);
  return delay;
}

void Network::Cut(NodeId a, NodeId b) {
  cut_.emplace(a, b);
  if (!one_way_now_) cut_.emplace(b, a);
}

void Network::CutLink(NodeId a, NodeId b) {
  cut_.emplace(a, b);
  cut_.emplace(b, a);
}

void Network::Partition(const std::set<NodeId>& nodes) {
  Heal();
  std::vector<NodeId> order(nodes.begin(), nodes.end());
  for (size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[world_.random().Below(i)]);
  }
  const size_t n = order.size();
  if (n < 2) return;
  one_way_now_ = options_.one_way && world_.random().OneIn(2);
  switch (world_.random().Below(4)) {
    case 0:  // One alone.
      for (size_t i = 1; i < n; ++i) Cut(order[0], order[i]);
      break;
    case 1:  // Two halves.
      for (size_t i = 0; i < n / 2; ++i) {
        for (size_t j = n / 2; j < n; ++j) Cut(order[i], order[j]);
      }
      break;
    case 2:  // A ring: each hears its neighbours only.
      for (size_t i = 0; i < n; ++i) {
        for (size_t j = i + 2; j < n; ++j) {
          if (i != 0 || j != n - 1) Cut(order[i], order[j]);
        }
      }
      break;
    default:  // A single link.
      Cut(order[0], order[1]);
      break;
  }
}

}  // namespace z4j::simulation
