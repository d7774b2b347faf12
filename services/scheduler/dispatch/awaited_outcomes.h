#ifndef Z4J_SCHEDULER_DISPATCH_AWAITED_OUTCOMES_H_
#define Z4J_SCHEDULER_DISPATCH_AWAITED_OUTCOMES_H_

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "services/base/clock.h"
#include "services/scheduler/dispatch/adapter_link.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {

// Fires that brokers have and whose end was not heard, and when to ask after each: a minute after
// the hand-over, then at doubled intervals up to kLookUpEvery, until kLookUpFor after it.  Nearly
// all are removed long before they are asked after, so adding and removing is O(1).
//
// The adapter that took a fire is asked first, since another one may see another result backend;
// after that, or while it is not there, whoever has time is.  Pure, and without a lock.
class AwaitedOutcomes {
 public:
  // Whether an adapter can be asked now.
  using IsThere = absl::FunctionRef<bool(const std::string& instance)>;

  // The broker of `engine` has the fire since `now`, by this adapter.  False if kAwaitedMax are
  // here already.
  bool Add(const std::string& engine, const std::string& instance, const FireRef& fire,
           MonoTime now);
  // One that was read from the store, newest first: it is to be asked after at once.
  bool AddOld(const std::string& engine, const std::string& instance, const FireRef& fire,
              MonoTime since);
  // Its end is known.
  void Remove(FireId id);
  // All fires of the engine are to be asked after now: it may know what nobody heard.  O(n).
  void Hasten(const std::string& engine);
  // At most `limit` that `instance` is to be asked after now; each has its next turn, or is
  // forgotten.
  std::vector<FireRef> Take(const std::string& engine, const std::string& instance,
                            IsThere is_there, MonoTime now, int limit);
  // When Take has something for it; the infinite future: never.
  MonoTime NextOf(const std::string& engine, const std::string& instance, IsThere is_there) const;
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
  struct Lists {
    List now;  // To be asked after at once: newest first, by and large.
    std::array<List, kLevels> later;
  };
  // By the adapter that is to be asked; "": any.
  using Engine = std::map<std::string, Lists>;

  bool AddTo(List& home, const FireRef& fire, MonoTime since);
  void TakeFrom(Engine& engine, Lists& lists, MonoTime now, size_t limit,
                std::vector<FireRef>& taken);
  static bool IsEmpty(const Lists& lists);

  std::map<std::string, Engine> engines_;
  absl::flat_hash_map<FireId, List::iterator> index_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_AWAITED_OUTCOMES_H_
