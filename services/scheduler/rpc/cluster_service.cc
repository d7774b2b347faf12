#include "services/scheduler/rpc/cluster_service.h"

#include <algorithm>

#include "services/base/field_error.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
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
  out->set_shadow(count(ScheduleState::kShadow));
  out->set_total(out->enabled() + out->paused() + out->finished() + out->quarantined() +
                 out->shadow());
}

void SetPeer(const ConsensusPeerState& peer, v1::ConsensusPeer* out) {
  out->set_node(peer.name);
  out->set_number(peer.number);
  out->set_address(peer.address);
  out->set_voter(peer.voter);
  out->set_leader(peer.leader);
  out->set_folder_lost(peer.stranger);
  if (peer.reachable) out->set_reachable(*peer.reachable);
  if (peer.lag_entries) out->set_lag_entries(*peer.lag_entries);
  if (peer.round_trip) SetDuration(*peer.round_trip, out->mutable_round_trip());
}

void SetConsensus(const ConsensusState& state, v1::ConsensusStatus* out) {
  out->set_role(state.role);
  out->set_term(state.term);
  out->set_epoch(state.epoch);
  out->set_last_index(state.last_index);
  out->set_commit_index(state.commit_index);
  out->set_applied_index(state.applied_index);
  if (state.lease_remaining) SetDuration(*state.lease_remaining, out->mutable_lease_remaining());
  for (const ConsensusPeerState& peer : state.peers) SetPeer(peer, out->add_peers());
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
    SetEngineStatus(engine, out->add_engines());
  }
  if (status.consensus) SetConsensus(*status.consensus, out->mutable_consensus());
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

grpc::ServerUnaryReactor* ClusterServiceImpl::GetHealth(grpc::CallbackServerContext* context,
                                                        const v1::GetHealthRequest*,
                                                        v1::GetHealthResponse* response) {
  return AnswerOnPool(rpc_, context, [this, response] {
    response->set_state(v1::HEALTH_STATE_OK);
    for (const HealthFinding& finding : rpc_.cluster.Health()) {
      const auto state = finding.failing ? v1::HEALTH_STATE_FAILING : v1::HEALTH_STATE_DEGRADED;
      response->set_state(std::max(response->state(), state));
      v1::HealthFinding* added = response->add_findings();
      added->set_state(state);
      added->set_reason(finding.reason);
    }
    response->set_node(rpc_.cluster.Status().node);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ClusterServiceImpl::TransferLeadership(
    grpc::CallbackServerContext* context, const v1::TransferLeadershipRequest* request,
    v1::TransferLeadershipResponse* response) {
  const Caller caller = CallerOf(*context);
  return AnswerOnPool(rpc_, context, [this, request, response, caller]() -> absl::Status {
    LogInfo("asked to hand over", {{"actor", caller.actor}, {"to", request->node()}});
    const MonoTime begin = rpc_.clock.MonoNow();
    ASSIGN_OR_RETURN(*response->mutable_leader(), rpc_.cluster.TransferLeadership(request->node()));
    SetDuration(rpc_.clock.MonoNow() - begin, response->mutable_elapsed());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ClusterServiceImpl::ListMembers(grpc::CallbackServerContext* context,
                                                          const v1::ListMembersRequest*,
                                                          v1::ListMembersResponse* response) {
  return AnswerOnPool(rpc_, context, [this, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto members, rpc_.cluster.Members());
    for (const ConsensusPeerState& member : members) SetPeer(member, response->add_members());
    return absl::OkStatus();
  });
}

template <typename Response>
grpc::ServerUnaryReactor* ClusterServiceImpl::ChangeMembers(grpc::CallbackServerContext* context,
                                                            MemberWish wish, Response* response) {
  const Caller caller = CallerOf(*context);
  return AnswerOnPool(
      rpc_, context, [this, wish = std::move(wish), caller, response]() -> absl::Status {
        if (wish.node.empty()) return FieldError("node", "is required");
        ASSIGN_OR_RETURN(const auto members, rpc_.cluster.ChangeMembers(wish, caller));
        for (const ConsensusPeerState& member : members) {
          SetPeer(member, response->add_members());
        }
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* ClusterServiceImpl::AddMember(grpc::CallbackServerContext* context,
                                                        const v1::AddMemberRequest* request,
                                                        v1::AddMemberResponse* response) {
  return ChangeMembers(context, {MemberWish::Verb::kAdd, request->node(), request->address()},
                       response);
}

grpc::ServerUnaryReactor* ClusterServiceImpl::PromoteMember(grpc::CallbackServerContext* context,
                                                            const v1::PromoteMemberRequest* request,
                                                            v1::PromoteMemberResponse* response) {
  return ChangeMembers(context, {MemberWish::Verb::kPromote, request->node(), ""}, response);
}

grpc::ServerUnaryReactor* ClusterServiceImpl::RemoveMember(grpc::CallbackServerContext* context,
                                                           const v1::RemoveMemberRequest* request,
                                                           v1::RemoveMemberResponse* response) {
  return ChangeMembers(context, {MemberWish::Verb::kRemove, request->node(), ""}, response);
}

}  // namespace z4j::scheduler
