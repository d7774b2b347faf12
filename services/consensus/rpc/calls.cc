#include "services/consensus/rpc/calls.h"

#include <algorithm>

#include "services/consensus/limits.h"

namespace z4j::consensus {

grpc::Status Admit(RpcContext& rpc, const grpc::CallbackServerContext& context, Lane lane) {
  const absl::Status status = rpc.admission.Admit(context.peer(), lane, rpc.clock.MonoNow());
  if (status.ok()) return grpc::Status::OK;
  if (rpc.options.on_refused) rpc.options.on_refused();
  return FailedLimit(status);
}

grpc::ServerUnaryReactor* RefuseIfTooMany(RpcContext& rpc, grpc::CallbackServerContext* context,
                                          Lane lane) {
  const grpc::Status admitted = Admit(rpc, *context, lane);
  return admitted.ok() ? nullptr : Refuse(context, admitted);
}

MonoTime DeadlineOf(const RpcContext& rpc, const grpc::CallbackServerContext& context) {
  // gRPC counts by the wall clock; only what is left of it matters.
  const absl::Duration left = absl::FromChrono(context.deadline()) - rpc.clock.Now();
  return rpc.clock.MonoNow() + std::clamp(left, absl::ZeroDuration(), kCallTimeMax);
}

grpc::ServerUnaryReactor* Refuse(grpc::CallbackServerContext* context, const grpc::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

}  // namespace z4j::consensus
