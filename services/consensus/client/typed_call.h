#ifndef Z4J_CONSENSUS_CLIENT_TYPED_CALL_H_
#define Z4J_CONSENSUS_CLIENT_TYPED_CALL_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <utility>

#include "services/consensus/client/connection.h"
#include "z4j/consensus/v1/common.pb.h"

// Calls of the generated stubs by a Connection; for this room.
namespace z4j::consensus::client {

template <typename Stub, typename Request, typename Response>
using StubMethod = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

template <typename Stub, typename Request, typename Response>
Result<Response> TypedCall(Connection& connection, const CallPlan& plan,
                           StubMethod<Stub, Request, Response> method, const Request& request) {
  Response response;
  const Result<Done> done = connection.Call(
      plan, [&](const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext* context) {
        response.Clear();
        return (Stub(channel).*method)(context, request, &response);
      });
  if (!done.ok()) return done.failure();
  return response;
}

template <typename Stub, typename Request, typename Response>
Result<Response> TypedCallNode(Connection& connection, const std::string& endpoint,
                               const CallOptions& options,
                               StubMethod<Stub, Request, Response> method, const Request& request) {
  Response response;
  const Result<Done> done = connection.CallNode(
      endpoint, options,
      [&](const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext* context) {
        return (Stub(channel).*method)(context, request, &response);
      });
  if (!done.ok()) return done.failure();
  return response;
}

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_TYPED_CALL_H_
