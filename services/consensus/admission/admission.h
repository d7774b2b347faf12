#ifndef Z4J_CONSENSUS_ADMISSION_ADMISSION_H_
#define Z4J_CONSENSUS_ADMISSION_ADMISSION_H_

#include <array>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/admission/limits.h"
#include "services/consensus/admission/token_bucket.h"

namespace z4j::consensus {

// Token buckets by name, at most `names_max` of them; names that do not fit share one.  Pure; not
// thread-safe.
class NamedBuckets {
 public:
  NamedBuckets(Rate rate, size_t names_max) : rate_(rate), names_max_(names_max) {}

  // As TokenBucket::Take.
  absl::Duration Take(const std::string& name, MonoTime now);
  size_t size() const { return buckets_.size(); }

 private:
  const Rate rate_;
  const size_t names_max_;
  absl::flat_hash_map<std::string, TokenBucket> buckets_;
  TokenBucket shared_;
  MonoTime next_sweep_{-absl::InfiniteDuration()};
};

// What a call is counted among.  A client has an allowance for either, and so has a machine:
// whoever floods keys keeps no session from living on, not even its own.
enum class Lane {
  kOrdinary,  // Keys and locks.
  kVital,     // Sessions, elections, members, health.
};

// How many calls a client may make.  Services ask before they do anything else:
//
//   RETURN_IF_ERROR(admission.Admit(context->peer(), Lane::kVital, clock.MonoNow()));
//
// Thread-safe; never waits.
class Admission {
 public:
  // Of one connection in one lane; of one machine it is kConnectionsWorthOfRequests times as many.
  // A second's worth may come at once.  0: no limit.
  explicit Admission(int requests_per_second = kRequestsPerSecond);

  // One call of `peer`, as gRPC writes it ("ipv4:10.0.0.9:4711").  RESOURCE_EXHAUSTED, with the
  // limit that was met, and the time after which to try again (base/retry_after.h): definitely not
  // done.
  absl::Status Admit(const std::string& peer, Lane lane, MonoTime now) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Allowance {
    NamedBuckets connections;
    NamedBuckets sources;
  };
  Allowance Full() const;

  const int requests_per_second_;
  absl::Mutex mu_;
  std::array<Allowance, 2> lanes_ ABSL_GUARDED_BY(mu_);  // By Lane.
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_ADMISSION_ADMISSION_H_
