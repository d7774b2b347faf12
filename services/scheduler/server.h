#ifndef Z4J_SCHEDULER_SERVER_H_
#define Z4J_SCHEDULER_SERVER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/base/clock.h"
#include "services/scheduler/config.h"
#include "services/scheduler/rpc/cluster_view.h"
#include "services/scheduler/store/schedule_store.h"

namespace prometheus {
class Registry;
}

namespace z4j {
class HttpServer;
}

namespace z4j::scheduler {

class AuditedChanges;
class Committer;
class Dispatcher;
class EmbeddedConsensus;
class FireLoop;
class GrpcServer;
class Keyring;
class SchedulerMetrics;
class StreamServer;
class UpdateWriter;

// The store that `config` names, opened and not migrated; codes as its Open.
absl::StatusOr<std::unique_ptr<ScheduleStore>> OpenStore(const ServerConfig& config, Clock& clock);

// One node, put together and running.  The only place, besides tests, that names implementations.
class Server final : public ClusterView {
 public:
  // Called once if the process must end: what is stored is wrong.  From any thread.
  using OnFatal = std::function<void(const absl::Status&)>;

  // Migrates the store, starts everything and serves.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerConfig& config,
                                                       OnFatal on_fatal);
  ~Server() override;  // Stops.

  int grpc_port() const;
  int http_port() const;  // 0: none.

  // Says that it goes away, finishes what is at work, gives leadership up, ends the streams, stops.
  // Idempotent.
  void Stop();

  // ClusterView
  ClusterStatus Status() override;
  std::vector<HealthFinding> Health() override;
  absl::StatusOr<std::string> TransferLeadership(const std::string& node) override;
  absl::StatusOr<std::vector<ConsensusPeerState>> Members() override;
  absl::StatusOr<std::vector<ConsensusPeerState>> ChangeMembers(const MemberWish& wish,
                                                                const Caller& caller) override;
  std::vector<EngineBacklog> Engines() override;
  std::vector<AdapterStatus> Adapters() override;
  void Ask(const std::string& engine, const std::string& instance, const AdapterQuestion& question,
           OnAnswer done) override;
  WaitCause WhyWaits(const Route& route) override;
  std::string WhyBlind(const std::string& engine, const std::string& instance) override;
  void CancelFire(const std::string& engine, const Fire& fire, bool terminate) override;

 private:
  explicit Server(const ServerConfig& config);
  // Waits until another node ticks, or this one again.
  absl::StatusOr<std::string> AwaitSuccessor();
  // Writes the entry of a change of the cluster, or that such a change came to nothing.
  absl::Status Audit(const RecordClusterChange& change, const Caller& caller);
  void AuditFailure(const RecordClusterChange& change, const absl::Status& why,
                    const Caller& caller);
  absl::Status Build(OnFatal on_fatal);
  absl::Status Serve();
  // On the committer's thread, after each transaction.
  void OnCommit();
  std::string NotReady();

  const ServerConfig config_;
  SystemClock clock_;
  const absl::Time started_at_;
  const MonoTime started_mono_;
  OnFatal on_fatal_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> changing_members_ = false;

  // In the order in which they are built; each uses some of those above it.
  std::unique_ptr<prometheus::Registry> registry_;
  std::unique_ptr<SchedulerMetrics> metrics_;
  std::unique_ptr<ScheduleStore> store_;
  std::unique_ptr<Keyring> keys_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<EmbeddedConsensus> consensus_;  // Null: the election is another one.
  std::unique_ptr<LeaderElector> elector_;
  std::unique_ptr<UpdateWriter> writer_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<AuditedChanges> changes_;
  std::unique_ptr<FireLoop> loop_;
  std::unique_ptr<StreamServer> streams_;
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<HttpServer> http_;
  // Whom OnCommit wakes; null before they are there.
  std::atomic<FireLoop*> wake_loop_ = nullptr;
  std::atomic<GrpcServer*> wake_watches_ = nullptr;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_SERVER_H_
