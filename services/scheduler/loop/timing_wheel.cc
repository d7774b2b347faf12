#include "services/scheduler/loop/timing_wheel.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace z4j::scheduler {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
// Whole seconds between the earliest representable microsecond and the epoch, rounded up.
constexpr int64_t kEpochSecond = std::numeric_limits<int64_t>::max() / kMicrosPerSecond + 1;

int64_t FloorMicros(absl::Time time) { return absl::ToUnixMicros(time); }

int64_t CeilMicros(absl::Time time) {
  const int64_t floor = absl::ToUnixMicros(time);
  return absl::FromUnixMicros(floor) < time ? floor + 1 : floor;
}

}  // namespace

uint64_t TimingWheel::SecondOf(int64_t due_us) {
  int64_t second = due_us / kMicrosPerSecond;
  if (due_us % kMicrosPerSecond < 0) --second;
  return static_cast<uint64_t>(second + kEpochSecond);
}

void TimingWheel::Insert(Slot slot, absl::Time due) {
  Remove(slot);
  if (due == absl::InfiniteFuture()) return;
  if (slot >= entries_.size()) entries_.resize(slot + 1);
  entries_[slot].due_us = CeilMicros(due);
  ++size_;
  Place(slot);
}

void TimingWheel::Place(Slot slot) {
  Entry& entry = entries_[slot];
  const uint64_t second = SecondOf(entry.due_us);
  if (second <= second_) {
    near_.emplace(entry.due_us, slot);
    entry.previous = kNear;
    entry.next = kNone;
    return;
  }
  // The level is that of the highest digit in which `second` differs from the current one: a
  // bucket is cascaded exactly when the current second enters it.
  const int level = (std::bit_width(second ^ second_) - 1) / kBits;
  const int bucket = static_cast<int>(second >> (level * kBits)) & (kBuckets - 1);
  const uint32_t index = level * kBuckets + bucket;
  entry.previous = kFirst + index;
  entry.next = heads_[index];
  if (entry.next != kNone) entries_[entry.next].previous = slot;
  heads_[index] = slot;
  occupied_[level] |= uint64_t{1} << bucket;
}

void TimingWheel::Remove(Slot slot) {
  if (slot >= entries_.size() || entries_[slot].previous == kOut) return;
  Entry& entry = entries_[slot];
  if (entry.previous == kNear) {
    near_.erase({entry.due_us, slot});
  } else {
    if (entry.next != kNone) entries_[entry.next].previous = entry.previous;
    if (entry.previous >= kFirst) {
      const uint32_t index = entry.previous - kFirst;
      heads_[index] = entry.next;
      if (entry.next == kNone) {
        occupied_[index / kBuckets] &= ~(uint64_t{1} << (index % kBuckets));
      }
    } else {
      entries_[entry.previous].next = entry.next;
    }
  }
  entry.previous = kOut;
  entry.next = kNone;
  --size_;
}

void TimingWheel::Cascade(int level, int bucket) {
  const uint32_t index = level * kBuckets + bucket;
  uint32_t slot = heads_[index];
  heads_[index] = kNone;
  occupied_[level] &= ~(uint64_t{1} << bucket);
  while (slot != kNone) {
    const uint32_t next = entries_[slot].next;
    Place(slot);
    slot = next;
  }
}

uint64_t TimingWheel::BucketBegin(int level, int bucket) const {
  const int shift = level * kBits;
  // The last level has no digits above it, and a shift by 64 or more bits would be undefined.
  const uint64_t above = level == kLevels - 1 ? 0 : second_ >> (shift + kBits) << (shift + kBits);
  return above | static_cast<uint64_t>(bucket) << shift;
}

bool TimingWheel::Advance(uint64_t target) {
  for (int level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const int bucket = std::countr_zero(occupied_[level]);
    const uint64_t begin = BucketBegin(level, bucket);
    if (begin > target) break;
    second_ = begin;
    Cascade(level, bucket);
    return true;
  }
  return false;
}

void TimingWheel::PopDue(absl::Time now, int limit, std::vector<Slot>* due) {
  const int64_t now_us = FloorMicros(now);
  const uint64_t target = SecondOf(now_us);
  while (limit > 0) {
    if (near_.empty()) {
      if (!Advance(target)) return;
      continue;
    }
    const auto [due_us, slot] = *near_.begin();
    if (due_us > now_us) return;
    near_.erase(near_.begin());
    entries_[slot].previous = kOut;
    --size_;
    --limit;
    due->push_back(slot);
  }
}

absl::Time TimingWheel::NextWake() const {
  if (!near_.empty()) return absl::FromUnixMicros(near_.begin()->first);
  for (int level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const int bucket = std::countr_zero(occupied_[level]);
    int64_t earliest_us = std::numeric_limits<int64_t>::max();
    if (level == 0) {
      for (uint32_t slot = heads_[bucket]; slot != kNone; slot = entries_[slot].next) {
        earliest_us = std::min(earliest_us, entries_[slot].due_us);
      }
      return absl::FromUnixMicros(earliest_us);
    }
    // The start of a wider bucket: waking there cascades it, which finds the exact time.
    return absl::FromUnixSeconds(static_cast<int64_t>(BucketBegin(level, bucket)) - kEpochSecond);
  }
  return absl::InfiniteFuture();
}

}  // namespace z4j::scheduler
