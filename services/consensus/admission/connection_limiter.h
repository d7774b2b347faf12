#ifndef Z4J_CONSENSUS_ADMISSION_CONNECTION_LIMITER_H_
#define Z4J_CONSENSUS_ADMISSION_CONNECTION_LIMITER_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "services/consensus/admission/limits.h"
#include "services/consensus/admission/token_bucket.h"

namespace z4j::consensus {

// Who may try to greet as a node.  Failures count, not connections: a node that comes back has to
// be let in however often it has gone, and whoever guesses fails each time.  A source that fails
// too often is banned, and all strangers together have a limit, which leaves out sources that a
// node came from lately: nobody can use it up for the members.  Pure; not thread-safe.
class ConnectionLimiter {
 public:
  // Somebody dials.  RESOURCE_EXHAUSTED, with the time after which to try again
  // (base/retry_after.h).
  absl::Status Admit(const std::string& source, MonoTime now);
  // It has proven to be a node: it is free.
  void Greeted(const std::string& source, MonoTime now);
  // It has not.  True: it is banned from now on.
  bool Refused(const std::string& source, MonoTime now);

  size_t size() const { return sources_.size(); }

 private:
  struct Source {
    TokenBucket failures;
    MonoTime banned_until{-absl::InfiniteDuration()};
    MonoTime next_try{-absl::InfiniteDuration()};  // While it is banned.
    MonoTime trusted_until{-absl::InfiniteDuration()};
    MonoTime seen;
  };

  Source& Find(const std::string& source, MonoTime now);
  void MakeRoom(MonoTime now);

  absl::flat_hash_map<std::string, Source> sources_;
  TokenBucket strangers_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_ADMISSION_CONNECTION_LIMITER_H_
