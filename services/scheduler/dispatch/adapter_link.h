#ifndef Z4J_SCHEDULER_DISPATCH_ADAPTER_LINK_H_
#define Z4J_SCHEDULER_DISPATCH_ADAPTER_LINK_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/base/mono_time.h"
#include "services/scheduler/core/engine_fit.h"
#include "services/scheduler/core/fire.h"

// The seam between the dispatcher and connected adapters.  The stream server implements it over
// gRPC; tests implement it in memory.  The dispatcher sees no proto.
namespace z4j::scheduler {

// What an engine needs to run a schedule's task; the same for all its fires, so it crosses the
// stream once per adapter.
struct TaskTemplate {
  uint64_t id = 0;            // Differs whenever any other field differs.
  std::string schedule_name;  // "projects/default/schedules/nightly", for the adapter's logs.
  std::string task, args_json, kwargs_json, queue;
  int priority = 0;
  absl::Duration expires;
  std::map<std::string, std::string> engine_options;
};

struct DispatchItem {
  FireKey key;
  FireId id;
  absl::Time dispatch_after;
  int attempt = 1;
  std::shared_ptr<const TaskTemplate> task;
};

// One option that a schedule may set for an engine.
struct EngineOption {
  std::string name;
  std::string type;  // Of its JSON value: "string", "number", "integer", "boolean", ….
  std::string description;

  friend bool operator==(const EngineOption&, const EngineOption&) = default;
};

// What an engine and its broker can do; the proto's Capabilities.
struct AdapterCapabilities {
  bool effectively_once = false;  // Hand-over and dedupe are one step; otherwise at least once.
  bool outcomes = false;          // It learns how runs end.
  std::string outcomes_hint;      // Why not, and what to change.
  bool cancel = false, terminate = false, priority = false, expires = false;
  bool lookup = false;  // It can be asked what became of fires.
  bool list_queues = false, list_workers = false, purge = false;  // Questions that it can answer.
  std::vector<EngineOption> options;

  friend bool operator==(const AdapterCapabilities&, const AdapterCapabilities&) = default;
};

// What an adapter declared when it connected (capabilities may change later).
struct AdapterInfo {
  std::string engine;    // "celery"
  std::string instance;  // Unique among the instances of an engine.
  std::string version, engine_version;
  AdapterCapabilities capabilities;
  std::vector<std::string> queues, tasks;  // Empty: any; not known.
  int max_in_flight = 1000;
  std::map<std::string, std::string> labels;  // For Schedule::adapter_labels.
  absl::Time connected_at;
};

// What an adapter takes of a schedule.
inline EngineOffer OfferOf(const AdapterInfo& info) {
  EngineOffer offer;
  for (const EngineOption& option : info.capabilities.options) {
    offer.options[option.name] = option.type;
  }
  offer.priority = info.capabilities.priority;
  offer.expires = info.capabilities.expires;
  offer.queues = info.queues;
  offer.labels = info.labels;
  return offer;
}

// Why fires wait.
struct WaitCause {
  FireReason reason = FireReason::kNone;  // kNoAdapter, kEngineUnavailable, or kNone.
  std::string note;                       // WhyNobody, of kNoAdapter.
};

struct AdapterStatus {
  AdapterInfo info;
  int in_flight = 0;
  double load = 0;  // 0..1 as its heartbeat says.
  absl::Time last_heartbeat;
  std::string health;    // Empty: well; otherwise what is wrong ("broker unreachable since …").
  bool leaving = false;  // It is being stopped, and takes no new fires.
};

enum class DispatchCode : uint8_t {
  kAccepted = 1,     // The broker has it.
  kDuplicate = 2,    // It had it already.
  kRejected = 3,     // It will never take it: `message` says why.
  kUnavailable = 4,  // Not handed over, or unknown: try again.
  kReturned = 5,     // Not tried at all, because the adapter is being stopped.
};

struct DispatchResult {
  FireKey key;
  FireId id;
  DispatchCode code = DispatchCode::kAccepted;
  std::string message;
};

// What an engine did with a fire, as far as the adapter saw it.
struct Outcome {
  FireKey key;  // key.schedule is zero if the adapter no longer knew it.
  FireId id;
  FireState state = FireState::kRunning;  // kRunning or a final one.
  FireReason reason = FireReason::kNone;
  absl::Time at;
  std::string error;
};

// A fire as adapters know it.
struct FireRef {
  FireKey key;
  FireId id;
};

// What an adapter is asked about its engine, as it is at that moment.
struct AdapterQuestion {
  enum class What : uint8_t {
    kTasks,    // That the workers know.
    kQueues,   // And what waits in them.
    kWorkers,  // That are alive.
    kPurge,    // To empty a queue.
  };
  What what = What::kTasks;
  std::string queue;  // kPurge.

