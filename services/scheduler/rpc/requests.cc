#include "services/scheduler/rpc/requests.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/text_rules.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/names.h"
#include "services/scheduler/rpc/paging.h"

namespace z4j::scheduler {
namespace {

template <typename Request>
Mutation MutationOf(const Request& request, MutationAction action) {
  Mutation mutation{std::move(action), {}, request.request_id()};
  if constexpr (requires { request.validate_only(); }) {
    mutation.validate_only = request.validate_only();
  }
  if constexpr (requires { request.view(); }) {
    mutation.brief = request.view() == v1::SCHEDULE_VIEW_VERSION;
  }
  return mutation;
}

absl::Status ErrorIfAny(Faults faults) {
  return faults.empty() ? absl::OkStatus() : FieldError(std::move(faults));
}

// Notes what makes `text` none that a store can hold or look for.
void AddTextFault(const std::string& text, int chars_max, std::string field, Faults& faults) {
  const std::string fault = CheckText(text, 0, chars_max, TextShape::kOneLine);
  if (!fault.empty()) faults.push_back({std::move(field), absl::StrCat(Quoted(text), " ", fault)});
}

// One schedule to create; paths begin with `prefix` ("items[3]." or nothing).
absl::StatusOr<CreateSchedule> ParseNew(const std::string& project, const std::string& id,
                                        const v1::Schedule& schedule, const std::string& prefix) {
  Faults faults;
  CreateSchedule create{ToSchedule(schedule, prefix + "schedule", faults)};
  create.schedule.project = project;
  create.schedule.name = id;
  if (id.empty() || absl::StrContains(id, "/")) {
    faults.push_back(
        {prefix + "schedule_id",
         absl::StrCat("'", id, "' must be 1 to ", kNameCharsMax, " characters without a slash")});
  } else {
    AddTextFault(id, kNameCharsMax, prefix + "schedule_id", faults);
  }
  const std::string name = ResourceName({project, id});
  if (!schedule.name().empty() && schedule.name() != name) {
    faults.push_back({prefix + "schedule.name",
                      absl::StrCat("'", schedule.name(), "' must be empty or ", name)});
  }
  RETURN_IF_ERROR(ErrorIfAny(std::move(faults)));
  return create;
}

absl::StatusOr<std::set<std::string>> ParseMask(const google::protobuf::FieldMask& given,
                                                const v1::Schedule& schedule,
                                                const std::string& prefix) {
  const auto& paths = given.paths();
  if (paths.size() == 1 && paths[0] == "*") return std::set<std::string>{};
  std::set<std::string> mask(paths.begin(), paths.end());
  if (mask.contains("*")) {
    return FieldError(prefix + "update_mask", "'*' means all fields and stands alone");
  }
  if (mask.empty()) {
    const std::vector<std::string> set = SetFieldNames(schedule);
    mask.insert(set.begin(), set.end());
  }
  if (mask.empty()) {
    return FieldError(prefix + "update_mask",
                      "names no field, and none is set: there is nothing to change");
  }
  return mask;
}

// One schedule to change; paths begin with `prefix` ("items[3]." or nothing).
absl::StatusOr<UpdateSchedule> ParseEdit(const v1::Schedule& schedule,
                                         const google::protobuf::FieldMask& mask,
                                         const std::string& prefix) {
  UpdateSchedule update;
  const std::string path = prefix + "schedule";
  ASSIGN_OR_RETURN(update.key, ParseScheduleName(schedule.name(), path + ".name"));
  ASSIGN_OR_RETURN(update.mask, ParseMask(mask, schedule, prefix));
  Faults faults;
  update.values = ToSchedule(schedule, path, faults);
  // A spec that is not to be taken may be absent.
  if (!update.mask.empty() && !update.mask.contains("spec")) {
    faults.erase(std::remove_if(faults.begin(), faults.end(),
                                [&](const auto& f) { return f.field == path + ".spec"; }),
                 faults.end());
  }
  RETURN_IF_ERROR(ErrorIfAny(std::move(faults)));
  update.etag = schedule.etag();
  return update;
}

// What holds of every batch of `items`.
template <typename Request>
absl::Status CheckBatch(const Request& request) {
  if (request.items().empty() || request.items_size() > kBatchCreateMax) {
    return FieldError("items", absl::StrCat("has ", request.items_size(), " schedules; 1 to ",
                                            kBatchCreateMax, " are allowed"));
  }
  if (const size_t bytes = request.ByteSizeLong(); bytes > kBatchCreateBytesMax) {
    return FieldError("items", absl::StrCat("has ", bytes, " bytes; at most ", kBatchCreateBytesMax,
                                            " are allowed: split it into more requests"));
  }
  Faults faults;
  ToEnum(request.view(), int{v1::SCHEDULE_VIEW_FULL}, "view", faults);
  return ErrorIfAny(std::move(faults));
}

}  // namespace

absl::StatusOr<Mutation> ParseCreate(const v1::CreateScheduleRequest& request) {
  ASSIGN_OR_RETURN(const std::string project, ParseProject(request.parent(), "parent"));
  ASSIGN_OR_RETURN(CreateSchedule create,
                   ParseNew(project, request.schedule_id(), request.schedule(), ""));
  return MutationOf(request, std::move(create));
}

absl::StatusOr<std::vector<absl::StatusOr<Mutation>>> ParseBatchCreate(
    const v1::BatchCreateSchedulesRequest& request) {
  ASSIGN_OR_RETURN(const std::string project, ParseProject(request.parent(), "parent"));
  RETURN_IF_ERROR(CheckBatch(request));
  std::vector<absl::StatusOr<Mutation>> mutations;
  mutations.reserve(request.items_size());
  for (int i = 0; i < request.items_size(); ++i) {
    const v1::NewSchedule& item = request.items(i);
    absl::StatusOr<CreateSchedule> create =
        ParseNew(project, item.schedule_id(), item.schedule(), absl::StrCat("items[", i, "]."));
    if (create.ok()) {
      mutations.push_back(MutationOf(request, *std::move(create)));
    } else {
      mutations.push_back(create.status());
    }
  }
  return mutations;
}

absl::StatusOr<std::vector<absl::StatusOr<Mutation>>> ParseBatchUpdate(
    const v1::BatchUpdateSchedulesRequest& request) {
  ASSIGN_OR_RETURN(const std::string project, ParseProject(request.parent(), "parent"));
  RETURN_IF_ERROR(CheckBatch(request));
  std::vector<absl::StatusOr<Mutation>> mutations;
  mutations.reserve(request.items_size());
  for (int i = 0; i < request.items_size(); ++i) {
    const v1::EditedSchedule& item = request.items(i);
    const std::string prefix = absl::StrCat("items[", i, "].");
    absl::StatusOr<UpdateSchedule> update = ParseEdit(item.schedule(), item.update_mask(), prefix);
    if (update.ok() && update->key.project != project) {
      update = FieldError(prefix + "schedule.name",
                          absl::StrCat("'", item.schedule().name(), "' is not of ",
                                       request.parent(), "; send it with its own project"));
    }
    if (update.ok()) {
      mutations.push_back(MutationOf(request, *std::move(update)));
    } else {
      mutations.push_back(update.status());
    }
  }
  return mutations;
}

absl::StatusOr<Mutation> ParseUpdate(const v1::UpdateScheduleRequest& request) {
  ASSIGN_OR_RETURN(UpdateSchedule update, ParseEdit(request.schedule(), request.update_mask(), ""));
  return MutationOf(request, std::move(update));
}

absl::StatusOr<Mutation> ParseDelete(const v1::DeleteScheduleRequest& request) {
  ASSIGN_OR_RETURN(ScheduleKey key, ParseScheduleName(request.name(), "name"));
  return MutationOf(request,
                    DeleteSchedule{std::move(key), request.etag(), request.allow_missing()});
}

absl::StatusOr<Mutation> ParsePause(const v1::PauseScheduleRequest& request) {
  ASSIGN_OR_RETURN(ScheduleKey key, ParseScheduleName(request.name(), "name"));
  PauseSchedule pause{std::move(key), request.reason()};
  Faults faults;
  if (request.has_until_time()) pause.until = ToTime(request.until_time(), "until_time", faults);
  RETURN_IF_ERROR(ErrorIfAny(std::move(faults)));
  return MutationOf(request, std::move(pause));
}

absl::StatusOr<Mutation> ParseResume(const v1::ResumeScheduleRequest& request) {
  ASSIGN_OR_RETURN(ScheduleKey key, ParseScheduleName(request.name(), "name"));
  return MutationOf(request, ResumeSchedule{std::move(key)});
}

absl::StatusOr<Mutation> ParseShadow(const v1::ShadowScheduleRequest& request) {
  ASSIGN_OR_RETURN(ScheduleKey key, ParseScheduleName(request.name(), "name"));
  return MutationOf(request, ShadowSchedule{std::move(key)});
}

absl::StatusOr<Mutation> ParseTrigger(const v1::TriggerScheduleRequest& request) {
  ASSIGN_OR_RETURN(ScheduleKey key, ParseScheduleName(request.name(), "name"));
  return MutationOf(request,
                    TriggerSchedule{std::move(key), request.args_json(), request.kwargs_json()});
}

absl::StatusOr<ScheduleQuery> ParseFilter(const std::string& project,
                                          const v1::ScheduleFilter& filter) {
  Faults faults;
  AddTextFault(filter.engine(), kEngineCharsMax, "filter.engine", faults);
  AddTextFault(filter.name_prefix(), kNameCharsMax, "filter.name_prefix", faults);
  AddTextFault(filter.source_kind(), kSourceKindCharsMax, "filter.source_kind", faults);
  AddTextFault(filter.source_locator(), kSourceTextCharsMax, "filter.source_locator", faults);
  for (const auto& [key, value] : filter.labels()) {
    const std::string field = absl::StrCat("filter.labels[", Quoted(key), "]");
    AddTextFault(key, kLabelCharsMax, field, faults);
    AddTextFault(value, kLabelCharsMax, field, faults);
  }
  RETURN_IF_ERROR(ErrorIfAny(std::move(faults)));
  ScheduleQuery query;
  query.project = project;
  if (filter.state() != v1::Schedule::STATE_UNSPECIFIED) {
    query.state = static_cast<ScheduleState>(filter.state());
  }
  query.engine = filter.engine();
  query.kind = KindName(filter.kind());
  query.name_prefix = filter.name_prefix();
  query.source_kind = filter.source_kind();
  query.source_locator = filter.source_locator();
  query.labels = {filter.labels().begin(), filter.labels().end()};
  return query;
}

absl::StatusOr<ScheduleQuery> ParseList(const v1::ListSchedulesRequest& request) {
  ASSIGN_OR_RETURN(const std::string project, ParseProject(request.parent(), "parent"));
  ASSIGN_OR_RETURN(ScheduleQuery query, ParseFilter(project, request.filter()));
  absl::string_view order = request.order_by();
  query.descending = absl::ConsumeSuffix(&order, " desc");
  if (order == "create_time") {
    query.order = ScheduleOrder::kCreated;
  } else if (order == "update_time") {
    query.order = ScheduleOrder::kUpdated;
  } else if (order != "name" && !request.order_by().empty()) {
    return FieldError("order_by",
                      absl::StrCat("'", request.order_by(),
                                   "' must be name, create_time or update_time, each also with "
                                   "' desc'"));
  }
  ASSIGN_OR_RETURN(query.limit, PageSize(request.page_size()));
  ASSIGN_OR_RETURN(query.after, ReadPageToken(request));
  return query;
}

absl::StatusOr<FireListing> ParseFireList(const v1::ListFiresRequest& request) {
  FireListing listing;
  FireQuery& query = listing.query;
  ASSIGN_OR_RETURN(listing.schedule, ParseScheduleName(request.parent(), "parent"));
  query.project = listing.schedule.project;
  Faults faults;
  for (int i = 0; i < request.states_size(); ++i) {
    query.states.push_back(
        ToEnum(request.states(i), FireState::kPending, absl::StrCat("states[", i, "]"), faults));
  }
  if (request.has_from_time()) query.from = ToTime(request.from_time(), "from_time", faults);
  if (request.has_to_time()) query.to = ToTime(request.to_time(), "to_time", faults);
  if (request.order_by() == "due_time") {
    query.ascending = true;
  } else if (!request.order_by().empty() && request.order_by() != "due_time desc") {
    faults.push_back({"order_by", absl::StrCat("'", request.order_by(),
                                               "' must be 'due_time desc' or 'due_time'")});
  }
  RETURN_IF_ERROR(ErrorIfAny(std::move(faults)));
  ASSIGN_OR_RETURN(query.limit, PageSize(request.page_size()));
  ASSIGN_OR_RETURN(query.after, ReadPageToken(request));
  return listing;
}

}  // namespace z4j::scheduler
