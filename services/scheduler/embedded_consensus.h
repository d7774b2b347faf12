#ifndef Z4J_SCHEDULER_EMBEDDED_CONSENSUS_H_
#define Z4J_SCHEDULER_EMBEDDED_CONSENSUS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/base/clock.h"
#include "services/scheduler/config.h"
#include "services/scheduler/elect/leadership_source.h"
#include "services/scheduler/rpc/cluster_view.h"

namespace z4j::consensus {
class ConsensusServer;
struct ConsensusOptions;
}  // namespace z4j::consensus

namespace z4j::scheduler {

// The consensus node in this process, as the elector asks for it.  Before Start() and after Stop()
// it leads nothing and knows nobody.
class EmbeddedConsensus final : public LeadershipSource, public prometheus::Collectable {
 public:
  // `clock` outlives this, and is the machine's own.
  EmbeddedConsensus(const ServerConfig& config, Clock& clock);
  ~EmbeddedConsensus() override;  // Stops.

  // Begins to take part.  `on_fatal`: the process must end.  Errors as ConsensusServer::Start, with
  // the names of our settings.
  absl::Status Start(std::function<void(const absl::Status&)> on_fatal);
  // Takes part no more, at once: hand leadership over before.  Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  std::optional<ConsensusState> State() ABSL_LOCKS_EXCLUDED(mu_);
  // What the node measures, under "z4j_consensus_"; nothing while it does not run.
  std::vector<prometheus::MetricFamily> Collect() const override ABSL_LOCKS_EXCLUDED(mu_);

  // Writes a change to the audit log.
  using RecordChange = absl::FunctionRef<absl::Status(const RecordClusterChange&)>;
  // Does what is wished, at the latest by `deadline`.  Each change is recorded before it is made;
  // if that fails it is not made.  Any error but UNAVAILABLE: it was not made.
  //   INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, RESOURCE_EXHAUSTED  as Plan… (member_changes.h)
  //   FAILED_PRECONDITION  also if this node does not lead, or leads and is to be removed, or if
  //                        another change is under way.
  //   UNAVAILABLE          it is not known whether it was made.
  absl::Status ChangeMembers(const MemberWish& wish, MonoTime deadline, RecordChange record)
      ABSL_LOCKS_EXCLUDED(mu_);

  // --- LeadershipSource ---
  void SetOnChange(std::function<void()> on_change) override ABSL_LOCKS_EXCLUDED(change_mu_);
  std::optional<LeaderTerm> Held() override ABSL_LOCKS_EXCLUDED(mu_);
  LeaderInfo Leader() override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status CheckSuccessor(const std::string& node) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status HandOver(const std::string& successor, MonoTime deadline) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void Campaign() override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status RaiseTokens(FencingToken seen, MonoTime deadline) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct MemberPlan;

  consensus::ConsensusOptions Options() const;
  // Null: it does not run.
  std::shared_ptr<consensus::ConsensusServer> server() const ABSL_LOCKS_EXCLUDED(mu_);
  std::string NameOf(uint64_t number) const;
  // Of a name, or a bare number.  INVALID_ARGUMENT.
  absl::StatusOr<uint64_t> NumberOfMember(const std::string& node) const;
  absl::StatusOr<MemberPlan> PlanMembers(const MemberWish& wish,
                                         consensus::ConsensusServer& server) const;

  const ServerConfig config_;
  Clock& clock_;

  mutable absl::Mutex mu_;
  std::shared_ptr<consensus::ConsensusServer> server_ ABSL_GUARDED_BY(mu_);
  absl::Mutex change_mu_;  // Held during the callback.
  std::function<void()> on_change_ ABSL_GUARDED_BY(change_mu_) = [] {};
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_EMBEDDED_CONSENSUS_H_
