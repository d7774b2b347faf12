#ifndef Z4J_SCHEDULER_ELECT_TESTING_CANDIDATE_H_
#define Z4J_SCHEDULER_ELECT_TESTING_CANDIDATE_H_

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/base/clock.h"
#include "services/scheduler/elect/leader_elector.h"

namespace z4j::scheduler {

// What a test wants to know of one elector's node.  Stops the elector when it goes.
class Candidate {
 public:
  Candidate(LeaderElector& elector, Clock& clock) : elector_(elector), clock_(clock) {}
  ~Candidate() { elector_.Stop(); }

  absl::Status Start() {
    return elector_.Start([this] {
      absl::MutexLock lock(&mu_);
      ++changes_;
    });
  }
  bool Leads() { return elector_.Current(clock_.MonoNow()).has_value(); }

  // Waits until the node leads with a token > `after`.  The process dies if that takes half a
  // minute.
  LeaderTerm AwaitTerm(FencingToken after = {}) {
    std::optional<LeaderTerm> term;
    const auto leads = [&] {
      term = elector_.Current(clock_.MonoNow());
      return term && term->token > after;
    };
    absl::MutexLock lock(&mu_);
    if (mu_.AwaitWithTimeout(absl::Condition(&leads), absl::Seconds(30))) return *term;
    std::fprintf(stderr, "Candidate: waited in vain to lead\n");
    std::abort();
  }

 private:
  LeaderElector& elector_;
  Clock& clock_;
  absl::Mutex mu_;
  int changes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_ELECT_TESTING_CANDIDATE_H_
