#ifndef Z4J_CONSENSUS_STORAGE_TESTING_RANDOM_H_
#define Z4J_CONSENSUS_STORAGE_TESTING_RANDOM_H_

#include <cstdint>

#include "services/base/rng.h"

namespace z4j::consensus {

// Rng in the form that tests ask for: callable as RandomBits, and for chances of one in n.
class SeededRandom {
 public:
  explicit SeededRandom(uint64_t seed) : rng_(seed) {}

  uint64_t operator()() { return rng_.Next(); }
  uint64_t Below(uint64_t bound) { return rng_.Below(bound); }
  bool OneIn(uint64_t n) { return rng_.Below(n) == 0; }

 private:
  Rng rng_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_TESTING_RANDOM_H_
