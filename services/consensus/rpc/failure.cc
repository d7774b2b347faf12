#include "services/consensus/rpc/failure.h"

#include <string>

#include "services/base/field_error.h"
#include "services/base/grpc_status.h"

namespace z4j::consensus {
namespace {

struct Meaning {
  absl::StatusCode code;
  v1::Outcome outcome;
};

Meaning MeaningOf(v1::FailureReason reason) {
  using Code = absl::StatusCode;
  switch (reason) {
    case v1::FAILURE_REASON_INVALID:
      return {Code::kInvalidArgument, v1::OUTCOME_REFUSED};
    case v1::FAILURE_REASON_NOT_LEADER:
    case v1::FAILURE_REASON_CHANGE_IN_PROGRESS:
    case v1::FAILURE_REASON_LAGGING:
    case v1::FAILURE_REASON_QUORUM_WOULD_BE_LOST:
      return {Code::kFailedPrecondition, v1::OUTCOME_NOT_DONE};
    case v1::FAILURE_REASON_NOT_GRANTED:
    case v1::FAILURE_REASON_NOT_A_VOTER:
      return {Code::kFailedPrecondition, v1::OUTCOME_REFUSED};
    case v1::FAILURE_REASON_SESSION_LOST:
    case v1::FAILURE_REASON_SEQUENCE_FORGOTTEN:
    case v1::FAILURE_REASON_TOKEN_MISMATCH:
    case v1::FAILURE_REASON_COMPACTED:
      return {Code::kAborted, v1::OUTCOME_REFUSED};
    case v1::FAILURE_REASON_LIMIT:
      return {Code::kResourceExhausted, v1::OUTCOME_NOT_DONE};
    case v1::FAILURE_REASON_SLOW_WATCHER:
    case v1::FAILURE_REASON_DROPPED:
      return {Code::kUnavailable, v1::OUTCOME_NOT_DONE};
    case v1::FAILURE_REASON_NOT_FOUND:
      return {Code::kNotFound, v1::OUTCOME_REFUSED};
    case v1::FAILURE_REASON_ALREADY_EXISTS:
      return {Code::kAlreadyExists, v1::OUTCOME_REFUSED};
    default:  // INTERRUPTED, NO_QUORUM, and what is not sent.
      return {Code::kUnavailable, v1::OUTCOME_UNKNOWN};
  }
}

grpc::Status Make(absl::StatusCode code, absl::string_view message, v1::Failure failure) {
  if (failure.outcome() == v1::OUTCOME_UNSPECIFIED) {
    failure.set_outcome(MeaningOf(failure.reason()).outcome);
  }
  return ToGrpcStatus(absl::Status(code, message), failure);
}

v1::Failure WithHint(const RpcContext& rpc, const SoftState& soft, v1::FailureReason reason) {
  v1::Failure failure;
  failure.set_reason(reason);
  v1::NotLeader& hint = *failure.mutable_not_leader();
  hint.set_leader_id(soft.leader.value);
  hint.set_term(soft.term.value);
  if (soft.leader) {
    const std::map<NodeId, Member> members = rpc.node->Status().raft.config.members;
    const auto leader = members.find(soft.leader);
    if (leader != members.end()) hint.set_leader_address(leader->second.address);
  }
  return failure;
}

}  // namespace

grpc::Status Failed(v1::FailureReason reason, absl::string_view message) {
  return Failed(MeaningOf(reason).code, reason, message);
}

grpc::Status Failed(absl::StatusCode code, v1::FailureReason reason, absl::string_view message) {
  v1::Failure failure;
  failure.set_reason(reason);
  return Make(code, message, std::move(failure));
}

grpc::Status Failed(absl::string_view message, v1::Failure failure) {
  const absl::StatusCode code = MeaningOf(failure.reason()).code;
  return Make(code, message, std::move(failure));
}

grpc::Status FailedField(const absl::Status& field_error) {
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_INVALID);
  failure.set_outcome(v1::OUTCOME_REFUSED);
  return ToGrpcStatus(field_error, failure);
}

