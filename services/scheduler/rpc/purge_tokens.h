#ifndef Z4J_SCHEDULER_RPC_PURGE_TOKENS_H_
#define Z4J_SCHEDULER_RPC_PURGE_TOKENS_H_

#include <string>

#include "absl/status/status.h"
#include "services/base/mono_time.h"

namespace z4j::scheduler {

// One queue, as an instance of an engine sees it.
struct QueuePlace {
  std::string engine, instance, queue;
};

// What shows that whoever purges a queue was told before what would go: a MAC over the queue and
// the time, under a key that this object alone has.  Good more than once, so that a purge whose
// outcome is not known can be sent again.  Thread-safe.
class PurgeTokens {
 public:
  PurgeTokens();

  // For kPurgeTokenTtl from `now`; printable ASCII.
  std::string Make(const QueuePlace& place, MonoTime now) const;
  // FAILED_PRECONDITION if `token` was not made here for `place`, or is too old.
  absl::Status Check(const std::string& token, const QueuePlace& place, MonoTime now) const;

 private:
  // In hex, over both.
  std::string MacOf(const QueuePlace& place, const std::string& until) const;

  std::string key_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_PURGE_TOKENS_H_
