#ifndef Z4J_SCHEDULER_MUTATE_MUTATION_H_
#define Z4J_SCHEDULER_MUTATE_MUTATION_H_

#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "services/scheduler/core/fire.h"
#include "services/scheduler/core/schedule.h"
#include "services/scheduler/store/schedule_store.h"

// Everything that a user, or the loop on its own account, can do to schedules.
namespace z4j::scheduler {

// Who asks; audited.
struct Caller {
  std::string actor;   // "cli:root"
  std::string source;  // "127.0.0.1:5000"
};

// The server sets id, state, created_at, updated_at and revision; what the caller put there is
// ignored.  A schedule given in state kPaused is created paused, with the reason and the until of
// its `pause`; one given in state kShadow is created in shadow.  An interval's anchor of
// InfinitePast is "not given": the creation.
struct CreateSchedule {
  Schedule schedule;
};

// `mask` names the fields of `values` to take, as in the proto ("task", "spec", "labels", …; see
// MutableFields in update.h); empty: all that a user may set.  `etag`: EtagOf the schedule that
// the caller read; empty: whatever it is now.  Pause and resume are mutations of their own.
// An interval's anchor of InfinitePast keeps the one it has, or is the instant of the edit.
struct UpdateSchedule {
  ScheduleKey key;
  Schedule values;
  std::set<std::string> mask;
  std::string etag;
};

// `allow_missing`: OK if there is none.
struct DeleteSchedule {
  ScheduleKey key;
  std::string etag;
  bool allow_missing = false;
};

// Due times that are not decided yet become SKIPPED(PAUSED), like those of the pause itself.
// Pausing a paused schedule replaces reason and until.  One in shadow is paused without an until:
// at its end the schedule would fire.
struct PauseSchedule {
  ScheduleKey key;
  std::string reason;
  absl::Time until = absl::InfiniteFuture();  // In the future.
};

// Also takes a schedule out of shadow, and out of quarantine if it can be computed again.  Due
// times before it that are not decided become SKIPPED(SHADOW), otherwise SKIPPED(PAUSED).
// `if_expired`: by the loop, only a pause whose `until` is over; FAILED_PRECONDITION if someone
// prolonged it meanwhile.
struct ResumeSchedule {
  ScheduleKey key;
  bool if_expired = false;
};

// From now on its due times are recorded and not fired.  Those not decided yet become
// SKIPPED(SHADOW), or SKIPPED(PAUSED) if it was paused then.  One in shadow stays as it is.
struct ShadowSchedule {
  ScheduleKey key;
};

// Fires once, now; also while paused or in shadow.  Empty overrides: the schedule's own args and
// kwargs.
struct TriggerSchedule {
  ScheduleKey key;
  std::string args_json, kwargs_json;
};

// Cancels the fire if it is still PENDING; otherwise only audits the wish, and the caller asks the
// engine.  `schedule.project` is that of the fire; `schedule.name` is empty if its schedule is
// gone.
struct CancelFire {
  FireKey key;
  FireId id;
  ScheduleKey schedule;
};

// By the loop: it will never fire again.  FAILED_PRECONDITION if an edit gave it due times.
struct FinishSchedule {
  ScheduleKey key;
};

// By the loop: it can no longer be computed.
struct QuarantineSchedule {
  ScheduleKey key;
  std::string reason;
};

// A change of the cluster itself, or of what an engine holds, which is not in the store: its audit
// entry alone is written.  Whoever makes the change does so when that is there, so that none is
// made without; and writes another if it came to nothing.
struct RecordClusterChange {
  std::string action;         // "member.remove"
  std::string resource;       // "cluster/members/n3"
  std::string before, after;  // JSON; empty: it did not, or will not, exist.
  friend bool operator==(const RecordClusterChange&, const RecordClusterChange&) = default;
};

// Repeats `fire`, which ended FAILED, LOST or CANCELLED, now; also while its schedule is paused.
// `repeated_by`: the fire that was found to repeat it already, zero for none.
struct RetryFire {
  Fire fire;
  ScheduleKey schedule;  // What the fire's schedule is called, or was.
  FireId repeated_by;
};

using MutationAction =
    std::variant<CreateSchedule, UpdateSchedule, DeleteSchedule, PauseSchedule, ResumeSchedule,
                 TriggerSchedule, CancelFire, FinishSchedule, QuarantineSchedule,
                 RecordClusterChange, RetryFire, ShadowSchedule>;

struct Mutation {
  MutationAction action;
  Caller caller;
  // At most kRequestIdCharsMax printable ASCII characters.  The same id with the same request gets
  // the first answer again for kRequestIdKept, and nothing is done twice; with another request it
  // is INVALID_ARGUMENT.  Empty: none.
  std::string request_id;
  // Which item of its batch; the committer sets it.  Items that share a request id are one request.
  int batch_item = -1;
  // Answer with the version of the schedule alone.
  bool brief = false;
  // Answer as if it were done, and do nothing.
  bool validate_only = false;
};

// Which schedule, and which state of it.
struct ScheduleVersion {
  ScheduleKey key;
  int64_t revision = 0;
  friend bool operator==(const ScheduleVersion&, const ScheduleVersion&) = default;
};

struct MutationResult {
  std::optional<StoredSchedule> schedule;  // As it is afterwards; none: deleted, or a lone fire.
  std::optional<ScheduleVersion> version;  // In its place, of a brief mutation.
  std::optional<Fire> fire;                // The one triggered, or that repeats another.
  std::vector<std::string> notes;          // For people: "its time is past: it fires at once".
};

// The schedule that `action` is about; empty: none.
ScheduleKey KeyOf(const MutationAction& action);

// "projects/{project}/schedules/{name}"
std::string ResourceName(const ScheduleKey& key);

// The revision as a quoted text: "\"42\"".
std::string EtagOf(int64_t revision);
std::string EtagOf(const Schedule& schedule);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_MUTATE_MUTATION_H_
