#ifndef Z4J_SCHEDULER_CORE_FIRE_H_
#define Z4J_SCHEDULER_CORE_FIRE_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "services/base/uuid.h"
#include "services/scheduler/core/schedule.h"

namespace z4j::scheduler {

using FireId = StrongUuid<struct FireIdTag>;

// PENDING → DISPATCHED → RUNNING → SUCCEEDED | FAILED | CANCELLED | LOST, or SKIPPED at once.
// DISPATCHED: the broker has it.  The numbers are stored; never reuse one.
enum class FireState : uint8_t {
  kPending = 1,
  kDispatched = 2,
  kRunning = 3,
  kSucceeded = 4,
  kFailed = 5,
  kCancelled = 6,
  kLost = 7,
  kSkipped = 8,
};

// The numbers are stored; never reuse one.
enum class FireKind : uint8_t {
  kScheduled = 1,
  kCatchUp = 2,
  kManual = 3,
  kBackfill = 4,
  kRetry = 5,  // Repeats another fire, `retry_of`.
};

// Why a due time did not run, or why a fire waits or ended as it did.  Stored; never reuse one.
enum class FireReason : uint8_t {
  kNone = 0,
  kPaused = 1,             // SKIPPED: the schedule was paused.
  kCatchUpPolicy = 2,      // SKIPPED: missed while no leader was live, and the policy drops it.
  kOverlap = 3,            // SKIPPED, or PENDING while buffered: the run before has not ended.
  kNoAdapter = 4,          // SKIPPED, or PENDING while waiting: no adapter for the engine.
  kExpired = 5,            // SKIPPED: its `expires` passed before the engine had it.
  kEdited = 6,             // SKIPPED: not yet decided when the schedule was edited.
  kScheduleDeleted = 7,    // CANCELLED with its schedule.
  kEngineUnavailable = 8,  // PENDING: the broker cannot be reached; it is tried again.
  kRejected = 9,           // FAILED: the adapter says that the engine will never take it.
  kTaskFailed = 10,        // FAILED: the task raised.
  kUserCancelled = 11,     // CANCELLED on request.
  kWorkerLost = 12,        // LOST: the worker vanished during the run.
  kExpiredInQueue = 13,    // FAILED: the engine dropped it past its expiry.
  kShadow = 14,            // SKIPPED: the schedule is in shadow.
};

constexpr bool IsFinal(FireState state) { return state >= FireState::kSucceeded; }

// A fire's key: law 1.  `trigger` is zero for the automatic fire of a due time; a manual trigger
// or backfill has its own (derived from the request id), and so has a retry (derived from the fire
// that it repeats), so that it can neither collide with nor suppress an automatic one.
struct FireKey {
  ScheduleId schedule;
  absl::Time due_at;
  Uuid trigger;

  friend bool operator==(const FireKey&, const FireKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const FireKey& key) {
    return H::combine(std::move(h), key.schedule, key.due_at, key.trigger);
  }
};

// UUIDv5(namespace, schedule id ‖ due time in µs UTC, big endian [‖ trigger if it is not zero]).
// It is the engine's own task id, and the same for every node and every retry.  Pure.
FireId MakeFireId(const FireKey& key);

struct Fire {
  FireKey key;
  FireId id;
  FireKind kind = FireKind::kScheduled;
  FireState state = FireState::kPending;
  FireReason reason = FireReason::kNone;
  absl::Time dispatch_after;  // due_at plus jitter.
  absl::Time decided_at;
  absl::Time dispatched_at = absl::InfinitePast();  // InfinitePast: not yet.
  absl::Time started_at = absl::InfinitePast();
  absl::Time finished_at = absl::InfinitePast();
  int attempts = 0;     // Dispatch attempts.
  std::string error;    // The engine's message, at most kErrorBytesMax.
  std::string adapter;  // Instance that took it.
  // A SKIPPED row may stand for a run of due times: `count` of them, from `first_due_at` to
  // key.due_at.  1 for every other row.
  int64_t count = 1;
  absl::Time first_due_at;
  // Overrides of a manual trigger; empty: the schedule's own.
  std::string args_json, kwargs_json;
  // Which run of its due time (or trigger) it is; the fire before it is `retry_of`, zero for the
  // first.
  int run = 1;
  FireId retry_of;

  friend bool operator==(const Fire&, const Fire&) = default;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_FIRE_H_
