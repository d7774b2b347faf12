// The calls of ScheduleService that compute or write many things: Preview, BatchCreate,
// BatchUpdate.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/grpc_status.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/preview.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/answer.h"
#include "services/scheduler/rpc/caller.h"
#include "services/scheduler/rpc/names.h"
#include "services/scheduler/rpc/requests.h"
#include "services/scheduler/rpc/schedule_service.h"

namespace z4j::scheduler {
namespace {

constexpr int kPreviewDefault = 10;

// The schedule to preview, as if it were created at `now` if it is not stored.
absl::StatusOr<StoredSchedule> PreviewedSchedule(const v1::PreviewScheduleRequest& request,
                                                 ScheduleStore& store, absl::Time now) {
  if (request.has_name()) {
    ASSIGN_OR_RETURN(const ScheduleKey key, ParseScheduleName(request.name(), "name"));
    return store.GetSchedule(key);
  }
  if (!request.has_schedule()) return FieldError("schedule", "give a name or a schedule");
  Faults faults;
  StoredSchedule unsaved{ToSchedule(request.schedule(), "schedule", faults), Cursor{}};
  if (!faults.empty()) return FieldError(std::move(faults));
  if (auto* interval = std::get_if<IntervalSpec>(&unsaved.schedule.spec)) {
    if (interval->anchor == absl::InfinitePast()) interval->anchor = now;
  }
  unsaved.schedule.created_at = now;
  return unsaved;
}

// With the paths of item `item`.
absl::Status WithItemPaths(const absl::Status& status, int item) {
  Faults faults =
      FieldViolationsOf(WithRequestPaths(status, absl::StrCat("items[", item, "].schedule")));
  if (faults.empty()) return status;
  for (FieldViolation& fault : faults) {
    if (fault.field == "update_mask") fault.field = absl::StrCat("items[", item, "].update_mask");
  }
  return FieldError(std::move(faults));
}

// Of a batch that is all or nothing: the error of the first item that is itself at fault.
absl::Status FirstAtFault(const std::vector<Committer::Result>& results) {
  int first = -1;
  for (int i = 0; i < results.size(); ++i) {
    if (results[i].ok()) continue;
    if (first < 0) first = i;
    // Neighbours of the one at fault have FAILED_PRECONDITION.
    if (absl::IsFailedPrecondition(results[i].status())) continue;
    first = i;
    break;
  }
  if (first < 0) return absl::OkStatus();
  const absl::Status& status = results[first].status();
  if (!FieldViolationsOf(status).empty()) return status;  // They name the item.
  return absl::Status(status.code(), absl::StrCat("items[", first, "]: ", status.message()));
}

// Commits the items that could be parsed, and returns what became of each; of a batch that is all
// or nothing, the first error.
absl::StatusOr<std::vector<Committer::Result>> RunItems(
    Committer& committer, std::vector<absl::StatusOr<Mutation>> parsed, const Caller& caller,
    bool allow_partial) {
  std::vector<Committer::Result> results(parsed.size(), absl::UnknownError(""));
  std::vector<Mutation> mutations;
  std::vector<int> items;  // Which item each mutation is.
  mutations.reserve(parsed.size());
  for (int i = 0; i < parsed.size(); ++i) {
    if (!parsed[i].ok()) {
      if (!allow_partial) return parsed[i].status();
      results[i] = parsed[i].status();
      continue;
    }
    parsed[i]->caller = caller;
    mutations.push_back(*std::move(parsed[i]));
    items.push_back(i);
  }
  if (!mutations.empty()) {
    std::vector<Committer::Result> written =
        committer.RunBatch(std::move(mutations), !allow_partial);
    for (int m = 0; m < written.size(); ++m) {
      if (!written[m].ok()) written[m] = WithItemPaths(written[m].status(), items[m]);
      results[items[m]] = std::move(written[m]);
    }
  }
  if (!allow_partial) RETURN_IF_ERROR(FirstAtFault(results));
  return results;
}

void SetVersion(const ScheduleVersion& version, v1::Schedule* out) {
  out->set_name(ResourceName(version.key));
  out->set_etag(EtagOf(version.revision));
  out->set_revision(version.revision);
}

// What was written is in the answer whatever its size: it is there now, and `shorten` is called for
// what has no room.  Errors have the rest of the room, and beyond it their code alone.
template <typename Response, typename Shorten>
void FillResults(const std::vector<Committer::Result>& results, Response* response,
                 Shorten shorten) {
  AnswerRoom room;
  for (const Committer::Result& result : results) {
    auto* out = response->add_results();
    if (!result.ok()) continue;
    if (result->schedule) SetSchedule(*result->schedule, out->mutable_schedule());
    if (result->version) SetVersion(*result->version, out->mutable_schedule());
    for (const std::string& note : result->notes) out->add_notes(note);
    if (!room.Take(*out)) shorten(out->mutable_schedule());
  }
  for (int i = 0; i < results.size(); ++i) {
    if (results[i].ok()) continue;
    google::rpc::Status* error = response->mutable_results(i)->mutable_error();
    *error = ToRpcStatus(results[i].status());
    if (room.Take(*error)) continue;
    error->clear_details();
    error->set_message("it is refused too; why has no room in this answer: send fewer at once");
  }
}

// Leaves what says which it is and which state of it.
void KeepVersion(v1::Schedule* schedule) {
  v1::Schedule version;
  version.set_name(schedule->name());
  version.set_etag(schedule->etag());
  version.set_revision(schedule->revision());
  schedule->Swap(&version);
}

}  // namespace

absl::Status ScheduleServiceImpl::Preview(const v1::PreviewScheduleRequest& request,
                                          v1::PreviewScheduleResponse* response) {
  const int count = request.count() == 0 ? kPreviewDefault : request.count();
  if (count < 1 || count > kPreviewMax) {
    return FieldError("count", absl::StrCat(count, " must be 1 to ", kPreviewMax));
  }
  Faults faults;
  absl::Time after = rpc_.clock.Now();
  if (request.has_after_time()) after = ToTime(request.after_time(), "after_time", faults);
  if (!faults.empty()) return FieldError(std::move(faults));
  ASSIGN_OR_RETURN(const StoredSchedule stored,
                   PreviewedSchedule(request, rpc_.store, rpc_.clock.Now()));
  const auto fires = PreviewFires(stored.schedule, stored.cursor, after, count);
  RETURN_IF_ERROR(WithRequestPaths(fires.status(), "schedule"));
  for (const PreviewedFire& fire : *fires) {
    v1::PreviewedFire* out = response->add_fires();
    SetTime(fire.due_at, out->mutable_due_time());
    out->set_local_time(fire.local_time);
    out->set_note(fire.note);
  }
  response->set_time_zone(stored.schedule.time_zone);
  response->set_tzdata_version(TzdataVersion());
  return absl::OkStatus();
}

absl::Status ScheduleServiceImpl::BatchCreate(const v1::BatchCreateSchedulesRequest& request,
                                              const Context& context,
                                              v1::BatchCreateSchedulesResponse* response) {
  ASSIGN_OR_RETURN(std::vector<absl::StatusOr<Mutation>> parsed, ParseBatchCreate(request));
  ASSIGN_OR_RETURN(
      const std::vector<Committer::Result> results,
      RunItems(rpc_.committer, std::move(parsed), CallerOf(context), request.allow_partial()));
  // What was just sent has room: see kBatchCreateBytesMax.
  FillResults(results, response, [](v1::Schedule*) {});
  return absl::OkStatus();
}

absl::Status ScheduleServiceImpl::BatchUpdate(const v1::BatchUpdateSchedulesRequest& request,
                                              const Context& context,
                                              v1::BatchUpdateSchedulesResponse* response) {
  ASSIGN_OR_RETURN(std::vector<absl::StatusOr<Mutation>> parsed, ParseBatchUpdate(request));
  ASSIGN_OR_RETURN(
      const std::vector<Committer::Result> results,
      RunItems(rpc_.committer, std::move(parsed), CallerOf(context), request.allow_partial()));
  // An edit of a word answers with all that the schedule holds.
  FillResults(results, response, KeepVersion);
  return absl::OkStatus();
}

}  // namespace z4j::scheduler
