#include "services/consensus/rpc/cluster_service.h"

#include <algorithm>

#include "services/consensus/rpc/calls.h"
#include "services/consensus/rpc/cluster_convert.h"
#include "services/consensus/rpc/health.h"
#include "services/consensus/rpc/snapshot_stream.h"

namespace z4j::consensus {

grpc::ServerUnaryReactor* ClusterServiceImpl::ListMembers(grpc::CallbackServerContext* context,
                                                          const v1::ListMembersRequest*,
                                                          v1::ListMembersResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  // What this node knows: a client that looks for a leader asks when nobody could confirm it.
  return AnswerRead(rpc_, context, /*allow_stale=*/true, response,
                    [response](const Replica& replica) {
                      const RaftStatus raft = replica.status();
                      SetMembers(raft.config, response->mutable_members());
                      response->set_leader_id(raft.soft.leader.value);
                      return grpc::Status::OK;
                    });
}

grpc::ServerUnaryReactor* ClusterServiceImpl::GetStatus(grpc::CallbackServerContext* context,
                                                        const v1::GetStatusRequest*,
                                                        v1::GetStatusResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  const auto fill = [this, response](const Replica& replica) {
    const RaftStatus raft = replica.status();
    const MonoTime now = rpc_.clock.MonoNow();
    response->set_version(rpc_.options.version);
    response->set_role(RoleOf(raft, rpc_.options.identity.id));
    response->set_leader_id(raft.soft.leader.value);
    response->set_last_index(raft.last.value);
    response->set_commit_index(raft.commit.value);
    response->set_applied_index(raft.applied.value);
    response->set_snapshot_index(replica.snapshot_index().value);
    response->set_epoch(static_cast<uint32_t>(replica.machine().epoch().value));
    response->set_damaged(raft.damaged);
    SetPeers(raft, now, response->mutable_peers());
    SetDuration(now - rpc_.started, response->mutable_uptime());
    return grpc::Status::OK;
  };
  return AnswerRead(rpc_, context, /*allow_stale=*/true, response, fill);
}

grpc::ServerWriteReactor<v1::SaveSnapshotResponse>* ClusterServiceImpl::SaveSnapshot(
    grpc::CallbackServerContext* context, const v1::SaveSnapshotRequest*) {
  return SnapshotStream::Open(rpc_, Admit(rpc_, *context, Lane::kVital));
}

grpc::ServerUnaryReactor* ClusterServiceImpl::CheckHash(grpc::CallbackServerContext* context,
                                                        const v1::CheckHashRequest*,
                                                        v1::CheckHashResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  return AnswerRead(rpc_, context, /*allow_stale=*/true, response,
                    [response](const Replica& replica) {
                      response->set_applied_index(replica.machine().applied().value);
                      response->set_hash(replica.machine().Hash());
                      return grpc::Status::OK;
                    });
}

// Without the core thread, which may be what is ill.
grpc::ServerUnaryReactor* ClusterServiceImpl::GetHealth(grpc::CallbackServerContext* context,
                                                        const v1::GetHealthRequest*,
                                                        v1::GetHealthResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kVital)) return refused;
  const NodeHealth health = rpc_.node->Health();
  const RaftStatus& raft = health.status.raft;
  const MonoTime now = rpc_.clock.MonoNow();
  std::optional<uint64_t> free_bytes;
  if (rpc_.options.disk_free_bytes) free_bytes = rpc_.options.disk_free_bytes();
  const HealthVerdict verdict = Judge(health, rpc_.node->election_timeout(), free_bytes);
  response->set_ready(verdict.ready);
  for (const std::string& alarm : verdict.alarms) response->add_alarms(alarm);
  response->set_role(RoleOf(raft, rpc_.options.identity.id));
  response->set_leader_id(raft.soft.leader.value);
  if (raft.soft.role == Role::kLeader && raft.lease_until) {
    SetDuration(std::max(*raft.lease_until - now, absl::ZeroDuration()),
                response->mutable_lease_remaining());
  }
  response->set_apply_lag_entries(ApplyLag(raft));
  SetDuration(health.append_p50, response->mutable_fsync_p50());
  SetDuration(health.append_p99, response->mutable_fsync_p99());
  SetDuration(health.oldest_unsynced, response->mutable_oldest_unsynced());
  SetDuration(health.loop_stall, response->mutable_loop_stall());
  response->set_disk_free_bytes(free_bytes.value_or(0));
  SetPeers(raft, now, response->mutable_peers());
  return Refuse(context, grpc::Status::OK);
}

}  // namespace z4j::consensus
