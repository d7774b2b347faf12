// Fires, audit entries, adapters: records that only go out.
#include "services/scheduler/rpc/cluster_view.h"
#include "services/scheduler/rpc/convert.h"
#include "services/scheduler/rpc/names.h"

namespace z4j::scheduler {

// The numbers of the messages are those that are stored.
static_assert(v1::Fire::STATE_SKIPPED == static_cast<int>(FireState::kSkipped));
static_assert(v1::Fire::KIND_RETRY == static_cast<int>(FireKind::kRetry));
static_assert(v1::Fire::REASON_EXPIRED_IN_QUEUE == static_cast<int>(FireReason::kExpiredInQueue));

void SetFire(const Fire& fire, const ScheduleKey& schedule, v1::Fire* out) {
  out->set_name(FireResourceName(schedule, fire.id));
  out->set_uid(fire.id.ToString());
  out->set_schedule_uid(fire.key.schedule.ToString());
  SetTime(fire.key.due_at, out->mutable_due_time());
  out->set_kind(static_cast<v1::Fire::Kind>(fire.kind));
  out->set_state(static_cast<v1::Fire::State>(fire.state));
  out->set_reason(static_cast<v1::Fire::Reason>(fire.reason));
  SetTime(fire.dispatch_after, out->mutable_dispatch_after_time());
  SetTime(fire.decided_at, out->mutable_decide_time());
  if (fire.dispatched_at != absl::InfinitePast()) {
    SetTime(fire.dispatched_at, out->mutable_dispatch_time());
  }
  if (fire.started_at != absl::InfinitePast()) SetTime(fire.started_at, out->mutable_start_time());
  if (fire.finished_at != absl::InfinitePast()) {
    SetTime(fire.finished_at, out->mutable_finish_time());
  }
  out->set_attempts(fire.attempts);
  out->set_error(fire.error);
  out->set_adapter(fire.adapter);
  out->set_count(fire.count);
  SetTime(fire.first_due_at, out->mutable_first_due_time());
  out->set_args_json(fire.args_json);
  out->set_kwargs_json(fire.kwargs_json);
  out->set_run(fire.run);
  if (!fire.retry_of.value.is_zero()) out->set_retry_of(fire.retry_of.ToString());
}

void SetAuditEntry(const AuditEntry& entry, v1::AuditEntry* out) {
  out->set_sequence(entry.seq);
  SetTime(entry.at, out->mutable_time());
  out->set_actor(entry.actor);
  out->set_source(entry.source);
  out->set_action(entry.action);
  out->set_resource(entry.resource);
  if (!entry.schedule.value.is_zero()) out->set_schedule_uid(entry.schedule.ToString());
  out->set_before_json(entry.before);
  out->set_after_json(entry.after);
  out->set_request_id(entry.request_id);
  out->set_key_id(entry.key_id);
  out->set_previous_mac(entry.previous_mac);
  out->set_mac(entry.mac);
}

void SetEngineStatus(const EngineBacklog& engine, v1::EngineStatus* out) {
  out->set_engine(engine.engine);
  out->set_pending(engine.pending);
  out->set_in_flight(engine.in_flight);
  out->set_adapters(engine.adapters);
  out->set_reason(engine.reason);
}

void SetAdapterStatus(const AdapterStatus& status, v1::AdapterStatus* out) {
  const AdapterInfo& info = status.info;
  out->set_engine(info.engine);
  out->set_instance(info.instance);
  out->set_version(info.version);
  out->set_engine_version(info.engine_version);
  v1::Capabilities* can = out->mutable_capabilities();
  can->set_delivery(info.capabilities.effectively_once ? v1::DELIVERY_GUARANTEE_EFFECTIVELY_ONCE
                                                       : v1::DELIVERY_GUARANTEE_AT_LEAST_ONCE);
  can->set_outcomes(info.capabilities.outcomes);
  can->set_outcomes_hint(info.capabilities.outcomes_hint);
  can->set_cancel(info.capabilities.cancel);
  can->set_terminate(info.capabilities.terminate);
  can->set_priority(info.capabilities.priority);
  can->set_expires(info.capabilities.expires);
  can->set_lookup(info.capabilities.lookup);
  can->set_list_queues(info.capabilities.list_queues);
  can->set_list_workers(info.capabilities.list_workers);
  can->set_purge(info.capabilities.purge);
  for (const EngineOption& option : info.capabilities.options) {
    v1::EngineOption* added = can->add_options();
    added->set_name(option.name);
    added->set_type(option.type);
    added->set_description(option.description);
  }
  for (const std::string& queue : info.queues) out->add_queues(queue);
  for (const std::string& task : info.tasks) out->add_tasks(task);
  out->mutable_labels()->insert(info.labels.begin(), info.labels.end());
  out->set_leaving(status.leaving);
  out->set_max_in_flight(info.max_in_flight);
  out->set_in_flight(status.in_flight);
  out->set_load(status.load);
  out->set_health(status.health);
  SetTime(info.connected_at, out->mutable_connect_time());
  SetTime(status.last_heartbeat, out->mutable_heartbeat_time());
}

}  // namespace z4j::scheduler
