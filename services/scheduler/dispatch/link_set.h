#ifndef Z4J_SCHEDULER_DISPATCH_LINK_SET_H_
#define Z4J_SCHEDULER_DISPATCH_LINK_SET_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "services/base/clock.h"
#include "services/scheduler/dispatch/adapter_link.h"
#include "services/scheduler/dispatch/affinity.h"

namespace z4j::scheduler {

// Which of the instances that may take a fire gets it, if its schedule has no affinity key.
enum class Balance : uint8_t {
  kRoundRobin,   // Each in turn.
  kLeastLoaded,  // The one with the smallest share of its bound in flight plus load.
  kAffinity,     // Always the same for a schedule while the instances stay (rendezvous hashing).
};

// The adapters connected to this node, and the choice among them.  Pure, and without a lock.
class LinkSet {
 public:
  struct Link {
    std::shared_ptr<AdapterLink> link;
    AdapterInfo info;
    int max_in_flight = 0;
    int in_flight = 0;
    double load = 0;
    std::string health;
    absl::Time last_heartbeat;
    bool outcomes = false;               // It can tell how runs end.
    int64_t look_ups = 0;                // How often it was asked what became of fires,
    std::optional<MonoTime> looking_up;  // and since when it owes the answer.
    bool mute = false;                   // It was asked again because it had not answered.
    bool leaving = false;                // It is being stopped: nothing more for it.
    uint64_t hash = 0;                   // StableHash of the instance's name.
  };

  explicit LinkSet(Balance balance) : balance_(balance) {}

  Link* Add(std::shared_ptr<AdapterLink> link, absl::Time now);
  void Remove(const AdapterLink& link);
  Link* Find(const AdapterLink& link);

  // The instances that take such fires now, whether or not they have room.
  std::vector<Link*> Candidates(const Route& route) const;
  bool Serves(const Route& route) const { return !Candidates(route).empty(); }
  // Which of `candidates` the next fire goes to, well ones before ailing ones; null: it waits.
  // Without an affinity slot, one that has room.  With one, the slot's own, and if that is full
  // then nobody: it answers within moments, and who wants the fires of a key in one place gets that
  // under load, too.  Away from there they go only if it leaves, or as long as it ails.
  Link* Choose(const std::vector<Link*>& candidates, ScheduleId schedule,
               int affinity_slot = kNoAffinity);
  // An instance to ask about a fire that `instance` took: itself, or any of the engine.
  Link* Preferred(const std::string& engine, const std::string& instance);
  // The instance; null if it is not connected.
  const Link* Instance(const std::string& engine, const std::string& instance) const;
  // Instances are connected, and none can tell how runs end.
  bool IsBlind(const std::string& engine) const;
  // Why it is not told how runs end that `instance` took, in a sentence; empty: it is.  Others of
  // the engine speak for one that is gone.
  std::string WhyBlind(const std::string& engine, const std::string& instance) const;
  // Some instance can look up what became of fires.
  bool CanLookUp(const std::string& engine) const;
  // Whether this instance can, and does answer.
  bool LooksUp(const std::string& engine, const std::string& instance) const;
  // Those that are free to: not asked, or asked before `unanswered` in vain, and not leaving: who
  // is asked after a run watches it from then on.  The one that was asked least comes first: it may
  // see a result backend that another does not.
  std::vector<Link*> ToLookUp(const std::string& engine, MonoTime unanswered);

  std::vector<std::string> Engines() const;
  std::vector<AdapterStatus> Statuses() const;
  EngineOffers Offers() const;
  int64_t InFlight(const std::string& engine) const;
  int64_t InFlight() const;  // Of all.
  // Nobody will ask for what is in flight any more.
  void ForgetInFlight();

 private:
  using Group = std::vector<std::unique_ptr<Link>>;

  // The least gets the fire; of a link at `place` of `count` candidates.
  double CostOf(const Link& link, size_t place, size_t count, ScheduleId schedule) const;

  const Balance balance_;
  std::map<std::string, Group> engines_;
  absl::flat_hash_map<const AdapterLink*, Link*> by_link_;
  uint64_t turn_ = 0;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_LINK_SET_H_
