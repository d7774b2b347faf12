// What a node tells of itself.
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/scheduler/dispatch/dispatcher.h"
#include "services/scheduler/embedded_consensus.h"
#include "services/scheduler/server.h"
#include "services/scheduler/store/postgres/migrations.h"
#include "services/scheduler/store/sqlite/migrations.h"
#include "services/scheduler/version.h"

namespace z4j::scheduler {
namespace {

std::string WhyFiresWait(const EngineStatus& engine) {
  if (engine.waiting == 0) return "";
  switch (engine.reason) {
    case FireReason::kNoAdapter:
      return engine.note;
    case FireReason::kEngineUnavailable:
      return absl::StrCat("the broker of ", engine.engine, " cannot be reached");
    default:
      return "";
  }
}

const char* ElectionName(Election election) {
  switch (election) {
    case Election::kSolo:
      return "solo";
    case Election::kPostgres:
      return "postgres";
    case Election::kRaft:
      return "raft";
  }
  return "";
}

}  // namespace

ClusterStatus Server::Status() {
  ClusterStatus status;
  status.version = kVersion;
  status.node = config_.node_id;
  status.election = ElectionName(config_.election);
  status.store = config_.embedded() ? "sqlite" : "postgres";
  status.is_leader = elector_->Current(clock_.MonoNow()).has_value();
  status.leader = elector_->Leader();
  status.engines = Engines();
  status.schema_version = static_cast<int>(config_.embedded() ? SqliteMigrations().size()
                                                              : PostgresMigrations().size());
  // While the store cannot be reached, the rest is worth the more.
  if (auto counts = store_->CountSchedules(); counts.ok()) status.schedules = *std::move(counts);
  status.adapters = dispatcher_->Adapters();
  if (consensus_ != nullptr) status.consensus = consensus_->State();
  status.started_at = started_at_;
  status.uptime = clock_.MonoNow() - started_mono_;
  return status;
}

std::vector<EngineBacklog> Server::Engines() {
  std::vector<EngineBacklog> engines;
  for (const EngineStatus& engine : dispatcher_->Engines()) {
    engines.push_back(
        {engine.engine, engine.waiting, engine.in_flight, engine.adapters, WhyFiresWait(engine)});
  }
  return engines;
}

void Server::Ask(const std::string& engine, const std::string& instance,
                 const AdapterQuestion& question, OnAnswer done) {
  dispatcher_->Ask(engine, instance, question, std::move(done));
}

std::vector<AdapterStatus> Server::Adapters() { return dispatcher_->Adapters(); }

WaitCause Server::WhyWaits(const Route& route) { return dispatcher_->WhyWaits(route); }

std::string Server::WhyBlind(const std::string& engine, const std::string& instance) {
  return dispatcher_->WhyBlind(engine, instance);
}

void Server::CancelFire(const std::string& engine, const Fire& fire, bool terminate) {
  // One that is still with the dispatcher is taken back by the loop, which sees the mutation.
  if (fire.state == FireState::kPending) return;
  std::string asked = engine;
  for (const AdapterStatus& adapter : dispatcher_->Adapters()) {
    if (asked.empty() && adapter.info.instance == fire.adapter) asked = adapter.info.engine;
  }
  dispatcher_->CancelAtEngine(asked, fire.adapter, fire.key, fire.id, terminate);
}

}  // namespace z4j::scheduler