  friend bool operator==(const AdapterQuestion&, const AdapterQuestion&) = default;
};

// UNIMPLEMENTED if an adapter that can do `can` cannot answer `question`.
inline absl::Status CheckCan(const AdapterCapabilities& can, const AdapterQuestion& question) {
  using What = AdapterQuestion::What;
  const char* lacking = nullptr;
  if (question.what == What::kQueues && !can.list_queues) lacking = "tell its queues";
  if (question.what == What::kWorkers && !can.list_workers) lacking = "tell its workers";
  if (question.what == What::kPurge && !can.purge) lacking = "empty a queue";
  if (lacking == nullptr) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("the adapter cannot ", lacking,
                   ": its broker has no way to, or it is older than this scheduler"));
}

// The proto's QueueState.
struct QueueState {
  std::string name;
  int64_t depth = 0;  // Messages that wait for a worker.
  std::optional<int64_t> in_progress;
  std::optional<int> workers;
};

// The proto's WorkerState.
struct WorkerState {
  std::string name;
  std::vector<std::string> queues;
  std::optional<int> running, concurrency;
  std::optional<absl::Time> heartbeat;
};

// What was asked for; the rest is empty.
struct AdapterAnswer {
  std::vector<std::string> tasks;
  std::vector<QueueState> queues;
  std::vector<WorkerState> workers;
  int64_t purged = 0;  // Messages.
};

// Called once, from any thread, perhaps before the asking returns.  Must not block.  UNAVAILABLE:
// the adapter could not, did not answer in time, or is gone; whether a queue was purged is then
// unknown.  RESOURCE_EXHAUSTED: it was not asked, as it owes too many answers.
using OnAnswer = absl::AnyInvocable<void(absl::StatusOr<AdapterAnswer>)>;

// One connected adapter.  Thread-safe; valid as long as someone holds it.
class AdapterLink {
 public:
  virtual ~AdapterLink() = default;
  virtual AdapterInfo Info() const = 0;
  // Queues the items for sending and returns at once; false if the link is closed.  Results come
  // through AdapterEvents::OnResults.
  virtual bool Send(std::vector<DispatchItem> items) = 0;
  // Asks the engine to forget or stop a fire; no answer but the outcome.
  virtual void Cancel(const FireKey& key, FireId id, bool terminate) = 0;
  // Asks what became of fires, at most kFiresPerLookUp: before the next look-up await
  // AdapterEvents::OnLookedUp.  What is found comes as any outcome does.
  virtual void LookUp(const std::vector<FireRef>& fires) = 0;
  // Asks a question that its capabilities say it can answer; at `deadline` it has not.
  virtual void Ask(const AdapterQuestion& question, MonoTime deadline, OnAnswer done) = 0;
};

// What links tell the dispatcher.  Called from transport threads; must not block on I/O.
class AdapterEvents {
 public:
  virtual ~AdapterEvents() = default;
  virtual void OnConnected(std::shared_ptr<AdapterLink> link) = 0;
  // After this no further event comes from `link`; what was in flight there has an unknown outcome.
  virtual void OnDisconnected(const AdapterLink& link) = 0;
  virtual void OnResults(const AdapterLink& link, std::vector<DispatchResult> results) = 0;
  // `done` is called once the outcomes are durable (or with an error: the adapter keeps them and
  // sends them again).  Call it from any thread.
  virtual void OnOutcomes(const AdapterLink& link, std::vector<Outcome> outcomes,
                          std::function<void(bool durable)> done) = 0;
  virtual void OnHeartbeat(const AdapterLink& link, double load, std::string health) = 0;
  // It is being stopped: it finishes what it has, and is to be given nothing more.
  virtual void OnLeaving(const AdapterLink& link) = 0;
  // The answer to LookUp, also if it failed.
  virtual void OnLookedUp(const AdapterLink& link) = 0;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_ADAPTER_LINK_H_
