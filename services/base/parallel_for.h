#ifndef Z4J_BASE_PARALLEL_FOR_H_
#define Z4J_BASE_PARALLEL_FOR_H_

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace z4j {

// Runs `work(i)` once for each i in [0, count), in any order, on as many threads as can compute at
// a time (8 at most), the caller's among them; returns when all are done.  A call of work takes
// microseconds at least, and touches nothing that another one writes.
template <typename Work>
void ParallelFor(int count, const Work& work) {
  constexpr unsigned kThreadsMax = 8;
  const unsigned cores = std::clamp(std::thread::hardware_concurrency(), 1u, kThreadsMax);
  std::atomic<int> next = 0;
  const auto run = [&] {
    for (int i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::thread> others;
  for (int t = 1; t < std::min(static_cast<int>(cores), count); ++t) others.emplace_back(run);
  run();
  for (std::thread& other : others) other.join();
}

}  // namespace z4j

#endif  // Z4J_BASE_PARALLEL_FOR_H_
