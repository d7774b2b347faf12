#ifndef Z4J_SCHEDULER_LOOP_INTERNED_H_
#define Z4J_SCHEDULER_LOOP_INTERNED_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"

namespace z4j::scheduler {

// Entries by a number of four bytes; numbers given back are used again, and entries stay where they
// are.
template <typename Entry>
class Numbered {
 public:
  using Number = uint32_t;

  Number Add(Entry entry) {
    if (free_.empty()) {
      entries_.push_back(std::move(entry));
      return static_cast<Number>(entries_.size() - 1);
    }
    const Number number = free_.back();
    free_.pop_back();
    entries_[number] = std::move(entry);
    return number;
  }
  // The number stands for nothing until Add gives it out again.
  void Free(Number number) { free_.push_back(number); }
  void Clear() {
    entries_.clear();
    free_.clear();
  }

  Entry& operator[](Number number) { return entries_[number]; }
  const Entry& operator[](Number number) const { return entries_[number]; }

 private:
  std::deque<Entry> entries_;
  std::vector<Number> free_;
};

// Values that many have in common, each held once under its key for as long as someone uses it.
template <typename Key, typename Value>
class Interned {
 public:
  using Number = uint32_t;

  Interned() : index_(0, HashOf{&entries_}, Equal{&entries_}) {}
  Interned(const Interned&) = delete;

  // The number of the value under `key`, with one user more; nullopt if there is none.
  std::optional<Number> Share(const Key& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return std::nullopt;
    ++entries_[*found].users;
    return *found;
  }
  // Holds `value` for one user; there must be nothing under `key` yet.
  Number Add(Key key, Value value) {
    const Number number = entries_.Add({std::move(key), std::move(value), 1});
    index_.insert(number);
    return number;
  }
  // One user less; without any the value is gone.
  void Drop(Number number) {
    Entry& entry = entries_[number];
    if (--entry.users > 0) return;
    index_.erase(number);
    entry = {};
    entries_.Free(number);
  }
  void Clear() {
    index_.clear();
    entries_.Clear();
  }

  const Key& KeyOf(Number number) const { return entries_[number].key; }
  const Value& operator[](Number number) const { return entries_[number].value; }
  int64_t size() const { return static_cast<int64_t>(index_.size()); }

 private:
  struct Entry {
    Key key{};
    Value value{};
    uint32_t users = 0;
  };
  // A set of numbers that is searched by key: five bytes an entry and no second copy of the key.
  struct HashOf {
    using is_transparent = void;
    const Numbered<Entry>* entries;
    size_t operator()(Number number) const { return (*this)((*entries)[number].key); }
    size_t operator()(const Key& key) const { return absl::Hash<Key>()(key); }
  };
  struct Equal {
    using is_transparent = void;
    const Numbered<Entry>* entries;
    bool operator()(Number a, Number b) const { return a == b; }
    bool operator()(Number a, const Key& b) const { return (*entries)[a].key == b; }
    bool operator()(const Key& a, Number b) const { return (*entries)[b].key == a; }
  };

  Numbered<Entry> entries_;
  absl::flat_hash_set<Number, HashOf, Equal> index_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_LOOP_INTERNED_H_
