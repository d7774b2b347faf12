#ifndef Z4J_SCHEDULER_LOOP_TIMING_WHEEL_H_
#define Z4J_SCHEDULER_LOOP_TIMING_WHEEL_H_

#include <array>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/time/time.h"

namespace z4j::scheduler {

// Which of very many slots comes due next.  A hierarchical wheel: levels of 64 buckets, a bucket
// of level k being 64^k seconds wide, so that eleven levels reach every instant there is; what is
// due within the second being read stands in exact order to the microsecond.  16 bytes a slot.
// Insert and Remove are O(1) (O(log n) within the current second).  Pure: it is told the time.
class TimingWheel {
 public:
  using Slot = uint32_t;  // A small number; memory is proportional to the largest one used.

  // Makes `slot` due at `due`, rounded up to a microsecond, instead of whenever it was due before.
  // InfiniteFuture: never.
  void Insert(Slot slot, absl::Time due);
  // No effect if it is not in the wheel.
  void Remove(Slot slot);

  // Moves at most `limit` slots that are due at or before `now` to the end of `due`, in the order
  // of their due times.  `now` may be earlier than in the call before: then nothing comes early.
  void PopDue(absl::Time now, int limit, std::vector<Slot>* due);

  // An instant at or before the next due time, close enough to sleep until; InfiniteFuture if the
  // wheel is empty.
  absl::Time NextWake() const;

  int64_t size() const { return size_; }

 private:
  static constexpr int kBits = 6;
  static constexpr int kBuckets = 1 << kBits;
  static constexpr int kLevels = 11;  // 11 * 6 bits hold any count of seconds.
  static constexpr uint32_t kNone = 0xffffffff;
  // Values of Entry::previous that are no slot: the first of bucket b, and those in no bucket.
  static constexpr uint32_t kFirst = 0xf0000000;
  static constexpr uint32_t kNear = 0xfffffffe;
  static constexpr uint32_t kOut = 0xffffffff;

  struct Entry {
    int64_t due_us = 0;
    uint32_t next = kNone;
    uint32_t previous = kOut;
  };

  // Seconds since the earliest instant representable, so that they are never negative.
  static uint64_t SecondOf(int64_t due_us);
  void Place(Slot slot);
  // First second of a bucket that lies after the current second.
  uint64_t BucketBegin(int level, int bucket) const;
  // Empties the bucket and places its slots anew.
  void Cascade(int level, int bucket);
  // Goes on to the next second in which something may be due, at most to `target`; false if there
  // is none.
  bool Advance(uint64_t target);

  std::deque<Entry> entries_;  // By slot.
  std::array<uint32_t, kLevels* kBuckets> heads_ = [] {
    std::array<uint32_t, kLevels * kBuckets> heads;
    heads.fill(kNone);
    return heads;
  }();
  std::array<uint64_t, kLevels> occupied_{};        // A bit for each bucket that is not empty.
  absl::btree_set<std::pair<int64_t, Slot>> near_;  // Due in second_ or before.
  uint64_t second_ = 0;
  int64_t size_ = 0;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_LOOP_TIMING_WHEEL_H_
