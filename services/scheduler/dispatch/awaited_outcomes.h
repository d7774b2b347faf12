#ifndef Z4J_SCHEDULER_DISPATCH_AWAITED_OUTCOMES_H_
#define Z4J_SCHEDULER_DISPATCH_AWAITED_OUTCOMES_H_

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "services/base/clock.h"
#include "services/scheduler/dispatch/adapter_link.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {

// Fires that brokers have and whose end was not heard, and when to ask after each: a minute after
// the hand-over, then at doubled intervals up to kLookUpEvery, until kLookUpFor after it.  Nearly
// all are removed long before they are asked after, so adding and removing is O(1).  Pure, and
// without a lock.
class AwaitedOutcomes {
 public:
  // The broker of `engine` has the fire since `now`.  False if kAwaitedMax are here already.
  bool Add(const std::string& engine, const FireRef& fire, MonoTime now);
  // One that was read from the store, newest first: it is to be asked after at once.
  bool AddOld(const std::string& engine, const FireRef& fire, MonoTime since);
  // Its end is known.
  void Remove(FireId id);
  // All fires of the engine are to be asked after now: it may know what nobody heard.  O(n).
  void Hasten(const std::string& engine);
  // At most `limit` that are to be asked after now; each has its next turn, or is forgotten.
  std::vector<FireRef> Take(const std::string& engine, MonoTime now, int limit);
  // When Take has something for the engine; the infinite future: never.
  MonoTime NextOf(const std::string& engine) const;
  void Clear();
  int64_t size() const { return static_cast<int64_t>(index_.size()); }

 private:
  // Level n waits 2^n minutes, the last kLookUpEvery, so that each list is in the order in which
  // its fires are asked after.
  static constexpr int kLevels = 7;

  struct Awaited;
  using List = std::list<Awaited>;
  struct Awaited {
    FireRef fire;
    MonoTime since, ask_at;
    int level = 0;
    List* home = nullptr;
  };
  struct Engine {
    List now;  // To be asked after at once: newest first, by and large.
    std::array<List, kLevels> later;
  };

  bool AddTo(List& home, const FireRef& fire, MonoTime since);

  std::map<std::string, Engine> engines_;
  absl::flat_hash_map<FireId, List::iterator> index_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_AWAITED_OUTCOMES_H_
