#ifndef Z4J_CONSENSUS_RPC_FAILURE_H_
#define Z4J_CONSENSUS_RPC_FAILURE_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/consensus/machine/answer.h"
#include "services/consensus/rpc/context.h"
#include "z4j/consensus/v1/common.pb.h"

// Errors as common.proto promises them: a code, and a Failure that says what became of the request.
namespace z4j::consensus {

// The code and the outcome are those of the reason (failure.cc has the table).
grpc::Status Failed(v1::FailureReason reason, absl::string_view message);
// The same with what else `failure` says; an outcome that is set there holds.
grpc::Status Failed(absl::string_view message, v1::Failure failure);
// Where the code is another one than the reason's.
grpc::Status Failed(absl::StatusCode code, v1::FailureReason reason, absl::string_view message);
// What FieldError made.
grpc::Status FailedField(const absl::Status& field_error);

// What Admission refused: not done, and when to ask again.
grpc::Status FailedLimit(const absl::Status& refused);

// With the hint where the leader is, as far as the node knows.
grpc::Status NotLeaderFailure(const RpcContext& rpc, const SoftState& soft,
                              absl::string_view message);
// A wait that ended with the leadership: the place in the queue remains.
grpc::Status InterruptedFailure(const RpcContext& rpc, const SoftState& soft,
                                absl::string_view message);

// What a call is answered that the node, or the hub, did not take.
grpc::Status NotTaken(const RpcContext& rpc, const absl::Status& status);
// What a call of Node with any fate but kDone is answered; `overdue`: its deadline has passed.
grpc::Status FailureOf(const RpcContext& rpc, const CallResult& result, const Replica& replica,
                       bool overdue);
// What an answer of the machine with any code but kOk becomes; `request`: what was asked under.
grpc::Status FailureOf(const Answer& answer, const std::optional<RequestId>& request);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_FAILURE_H_
