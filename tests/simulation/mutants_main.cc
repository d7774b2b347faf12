#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/broken_rules.h"
#include "tests/simulation/cluster.h"

// Breaks one rule after the other (broken_rules.h) and says after how many seeds the simulation
// noticed: by a breach, or because the broken node broke an assertion or came to no end.
//   --seeds=N  how many seeds each search gets (300)
//   --bases=B  how many searches, each from another first seed; their median is shown (3)
//   --rule=R   this one alone; may be repeated
//   --clean=N  how many seeds must be clean first, with no rule broken (50)
// Exit code 1 if a rule that must be noticed was not, or if a run with no rule broken is not clean.
namespace {

using z4j::broken_rule;
using z4j::simulation::BrokenRule;
using z4j::simulation::kBrokenRules;

constexpr size_t kNoticedMin = 20;
// Of processor time, as a busy machine is no finding.  The longest whole worlds take seconds.
constexpr rlim_t kSeedSecondsMax = 100;
constexpr uint64_t kBaseStep = 1'000'000;

struct Found {
  uint64_t after = 0;  // How many seeds it took; 0: not found.
  uint64_t seed = 0;
  std::string how;
};

// From now on the process may take so long, or is killed.
void LimitSeed() {
  rusage used;
  if (getrusage(RUSAGE_SELF, &used) != 0) std::_Exit(3);
  const rlim_t until = used.ru_utime.tv_sec + used.ru_stime.tv_sec + kSeedSecondsMax;
  const rlimit limit = {until, RLIM_INFINITY};
  if (setrlimit(RLIMIT_CPU, &limit) != 0) std::_Exit(3);
}

// In a process of its own: says on `pipe` which seed it runs, and what it found.
[[noreturn]] void RunSeeds(int rule, uint64_t from, uint64_t seeds, int pipe) {
  broken_rule = rule;
  const int nowhere = open("/dev/null", O_WRONLY);
  if (dup2(nowhere, STDERR_FILENO) < 0) std::_Exit(3);
  for (uint64_t seed = from; seed < from + seeds; ++seed) {
    LimitSeed();
    std::string line = std::to_string(seed) + " an assertion\n";
    if (write(pipe, line.data(), line.size()) < 0) std::_Exit(3);
    z4j::simulation::Result result = z4j::simulation::Simulate(seed, false);
    if (result.breach.empty()) continue;
    std::replace(result.breach.begin(), result.breach.end(), '\n', ' ');
    line = std::to_string(seed) + " " + result.breach.substr(0, 120) + "\n";
    if (write(pipe, line.data(), line.size()) < 0) std::_Exit(3);
    std::_Exit(1);
  }
  std::_Exit(0);
}

Found Search(int rule, uint64_t from, uint64_t seeds) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    RunSeeds(rule, from, seeds, ends[1]);
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
  const uint64_t seed = std::stoull(last.substr(0, space));
  const bool endless = WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU;
  return {seed - from + 1, seed, endless ? "it comes to no end" : last.substr(space + 1)};
}

// Prints the line of one rule.  Returns the median of seeds, 0: not noticed by most searches.
uint64_t Judge(const BrokenRule& broken, uint64_t bases, uint64_t seeds) {
  std::vector<uint64_t> after;
  Found shown;
  for (uint64_t base = 0; base < bases; ++base) {
    const Found found = Search(broken.rule, base * kBaseStep + 1, seeds);
    after.push_back(found.after == 0 ? UINT64_MAX : found.after);
    if (shown.after == 0) shown = found;
  }
  std::sort(after.begin(), after.end());
  const uint64_t median = after[after.size() / 2];
  const std::string count = median == UINT64_MAX ? "-" : std::to_string(median);
  std::string how = "not noticed";
  if (shown.after != 0) how = "seed " + std::to_string(shown.seed) + ": " + shown.how;
  if (shown.after == 0 && broken.hidden != nullptr) how = std::string("hidden: ") + broken.hidden;
  std::printf("%3d  %-52s %5s  %s\n", broken.rule, broken.name, count.c_str(), how.c_str());
  std::fflush(stdout);
  return median == UINT64_MAX ? 0 : median;
}

bool Flag(const std::string& argument, const std::string& name, uint64_t& value) {
  if (argument.rfind(name, 0) != 0) return false;
  value = std::stoull(argument.substr(name.size()));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t seeds = 300, bases = 3, rule = 0, clean = 50;
  std::set<uint64_t> only;
  for (int i = 1; i < argc; ++i) {
    if (Flag(argv[i], "--seeds=", seeds) || Flag(argv[i], "--bases=", bases) ||
        Flag(argv[i], "--clean=", clean) || Flag(argv[i], "--rule=", rule)) {
      if (rule != 0) only.insert(std::exchange(rule, 0));
      continue;
    }
    std::fprintf(stderr,
                 "usage: simulate_mutants [--seeds=N] [--bases=B] [--rule=R] [--clean=N]\n");
    return 2;
  }
  if (const Found found = Search(0, 1, clean); found.after != 0) {
    std::printf("no rule is broken, and yet seed %lu: %s\n", found.seed, found.how.c_str());
    return 1;
  }
  std::vector<uint64_t> noticed;
  size_t missed = 0;
  for (const BrokenRule& broken : kBrokenRules) {
    if (!only.empty() && !only.contains(static_cast<uint64_t>(broken.rule))) continue;
    const uint64_t median = Judge(broken, bases, seeds);
    if (median != 0) noticed.push_back(median);
    if (median == 0 && broken.hidden == nullptr) ++missed;
  }
  std::sort(noticed.begin(), noticed.end());
  std::printf("%zu noticed, after %lu seeds in the median, at most %lu; %zu missed\n",
              noticed.size(), noticed.empty() ? 0 : noticed[noticed.size() / 2],
              noticed.empty() ? 0 : noticed.back(), missed);
  return missed == 0 && (!only.empty() || noticed.size() >= kNoticedMin) ? 0 : 1;
}
