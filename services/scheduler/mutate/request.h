#ifndef Z4J_SCHEDULER_MUTATE_REQUEST_H_
#define Z4J_SCHEDULER_MUTATE_REQUEST_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/mutate/mutation.h"
#include "services/scheduler/store/schedule_store.h"

// Request ids: how a mutation that is sent again is known, and its answer kept.  Pure.
namespace z4j::scheduler {

// INVALID_ARGUMENT, field "request_id", if it is too long or holds other than printable ASCII
// without spaces.
absl::Status CheckRequestId(const std::string& request_id);

// Under which id the answer to `mutation` is stored; empty if nothing is.
std::string RequestKey(const Mutation& mutation);

// SHA-256 over all that is asked for; not over who asks from where, because a client that
// reconnects asks the same.
std::string RequestHash(const MutationAction& action);

StoredRequest MakeStoredRequest(const Mutation& mutation, const MutationResult& result,
                                absl::Time now);

// The answer that `stored` keeps.  INVALID_ARGUMENT, field "request_id", if it was given to another
// request than `mutation`; DATA_LOSS if it cannot be read.
absl::StatusOr<MutationResult> ReplayRequest(const StoredRequest& stored, const Mutation& mutation);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_MUTATE_REQUEST_H_
