#include "services/consensus/client/failure.h"

#include <grpcpp/support/status.h>

#include "services/base/grpc_status.h"
#include "z4j/consensus/v1/common.pb.h"

namespace z4j::consensus::client {
namespace {

namespace pb = ::z4j::consensus::v1;

Reason ReasonOf(pb::FailureReason reason) {
  switch (reason) {
    case pb::FAILURE_REASON_INVALID:
      return Reason::kInvalid;
    case pb::FAILURE_REASON_NOT_LEADER:
      return Reason::kNotLeader;
    case pb::FAILURE_REASON_SESSION_LOST:
      return Reason::kSessionLost;
    case pb::FAILURE_REASON_SEQUENCE_FORGOTTEN:
      return Reason::kSequenceForgotten;
    case pb::FAILURE_REASON_TOKEN_MISMATCH:
      return Reason::kTokenMismatch;
    case pb::FAILURE_REASON_LIMIT:
      return Reason::kLimit;
    case pb::FAILURE_REASON_NOT_GRANTED:
      return Reason::kNotGranted;
    case pb::FAILURE_REASON_COMPACTED:
      return Reason::kCompacted;
    case pb::FAILURE_REASON_SLOW_WATCHER:
      return Reason::kSlowWatcher;
    case pb::FAILURE_REASON_DROPPED:
      return Reason::kDropped;
    case pb::FAILURE_REASON_INTERRUPTED:
      return Reason::kInterrupted;
    case pb::FAILURE_REASON_NO_QUORUM:
      return Reason::kNoQuorum;
    case pb::FAILURE_REASON_NOT_FOUND:
      return Reason::kNotFound;
    case pb::FAILURE_REASON_CHANGE_IN_PROGRESS:
      return Reason::kChangeInProgress;
    case pb::FAILURE_REASON_ALREADY_EXISTS:
      return Reason::kAlreadyExists;
    case pb::FAILURE_REASON_LAGGING:
      return Reason::kLagging;
    case pb::FAILURE_REASON_NOT_A_VOTER:
      return Reason::kNotAVoter;
    case pb::FAILURE_REASON_QUORUM_WOULD_BE_LOST:
      return Reason::kQuorumWouldBeLost;
    default:
      return Reason::kOther;
  }
}

Outcome OutcomeOf(pb::Outcome outcome) {
  switch (outcome) {
    case pb::OUTCOME_REFUSED:
      return Outcome::kRefused;
    case pb::OUTCOME_NOT_DONE:
      return Outcome::kNotDone;
    default:
      return Outcome::kUnknown;  // Also of those that a newer service may know.
  }
}

// What gRPC or a proxy says by itself.
void JudgeByCode(Failure& failure) {
  switch (failure.status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnimplemented:
      failure.outcome = Outcome::kRefused;
      return;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      failure.reason = Reason::kNoAnswer;
      return;
    default:
      return;
  }
}

}  // namespace

Failure FailureOf(const grpc::Status& status) {
  Failure failure;
  failure.status = FromGrpcStatus(status);
  pb::Failure told;
  if (FindDetail(status, &told)) {
    failure.outcome = OutcomeOf(told.outcome());
    failure.reason = ReasonOf(told.reason());
    failure.oldest_revision = told.oldest_revision();
    if (!told.not_leader().leader_address().empty()) {
      failure.leader = LeaderHint{told.not_leader().leader_address(), told.not_leader().term()};
    }
    return failure;
  }
  JudgeByCode(failure);
  return failure;
}

}  // namespace z4j::consensus::client
