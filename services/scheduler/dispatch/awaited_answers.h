#ifndef Z4J_SCHEDULER_DISPATCH_AWAITED_ANSWERS_H_
#define Z4J_SCHEDULER_DISPATCH_AWAITED_ANSWERS_H_

#include <map>
#include <utility>
#include <vector>

#include "services/base/mono_time.h"
#include "services/scheduler/dispatch/adapter_link.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {

// What one adapter was asked and has not answered, at most kAsksPerAdapterMax.  Those who asked are
// given out, to be called without a lock.  Pure.
class AwaitedAnswers {
 public:
  bool full() const { return asked_.size() >= kAsksPerAdapterMax; }
  // `id` is new, and it is not full.
  void Add(int64_t id, MonoTime deadline, OnAnswer done) {
    asked_.emplace(id, Asked{deadline, std::move(done)});
  }
  // Who asked `id`; null: nobody, or it was too late.
  OnAnswer Take(int64_t id) {
    auto asked = asked_.extract(id);
    return asked.empty() ? OnAnswer() : std::move(asked.mapped().done);
  }
  // Those whose deadline has come.
  std::vector<OnAnswer> TakeLate(MonoTime now) {
    std::vector<OnAnswer> late;
    for (auto it = asked_.begin(); it != asked_.end();) {
      if (it->second.deadline > now) {
        ++it;
        continue;
      }
      late.push_back(std::move(it->second.done));
      it = asked_.erase(it);
    }
    return late;
  }
  std::vector<OnAnswer> TakeAll() { return TakeLate(MonoTime{absl::InfiniteDuration()}); }

 private:
  struct Asked {
    MonoTime deadline;
    OnAnswer done;
  };
  std::map<int64_t, Asked> asked_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_AWAITED_ANSWERS_H_
