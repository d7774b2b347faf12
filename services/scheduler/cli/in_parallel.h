#ifndef Z4J_SCHEDULER_CLI_IN_PARALLEL_H_
#define Z4J_SCHEDULER_CLI_IN_PARALLEL_H_

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/progress.h"

namespace z4j::scheduler {

// Runs `work(i)`, an absl::Status, for i in [0, count) on a few threads, the caller's among them,
// and shows how far it is.  Returns the first error, after which no other is begun.
template <typename Work>
absl::Status InParallel(int count, int threads, const char* verb, const Work& work) {
  std::atomic<int> next = 0, done = 0;
  std::atomic<bool> failed = false;
  std::vector<absl::Status> errors(threads);
  const auto run = [&](int thread) {
    Progress progress(thread == 0 ? verb : "");
    for (int i = next++; i < count && !failed; i = next++) {
      errors[thread] = work(i);
      if (!errors[thread].ok()) failed = true;
      ++done;
      if (thread == 0) progress.Show(done, count);
    }
  };
  std::vector<std::thread> others;
  for (int t = 1; t < std::min(threads, count); ++t) others.emplace_back(run, t);
  run(0);
  for (std::thread& other : others) other.join();
  for (const absl::Status& error : errors) RETURN_IF_ERROR(error);
  return absl::OkStatus();
}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_IN_PARALLEL_H_
