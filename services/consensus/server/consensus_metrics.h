#ifndef Z4J_CONSENSUS_SERVER_CONSENSUS_METRICS_H_
#define Z4J_CONSENSUS_SERVER_CONSENSUS_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <atomic>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "services/consensus/node/node.h"
#include "services/consensus/storage/log_storage.h"

// What a consensus node tells Prometheus, under "z4j_consensus_".
namespace z4j::consensus {

// Thread-safe.
class ConsensusMetrics final : public prometheus::Collectable {
 public:
  ConsensusMetrics();

  // Whose status is told; before it, and after null, there is none.  `node` outlives that.
  void Follow(const Node* node) { node_ = node; }
  // This node's leadership began.
  void LeadershipBegan() { leaderships_->Increment(); }
  // A client made more calls than it may.
  void CallRefused() { calls_refused_->Increment(); }
  // An append that had to be on the disk was there after so long.
  void Synced(absl::Duration took) { sync_seconds_->Observe(absl::ToDoubleSeconds(took)); }

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::atomic<const Node*> node_ = nullptr;
  prometheus::Registry registry_;  // Of what is counted; the rest is read when it is asked for.
  prometheus::Counter* leaderships_;
  prometheus::Counter* calls_refused_;
  prometheus::Histogram* sync_seconds_;
};

// The families that a status says.  Pure.
std::vector<prometheus::MetricFamily> FamiliesOf(const NodeStatus& status);

// `storage`, whose syncs are measured.  `metrics` and `clock` outlive it.
std::unique_ptr<LogStorage> Measured(std::unique_ptr<LogStorage> storage, ConsensusMetrics& metrics,
                                     Clock& clock);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_SERVER_CONSENSUS_METRICS_H_
