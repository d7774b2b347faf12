#ifndef Z4J_SCHEDULER_DISPATCH_AFFINITY_H_
#define Z4J_SCHEDULER_DISPATCH_AFFINITY_H_

#include <cstdint>

#include "absl/strings/string_view.h"

// Which instance of an engine gets the fires of an affinity key: rendezvous hashing.  A key has a
// slot, and each slot goes to the instance with the greatest weight for it, so that only the slots
// of an instance that goes move.  Slots, so that what waits for one instance can stand apart from
// what waits for another without a queue for each key.  The same on every node and in every process
// (absl::Hash is not), or a change of leader would move everything.  Pure.
namespace z4j::scheduler {

inline constexpr int kNoAffinity = -1;
// Enough to spread evenly over tens of instances, few enough for a queue each, gone through at each
// turn, where something waits.
inline constexpr int kAffinitySlots = 256;

namespace affinity_internal {

// Splitmix64's finalizer: each bit of the argument turns half of the bits of the result.
constexpr uint64_t Mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9;
  x ^= x >> 27;
  x *= 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace affinity_internal

// FNV-1a, mixed.
constexpr uint64_t StableHash(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return affinity_internal::Mix(hash);
}

// 0..kAffinitySlots - 1; kNoAffinity if `key` is empty.
constexpr int AffinitySlot(absl::string_view key) {
  return key.empty() ? kNoAffinity : static_cast<int>(StableHash(key) % kAffinitySlots);
}

// Of the instance whose name has this StableHash.
constexpr uint64_t AffinityWeight(int slot, uint64_t instance) {
  return affinity_internal::Mix(instance + 0x9e3779b97f4a7c15 * (static_cast<uint64_t>(slot) + 1));
}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_AFFINITY_H_
