#ifndef Z4J_SCHEDULER_MUTATE_REQUEST_H_
#define Z4J_SCHEDULER_MUTATE_REQUEST_H_

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/scheduler/mutate/mutation.h"
#include "services/scheduler/store/schedule_store.h"

// Request ids: how a mutation that is sent again is known, and its answer kept.  Pure.
namespace z4j::scheduler {

// INVALID_ARGUMENT, field "request_id", if it is too long or holds other than printable ASCII
// without spaces.
absl::Status CheckRequestId(const std::string& request_id);

// Under which id the answer to `mutation` is stored, with those to the other items of its batch;
// empty if nothing is.
std::string RequestKey(const Mutation& mutation);

// SHA-256 over all that is asked for with `mutations`, which were sent together; not over who asks
// from where, because a client that reconnects asks the same.
std::string RequestHash(absl::Span<const Mutation> mutations);

// The answers that were given under one request id: to a mutation, or to items of a batch.  Items
// that were refused have none, and are decided again.
class Answers {
 public:
  // DATA_LOSS if `stored` is nothing that Store returns.
  static absl::StatusOr<Answers> Read(const StoredRequest& stored);

  // What `mutation` was answered; none if it was not.  `hash` is its request's: INVALID_ARGUMENT,
  // field "request_id", if these are the answers to another one.  DATA_LOSS as for Read.
  absl::StatusOr<std::optional<MutationResult>> Find(const Mutation& mutation,
                                                     const std::string& hash) const;
  void Add(const Mutation& mutation, const std::string& hash, const MutationResult& result);

  bool is_changed() const { return is_changed_; }  // Whether there is anything to store.
  StoredRequest Store(std::string id, absl::Time now) const;

 private:
  std::string hash_;                     // Of their request; empty while there are none.
  std::map<int, std::string> outcomes_;  // By batch_item.
  bool is_changed_ = false;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_MUTATE_REQUEST_H_
