#ifndef Z4J_SCHEDULER_RPC_CONVERT_H_
#define Z4J_SCHEDULER_RPC_CONVERT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "services/base/field_error.h"
#include "services/scheduler/dispatch/adapter_link.h"
#include "services/scheduler/store/schedule_store.h"
#include "z4j/scheduler/v1/audit.pb.h"
#include "z4j/scheduler/v1/cluster.pb.h"
#include "z4j/scheduler/v1/fire.pb.h"
#include "z4j/scheduler/v1/schedule.pb.h"
#include "z4j/scheduler/v1/schedule_service.pb.h"

// Between messages and core values.  Pure.  What cannot be converted is added to `faults` under its
// path; whether a value makes sense is validation's.
namespace z4j::scheduler {

struct EngineBacklog;

using Faults = std::vector<FieldViolation>;

// --- Values ---

absl::Time ToTime(const google::protobuf::Timestamp& time, absl::string_view path, Faults& faults);
absl::Duration ToDuration(const google::protobuf::Duration& duration, absl::string_view path,
                          Faults& faults);
// The infinities are beyond what the messages hold: callers leave the field absent instead.
void SetTime(absl::Time time, google::protobuf::Timestamp* out);
void SetDuration(absl::Duration duration, google::protobuf::Duration* out);

void AddEnumFault(int value, absl::string_view path, Faults& faults);

// For enums whose numbers agree; 0 (unspecified) is `otherwise`.
template <typename Core, typename Proto>
Core ToEnum(Proto value, Core otherwise, absl::string_view path, Faults& faults) {
  if (value == 0) return otherwise;
  if (google::protobuf::GetEnumDescriptor<Proto>()->FindValueByNumber(value) == nullptr) {
    AddEnumFault(value, path, faults);
    return otherwise;
  }
  return static_cast<Core>(value);
}

// --- Specs ---

Spec ToSpec(const v1::Spec& spec, absl::string_view path, Faults& faults);
void SetSpec(const Spec& spec, v1::Spec* out);

// --- Schedules ---

// What a user may set; the key is the caller's to set.  Paths begin with `path` ("schedule").
Schedule ToSchedule(const v1::Schedule& schedule, absl::string_view path, Faults& faults);
void SetSchedule(const StoredSchedule& stored, v1::Schedule* out);

// `violations` of core, whose paths are relative to a schedule and use core's names, as a client
// knows them: those within a schedule under `path` ("schedule"), others as they are.
absl::Status WithRequestPaths(const absl::Status& status, absl::string_view path);

// The names of the fields of `schedule` that are set and that a client may set by Update.
std::vector<std::string> SetFieldNames(const v1::Schedule& schedule);

// "cron", …; empty for SPEC_KIND_UNSPECIFIED.
std::string KindName(v1::SpecKind kind);

// --- The rest ---

void SetFire(const Fire& fire, const ScheduleKey& schedule, v1::Fire* out);
void SetAuditEntry(const AuditEntry& entry, v1::AuditEntry* out);
void SetEngineStatus(const EngineBacklog& engine, v1::EngineStatus* out);
void SetAdapterStatus(const AdapterStatus& status, v1::AdapterStatus* out);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_CONVERT_H_
