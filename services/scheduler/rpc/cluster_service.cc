#include "services/scheduler/rpc/cluster_service.h"

#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/rpc/answer.h"
#include "services/scheduler/rpc/unary.h"

namespace z4j::scheduler {
namespace {

void SetCounts(const std::map<ScheduleState, int64_t>& counts, v1::ScheduleCounts* out) {
  const auto count = [&](ScheduleState state) {
    const auto found = counts.find(state);
    return found == counts.end() ? 0 : found->second;
  };
  out->set_enabled(count(ScheduleState::kEnabled));
  out->set_paused(count(ScheduleState::kPaused));
  out->set_finished(count(ScheduleState::kFinished));
  out->set_quarantined(count(ScheduleState::kQuarantined));
  out->set_total(out->enabled() + out->paused() + out->finished() + out->quarantined());
}

void SetStatus(const ClusterStatus& status, v1::GetStatusResponse* out) {
  out->set_version(status.version);
  out->set_node(status.node);
  out->set_is_leader(status.is_leader);
  out->set_leader(status.leader.holder);
  out->set_token(status.leader.token.value);
  out->set_election(status.election);
  out->set_store(status.store);
  out->set_schema_version(status.schema_version);
  out->set_tzdata_version(TzdataVersion());
  SetCounts(status.schedules, out->mutable_schedules());
  for (const EngineBacklog& engine : status.engines) {
    v1::EngineStatus* added = out->add_engines();
    added->set_engine(engine.engine);
    added->set_pending(engine.pending);
    added->set_in_flight(engine.in_flight);
    added->set_adapters(engine.adapters);
    added->set_reason(engine.reason);
  }
  AnswerRoom room;
  for (const AdapterStatus& adapter : status.adapters) {
    v1::AdapterStatus* added = out->add_adapters();
    SetAdapterStatus(adapter, added);
    if (!room.Take(*added)) added->clear_tasks();
  }
  SetTime(status.started_at, out->mutable_start_time());
  SetDuration(status.uptime, out->mutable_uptime());
}

}  // namespace

grpc::ServerUnaryReactor* ClusterServiceImpl::GetStatus(grpc::CallbackServerContext* context,
                                                        const v1::GetStatusRequest*,
                                                        v1::GetStatusResponse* response) {
  return AnswerOnPool(rpc_, context, [this, response] {
    SetStatus(rpc_.cluster.Status(), response);
    return absl::OkStatus();
  });
}

}  // namespace z4j::scheduler
