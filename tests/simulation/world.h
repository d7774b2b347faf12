#ifndef Z4J_TESTS_SIMULATION_WORLD_H_
#define Z4J_TESTS_SIMULATION_WORLD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/consensus/storage/testing/random.h"

// Virtual time, one source of chance, and what is to happen next.  A run is decided by its seed:
// the hash over all that happened is equal whenever the seed is.
namespace z4j::simulation {

using consensus::SeededRandom;

// Since the beginning of the run.
using Instant = absl::Duration;

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {}

  Instant now() const { return now_; }
  SeededRandom& random() { return random_; }

  // Uniform in [low, high).
  absl::Duration Between(absl::Duration low, absl::Duration high);
  // True with `permille` / 1000.
  bool Chance(uint64_t permille) { return random_.Below(1000) < permille; }

  // Of two things at the same instant the one that was asked for first happens first.
  void At(Instant when, std::function<void()> what);
  void After(absl::Duration delay, std::function<void()> what) {
    At(now_ + delay, std::move(what));
  }

  // Lets one thing happen; false: nothing is left until `until`, which it is now.
  bool Step(Instant until);
  uint64_t events() const { return events_; }

  // What happened, for the hash and, if it is wanted, for a reader.  `line` is called only if it
  // is.
  void Trace(uint64_t value) { hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15 + (hash_ >> 29); }
  void Tell(const std::function<std::string()>& line);
  void set_verbose(bool verbose) { verbose_ = verbose; }
  // The newest lines are kept even if nobody reads along.
  std::vector<std::string> TakeStory() { return std::move(story_); }
  uint64_t hash() const { return hash_; }

 private:
  SeededRandom random_;
  Instant now_ = absl::ZeroDuration();
  uint64_t next_ = 0;
  uint64_t events_ = 0;
  uint64_t hash_ = 0x243f6a8885a308d3;
  bool verbose_ = false;
  std::vector<std::string> story_;
  std::map<std::pair<Instant, uint64_t>, std::function<void()>> queue_;
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_WORLD_H_
