#ifndef Z4J_BASE_TESTING_HEALTH_CHECK_H_
#define Z4J_BASE_TESTING_HEALTH_CHECK_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>

#include <chrono>
#include <memory>
#include <string>

#include "grpc_health/v1/health.pb.h"

namespace z4j {

// What a server's health service says of `service`: "SERVING", "NOT_SERVING"; or the message of an
// error.
inline std::string HealthOf(const std::shared_ptr<grpc::Channel>& channel,
                            const std::string& service) {
  namespace health = grpc::health::v1;
  health::HealthCheckRequest request;
  request.set_service(service);
  health::HealthCheckResponse response;
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
  const grpc::internal::RpcMethod check("/grpc.health.v1.Health/Check",
                                        grpc::internal::RpcMethod::NORMAL_RPC);
  const grpc::Status status =
      grpc::internal::BlockingUnaryCall(channel.get(), check, &context, request, &response);
  if (!status.ok()) return status.error_message();
  return health::HealthCheckResponse::ServingStatus_Name(response.status());
}

}  // namespace z4j

#endif  // Z4J_BASE_TESTING_HEALTH_CHECK_H_
