#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "services/consensus/raft/mutants.h"
#include "services/consensus/raft/testing/random_run.h"

// Breaks one rule after the other and says after how many random runs it was noticed.
//   consensus_raft_mutants [seeds]
namespace z4j::consensus {
namespace {

// Runs in a process of its own, as a broken rule may break an assertion as well.  Reports each seed
// begun through `pipe`; returns when all seeds were survived.
void RunBroken(Rule rule, uint64_t seeds, int pipe) {
  broken_rule = rule;
  if (std::freopen("/dev/null", "w", stderr) == nullptr) std::_Exit(2);
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    if (write(pipe, &seed, sizeof(seed)) != sizeof(seed)) std::_Exit(2);
    RandomRun run(seed);
    run.Disturb(800);
    run.Recover();
    if (!run.violations().empty() || !run.Serves()) std::_Exit(1);
  }
  std::_Exit(0);
}

// The seed that noticed; 0: none did.
uint64_t KilledBy(Rule rule, uint64_t seeds) {
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    close(pipe_ends[0]);
    RunBroken(rule, seeds, pipe_ends[1]);
  }
  close(pipe_ends[1]);
  uint64_t seed = 0;
  while (read(pipe_ends[0], &seed, sizeof(seed)) == sizeof(seed)) {
  }
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : seed;
}

}  // namespace
}  // namespace z4j::consensus

int main(int argc, char** argv) {
  using namespace z4j::consensus;
  const uint64_t seeds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1000;
  int survived = 0;
  for (int rule = 0; rule < static_cast<int>(Rule::kCount); ++rule) {
    const uint64_t seed = KilledBy(static_cast<Rule>(rule), seeds);
    if (rule == 0 && seed != 0) {
      std::printf("nothing is broken, yet seed %lu fails\n", seed);
      return 1;
    }
    if (rule == 0) continue;
    if (seed == 0) ++survived;
    std::printf(seed == 0 ? "rule %d survives %lu seeds\n" : "rule %d is noticed by seed %lu\n",
                rule, seed == 0 ? seeds : seed);
    std::fflush(stdout);
  }
  return survived == 0 ? 0 : 1;
}
