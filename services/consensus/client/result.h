#ifndef Z4J_CONSENSUS_CLIENT_RESULT_H_
#define Z4J_CONSENSUS_CLIENT_RESULT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "services/base/check.h"

// What a call to the consensus service says.  A failure tells "it was not done" from "nobody
// knows", so that neither can be taken for the other.
namespace z4j::consensus::client {

// What became of a request that failed.
enum class Outcome {
  kRefused,  // It was not done and will not be: change it.
  kNotDone,  // It was not done and will not be; the same wish may succeed later.
  kUnknown,  // It may have been done, or may still be.
};

// Why.  Those from kInvalid to kQuorumWouldBeLost are z4j.consensus.v1.FailureReason's.
enum class Reason {
  kOther,  // The status says all that is known.
  kInvalid,
  kNotLeader,
  kSessionLost,
  kSequenceForgotten,
  kTokenMismatch,
  kLimit,
  kNotGranted,
  kCompacted,
  kSlowWatcher,
  kDropped,
  kInterrupted,
  kNoQuorum,
  kNotFound,
  kChangeInProgress,
  kAlreadyExists,
  kLagging,
  kNotAVoter,
  kQuorumWouldBeLost,
  kNoAnswer,   // No node answered: not reachable, or silent.
  kCancelled,  // By the caller.
};

// Where a node says that the leader is.
struct LeaderHint {
  std::string address;  // "host:port", for clients; not empty.
  uint64_t term = 0;
  friend bool operator==(const LeaderHint&, const LeaderHint&) = default;
};

struct Failure {
  Outcome outcome = Outcome::kUnknown;
  Reason reason = Reason::kOther;
  absl::Status status;  // Not OK; for people, and for those who only need its code.
  std::optional<LeaderHint> leader = std::nullopt;
  uint64_t oldest_revision = 0;  // With kCompacted: a watch may start from here.
};

// Nothing, where a call has no answer but that it is done.
struct Done {
  friend bool operator==(const Done&, const Done&) = default;
};

// A T, or why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::move(value)) {}            // NOLINT: as with StatusOr.
  Result(Failure failure) : content_(std::move(failure)) {}  // NOLINT

  bool ok() const { return content_.index() == 0; }
  // Only if ok().
  T& value() & {
    Z4J_CHECK(ok());
    return std::get<0>(content_);
  }
  T&& value() && { return std::move(value()); }
  const T& value() const& { return const_cast<Result*>(this)->value(); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(value()); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  // Only if not ok().
  const Failure& failure() const {
    Z4J_CHECK(!ok());
    return std::get<1>(content_);
  }
  absl::Status status() const { return ok() ? absl::OkStatus() : failure().status; }

 private:
  std::variant<T, Failure> content_;
};

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_RESULT_H_
