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

namespace z4j::scheduler {

// Which of an engine's instances gets a fire.
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
    uint64_t hash = 0;                   // Of the instance's name.
  };

  explicit LinkSet(Balance balance) : balance_(balance) {}

  Link* Add(std::shared_ptr<AdapterLink> link, absl::Time now);
  void Remove(const AdapterLink& link);
  Link* Find(const AdapterLink& link);

  // An instance of `engine` that may publish to `queue` and has room, well ones before ailing ones;
  // null if there is none.
  Link* Choose(const std::string& engine, const std::string& queue, ScheduleId schedule);
  // Whether some instance could take it if it had room.
  bool Serves(const std::string& engine, const std::string& queue) const;
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
  // Those that are free to: not asked, or asked before `unanswered` in vain.  The one that was
  // asked least comes first: it may see a result backend that another does not.
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

  static bool MayPublish(const Link& link, const std::string& queue);

  const Balance balance_;
  std::map<std::string, Group> engines_;
  absl::flat_hash_map<const AdapterLink*, Link*> by_link_;
  uint64_t turn_ = 0;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_LINK_SET_H_
