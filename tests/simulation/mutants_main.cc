#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "services/consensus/raft/mutants.h"
#include "tests/simulation/cluster.h"

// Breaks one rule after the other (mutants.h) and says after how many seeds the simulation noticed:
// by a breach, or because the broken node broke an assertion.  `--seeds=N` is how many each rule
// gets (1,000).  Exit code 1 if fewer than kNoticedMin rules were noticed, or if a run with no rule
// broken is not clean.
namespace {

using z4j::consensus::broken_rule;
using z4j::consensus::Rule;

constexpr int kNoticedMin = 20;
constexpr unsigned kRuleSecondsMax = 300;  // A broken node may also spin for ever.
constexpr int kRules[][2] = {{1, 33}, {50, 61}};

struct Found {
  uint64_t seed = 0;  // 0: none.
  std::string how;
};

// In a process of its own: says on `pipe` which seed it runs, and what it found.
[[noreturn]] void RunSeeds(Rule rule, uint64_t seeds, int pipe) {
  broken_rule = rule;
  alarm(kRuleSecondsMax);
  const int nowhere = open("/dev/null", O_WRONLY);
  if (dup2(nowhere, STDERR_FILENO) < 0) std::_Exit(3);
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    std::string line = std::to_string(seed) + " an assertion\n";
    if (write(pipe, line.data(), line.size()) < 0) std::_Exit(3);
    const z4j::simulation::Result result = z4j::simulation::Simulate(seed, false);
    if (result.breach.empty()) continue;
    line = std::to_string(seed) + " " + result.breach + "\n";
    if (write(pipe, line.data(), line.size()) < 0) std::_Exit(3);
    std::_Exit(1);
  }
  std::_Exit(0);
}

Found Search(Rule rule, uint64_t seeds) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    RunSeeds(rule, seeds, ends[1]);
  }
  close(ends[1]);
  std::string lines;
  char buffer[4096];
  for (ssize_t size; (size = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    lines.append(buffer, static_cast<size_t>(size));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (lines.empty()) std::abort();
  lines.pop_back();
  const std::string last = lines.substr(lines.rfind('\n') + 1);
  const size_t space = last.find(' ');
  return {std::stoull(last.substr(0, space)), last.substr(space + 1)};
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t seeds = 1000;
  if (argc > 1 && std::string(argv[1]).rfind("--seeds=", 0) == 0) {
    seeds = std::stoull(std::string(argv[1]).substr(8));
  }
  if (const Found found = Search(Rule::kNone, 50); found.seed != 0) {
    std::printf("no rule is broken, and yet seed %lu: %s\n", found.seed, found.how.c_str());
    return 1;
  }
  std::vector<uint64_t> noticed;
  int rules = 0;
  for (const auto& [first, last] : kRules) {
    for (int rule = first; rule <= last; ++rule, ++rules) {
      const Found found = Search(static_cast<Rule>(rule), seeds);
      if (found.seed == 0) {
        std::printf("rule %2d  not in %lu seeds\n", rule, seeds);
      } else {
        std::printf("rule %2d  seed %4lu  %s\n", rule, found.seed, found.how.c_str());
        noticed.push_back(found.seed);
      }
      std::fflush(stdout);
    }
  }
  std::sort(noticed.begin(), noticed.end());
  std::printf("%zu of %d noticed, after %lu seeds in the median, at most %lu\n", noticed.size(),
              rules, noticed.empty() ? 0 : noticed[noticed.size() / 2],
              noticed.empty() ? 0 : noticed.back());
  return static_cast<int>(noticed.size()) >= kNoticedMin ? 0 : 1;
}
