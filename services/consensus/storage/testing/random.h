#ifndef Z4J_CONSENSUS_STORAGE_TESTING_RANDOM_H_
#define Z4J_CONSENSUS_STORAGE_TESTING_RANDOM_H_

#include <cstdint>

namespace z4j::consensus {

// SplitMix64 (Steele, Lea and Flood 2014): small, and the same on every machine.
class SeededRandom {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}

  uint64_t operator()() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t Below(uint64_t bound) { return (*this)() % bound; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

 private:
  uint64_t state_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_TESTING_RANDOM_H_