grpc::Status FailedLimit(const absl::Status& refused) {
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_LIMIT);
  failure.set_outcome(v1::OUTCOME_NOT_DONE);
  return ToGrpcStatus(refused, failure);
}

grpc::Status NotLeaderFailure(const RpcContext& rpc, const SoftState& soft,
                              absl::string_view message) {
  return Failed(message, WithHint(rpc, soft, v1::FAILURE_REASON_NOT_LEADER));
}

grpc::Status InterruptedFailure(const RpcContext& rpc, const SoftState& soft,
                                absl::string_view message) {
  return Failed(message, WithHint(rpc, soft, v1::FAILURE_REASON_INTERRUPTED));
}

grpc::Status NotTaken(const RpcContext& rpc, const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    return Failed(v1::FAILURE_REASON_LIMIT, status.message());
  }
  if (absl::IsUnavailable(status)) return InterruptedFailure(rpc, {}, status.message());
  return NotLeaderFailure(rpc, {}, status.message());
}

grpc::Status FailureOf(const RpcContext& rpc, const CallResult& result, const Replica& replica,
                       bool overdue) {
  const SoftState soft = replica.soft();
  switch (result.fate) {
    case Fate::kNotLeader:
      return NotLeaderFailure(rpc, soft, result.detail);
    case Fate::kBusy:
      // Whoever comes next takes it; who that is, is not known yet.
      if (replica.status().transferring_to) {
        return NotLeaderFailure(rpc, {soft.role, soft.term, NodeId{}}, result.detail);
      }
      return Failed(v1::FAILURE_REASON_LIMIT, result.detail);
    case Fate::kDropped:
      return Failed(result.detail, WithHint(rpc, soft, v1::FAILURE_REASON_DROPPED));
    case Fate::kInvalid:
      return Failed(v1::FAILURE_REASON_INVALID, result.detail);
    case Fate::kDone:
    case Fate::kUnknown:
      break;
  }
  if (overdue) return Failed(v1::FAILURE_REASON_NO_QUORUM, result.detail);
  return InterruptedFailure(rpc, soft, result.detail);
}

grpc::Status FailureOf(const Answer& answer, const std::optional<RequestId>& request) {
  v1::Failure unknown;
  unknown.set_outcome(v1::OUTCOME_UNKNOWN);
  switch (answer.code) {
    case AnswerCode::kInvalid:  // The rest was checked before it was proposed.
      return FailedField(FieldError("request_id.sequence", answer.detail));
    case AnswerCode::kUnreadable:
      return Failed(v1::FAILURE_REASON_INVALID, answer.detail);
    case AnswerCode::kSessionLost:
      if (request && std::holds_alternative<RequestId::Client>(request->owner)) {
        unknown.set_reason(v1::FAILURE_REASON_SESSION_LOST);  // It may have been done before.
        return Failed(answer.detail, std::move(unknown));
      }
      return Failed(v1::FAILURE_REASON_SESSION_LOST, answer.detail);
    case AnswerCode::kSequenceForgotten:
      return Failed(v1::FAILURE_REASON_SEQUENCE_FORGOTTEN, answer.detail);
    case AnswerCode::kTokenMismatch:
      return Failed(v1::FAILURE_REASON_TOKEN_MISMATCH, answer.detail);
    case AnswerCode::kExhausted:
      return Failed(v1::FAILURE_REASON_LIMIT, answer.detail);
    case AnswerCode::kNotGranted:
      return Failed(v1::FAILURE_REASON_NOT_GRANTED, answer.detail);
    case AnswerCode::kBusy:
      unknown.set_reason(v1::FAILURE_REASON_LIMIT);
      return Failed(answer.detail, std::move(unknown));
    case AnswerCode::kOk:
    case AnswerCode::kApplied:
      break;
  }
  return Failed(v1::FAILURE_REASON_INTERRUPTED, answer.detail);
}

}  // namespace z4j::consensus
