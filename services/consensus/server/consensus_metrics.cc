#include "services/consensus/server/consensus_metrics.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace z4j::consensus {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// 50 us .. 5 s: from a disk with its own battery to one that stands still.
const prometheus::Histogram::BucketBoundaries kSyncs = {
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
    0.025,   0.05,   0.1,     0.25,   0.5,   1,      2.5,   5};

using Labels = std::vector<ClientMetric::Label>;

// A family of one kind, with one value or one for each peer.
class Family {
 public:
  Family(MetricType type, const char* name, const char* help) : family_() {
    family_.name = absl::StrCat("z4j_consensus_", name);
    family_.help = help;
    family_.type = type;
  }
  Family& Add(double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (family_.type == MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    family_.metric.push_back(std::move(metric));
    return *this;
  }
  MetricFamily Take() { return std::move(family_); }

 private:
  MetricFamily family_;
};

MetricFamily Gauge(const char* name, const char* help, double value) {
  return Family(MetricType::Gauge, name, help).Add(value).Take();
}

void AddPeers(const RaftStatus& raft, std::vector<MetricFamily>& families) {
  Family lag(MetricType::Gauge, "peer_lag_entries", "Entries that a member lacks; at the leader.");
  Family active(MetricType::Gauge, "peer_active",
                "1 if a member answered within the election timeout; at the leader.");
  Family trip(MetricType::Gauge, "peer_round_trip_seconds",
              "From a message to a member to its answer; at the leader.");
  for (const PeerStatus& peer : raft.peers) {
    const Labels labels = {{"peer", absl::StrCat(peer.id.value)}};
    lag.Add(static_cast<double>(raft.last - std::min(raft.last, peer.match)), labels);
    active.Add(peer.recently_active ? 1 : 0, labels);
    if (peer.round_trip) trip.Add(absl::ToDoubleSeconds(*peer.round_trip), labels);
  }
  families.push_back(lag.Take());
  families.push_back(active.Take());
  families.push_back(trip.Take());
}

class MeasuredStorage final : public LogStorage {
 public:
  MeasuredStorage(std::unique_ptr<LogStorage> storage, ConsensusMetrics& metrics, Clock& clock)
      : storage_(std::move(storage)), metrics_(metrics), clock_(clock) {}

  absl::Status Append(const std::vector<Write>& writes) override {
    const bool syncs = std::any_of(writes.begin(), writes.end(),
                                   [](const Write& write) { return write.must_sync; });
    const MonoTime begun = clock_.MonoNow();
    absl::Status status = storage_->Append(writes);
    if (syncs && status.ok()) metrics_.Synced(clock_.MonoNow() - begun);
    return status;
  }

  const Recovered& recovered() const override { return storage_->recovered(); }
  const std::string& damage() const override { return storage_->damage(); }
  const NodeIdentity& identity() const override { return storage_->identity(); }
  absl::Status Prepare() override { return storage_->Prepare(); }
  absl::Status PrepareSome() override { return storage_->PrepareSome(); }
  absl::Status Compact(Index first) override { return storage_->Compact(first); }
  absl::StatusOr<std::unique_ptr<SnapshotWriter>> WriteSnapshot(
      const SnapshotMeta& meta, const std::string& source) override {
    return storage_->WriteSnapshot(meta, source);
  }
  absl::StatusOr<std::unique_ptr<SnapshotReader>> NewestSnapshot() override {
    return storage_->NewestSnapshot();
  }
  uint64_t bytes_used() const override { return storage_->bytes_used(); }

 private:
  const std::unique_ptr<LogStorage> storage_;
  ConsensusMetrics& metrics_;
  Clock& clock_;
};

}  // namespace

ConsensusMetrics::ConsensusMetrics()
    : leaderships_(&prometheus::BuildCounter()
                        .Name("z4j_consensus_leaderships_total")
                        .Help("How often this node came to lead.")
                        .Register(registry_)
                        .Add({})),
      calls_refused_(&prometheus::BuildCounter()
                          .Name("z4j_consensus_calls_refused_total")
                          .Help("Calls of clients that made more of them than they may.")
                          .Register(registry_)
                          .Add({})),
      sync_seconds_(&prometheus::BuildHistogram()
                         .Name("z4j_consensus_append_sync_seconds")
                         .Help("Time that an append took until it was on the disk.")
                         .Register(registry_)
                         .Add({}, kSyncs)) {}

std::vector<MetricFamily> ConsensusMetrics::Collect() const {
  std::vector<MetricFamily> families = registry_.Collect();
  if (const Node* node = node_) {
    std::vector<MetricFamily> more = FamiliesOf(node->Status());
    std::move(more.begin(), more.end(), std::back_inserter(families));
  }
  return families;
}

std::vector<MetricFamily> FamiliesOf(const NodeStatus& status) {
  const RaftStatus& raft = status.raft;
  const auto number = [](uint64_t value) { return static_cast<double>(value); };
  std::vector<MetricFamily> families = {
      Gauge("leader", "1 on the node that leads.", raft.soft.role == Role::kLeader),
      Gauge("has_leader", "1 on a node that knows who leads.", raft.soft.leader ? 1 : 0),
      Gauge("term", "The node's term.", number(raft.soft.term.value)),
      Gauge("first_index", "First entry that the log still has.", number(raft.first.value)),
      Gauge("last_index", "Last entry of the log.", number(raft.last.value)),
      Gauge("persisted_index", "Last entry that is on the disk.", number(raft.persisted.value)),
      Gauge("commit_index", "Last entry known to be decided.", number(raft.commit.value)),
      Gauge("applied_index", "Last entry that the state has.", number(raft.applied.value)),
      Gauge("voters", "Members that vote.", number(raft.config.voters.size())),
      Gauge("learners", "Members that receive the log and do not vote.",
            number(raft.config.learners.size())),
      Gauge("damaged", "1 if the disk lost something it had confirmed.", raft.damaged),
      Gauge("disk_full", "1 while nothing is taken because the disk is full.", status.disk_full),
      Gauge("disk_stalled", "1 while a write waits for more than half an election timeout.",
            status.disk_stalled),
      Gauge("disk_bytes", "Bytes of the log's segments.", number(status.bytes_used)),
      Gauge("waiting_calls", "Calls that are under way.", number(status.waiting_calls)),
      Family(MetricType::Counter, "messages_refused_total",
             "Messages of strangers: another cluster, no members.")
          .Add(number(status.messages_refused))
          .Take(),
  };
  if (raft.soft.role == Role::kLeader) AddPeers(raft, families);
  return families;
}

std::unique_ptr<LogStorage> Measured(std::unique_ptr<LogStorage> storage, ConsensusMetrics& metrics,
                                     Clock& clock) {
  return std::make_unique<MeasuredStorage>(std::move(storage), metrics, clock);
}

}  // namespace z4j::consensus
