#include "services/consensus/rpc/observe_stream.h"

#include "services/consensus/limits.h"
#include "services/consensus/rpc/convert.h"
#include "services/consensus/rpc/failure.h"

namespace z4j::consensus {

void SetLeader(const std::string& name, const Holder& holder, v1::Leader* out) {
  out->set_name(name);
  out->set_token(holder.token.value);
  out->set_session_id(holder.session.value);
  out->set_value(holder.value);
}

ObserveStream* ObserveStream::Open(RpcContext& rpc, const grpc::Status& admitted,
                                   const v1::ObserveRequest& request) {
  auto stream = std::shared_ptr<ObserveStream>(new ObserveStream(rpc, request));
  stream->Begin(stream);
  if (!admitted.ok()) {
    stream->End(admitted);
    return stream.get();
  }
  if (const absl::Status named = CheckName("name", request.name()); !named.ok()) {
    stream->End(FailedField(named));
    return stream.get();
  }
  const absl::Status taken =
      rpc.node->Look([stream](const CallResult& result, const Replica& replica) {
        if (result.fate != Fate::kDone) {
          stream->End(FailureOf(stream->rpc_, result, replica, /*overdue=*/false));
        } else {
          stream->Look(replica.machine());
        }
      });
  if (!taken.ok()) stream->End(NotTaken(rpc, taken));
  return stream.get();
}

void ObserveStream::Look(const CoordinationMachine& machine) {
  if (machine.revision() < after_) {
    Added(rpc_.hub.AddLater(after_, shared_from_this()));
  } else {
    OnCaughtUp(machine);
  }
}

void ObserveStream::OnCaughtUp(const CoordinationMachine& machine) {
  v1::ObserveResponse present;
  present.set_revision(machine.revision().value);
  if (const Claim* claim = machine.claims(ClaimKind::kElection).Find(name_)) {
    SetLeader(name_, claim->holder, present.mutable_leader());
  }
  Send(std::move(present));
  Added(rpc_.hub.Add(name_, shared_from_this()));
}

void ObserveStream::Added(const absl::Status& status) {
  if (!status.ok()) return End(NotTaken(rpc_, status));
  if (over()) rpc_.hub.Remove(name_, this);  // OnGone came before.
}

void ObserveStream::OnLeader(const LeaderChanged& changed) {
  if (queued() >= kObserveBufferMax) {
    return End(Failed(v1::FAILURE_REASON_SLOW_WATCHER,
                      "the changes are read too slowly; observe again after the last revision"));
  }
  v1::ObserveResponse response;
  response.set_revision(changed.revision.value);
  if (changed.leader) SetLeader(name_, *changed.leader, response.mutable_leader());
  Send(std::move(response));
}

void ObserveStream::OnReplaced() {
  End(Failed(v1::FAILURE_REASON_INTERRUPTED,
             "a snapshot took the place of changes; observe again after the last revision"));
}

}  // namespace z4j::consensus
