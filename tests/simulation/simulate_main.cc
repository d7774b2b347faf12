// ./simulate --seed=N        runs one seed twice and tells what happened
// ./simulate --from=N --seeds=M [--hours=H]   runs many, until both are reached; stops at a breach
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "services/consensus/raft/marks.h"
#include "tests/simulation/cluster.h"

namespace {

using z4j::simulation::Result;
using z4j::simulation::Simulate;

bool Flag(const char* argument, const char* name, uint64_t& value) {
  const size_t length = std::strlen(name);
  if (std::strncmp(argument, name, length) != 0) return false;
  value = std::stoull(argument + length);
  return true;
}

int One(uint64_t seed) {
  const Result result = Simulate(seed, true);
  for (const std::string& line : result.story) std::printf("%s\n", line.c_str());
  const Result again = Simulate(seed, false);
  std::printf("options: %s\n", result.options.c_str());
  std::printf(
      "seed %lu: %lu events, %lu committed, %lu operations, %lu fires, %lu crashes, "
      "hash %016lx, %s\n",
      seed, result.events, result.committed, result.operations, result.fires, result.crashes,
      result.hash, result.hash == again.hash ? "the same again" : "NOT THE SAME AGAIN");
  if (!result.breach.empty()) std::printf("BREACH: %s\n", result.breach.c_str());
  return result.breach.empty() && result.hash == again.hash ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t seed = 0, from = 1, seeds = 100, hours = 0;
  for (int i = 1; i < argc; ++i) {
    if (Flag(argv[i], "--seed=", seed)) return One(seed);
    if (Flag(argv[i], "--from=", from) || Flag(argv[i], "--seeds=", seeds) ||
        Flag(argv[i], "--hours=", hours)) {
      continue;
    }
    std::fprintf(stderr, "usage: simulate [--seed=N | --from=N --seeds=M --hours=H]\n");
    return 2;
  }
  const auto begun = std::chrono::steady_clock::now();
  auto told = begun;
  double simulated_h = 0;
  uint64_t events = 0, operations = 0, fires = 0, crashes = 0, stops = 0, upgrades = 0,
           undecided = 0, run = 0;
  for (uint64_t i = from; run < seeds || simulated_h < static_cast<double>(hours); ++i, ++run) {
    const Result result = Simulate(i, false);
    simulated_h += absl::ToDoubleHours(result.simulated);
    events += result.events;
    operations += result.operations;
    fires += result.fires;
    crashes += result.crashes;
    stops += result.stops;
    upgrades += result.upgrades;
    undecided += result.undecided ? 1 : 0;
    if (!result.breach.empty()) {
      std::printf("options: %s\nBREACH with --seed=%lu: %s\n", result.options.c_str(), i,
                  result.breach.c_str());
      return 1;
    }
    if (const auto now = std::chrono::steady_clock::now(); now - told > std::chrono::minutes(1)) {
      told = now;
      std::fprintf(stderr, "up to seed %lu: %.1f simulated hours, %lu crashes, 0 breaches\n", i,
                   simulated_h, crashes);
    }
  }
  const double took_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  std::printf(
      "%lu seeds, %.2f simulated hours, %lu events, %lu operations, %lu fires, %lu crashes, "
      "%lu stops, %lu upgrades, %lu undecided, 0 breaches, %.1f s\n",
      run, simulated_h, events, operations, fires, crashes, stops, upgrades, undecided, took_s);
  for (int mark = 0; mark < static_cast<int>(z4j::consensus::Mark::kCount); ++mark) {
    const auto which = static_cast<z4j::consensus::Mark>(mark);
    std::printf("  %10lu  %s\n", z4j::consensus::HitsOf(which),
                std::string(z4j::consensus::NameOf(which)).c_str());
  }
  return 0;
}
