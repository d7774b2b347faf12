#include "services/scheduler/rpc/schedule_service.h"

#include "services/base/status_macros.h"
#include "services/scheduler/rpc/answer.h"
#include "services/scheduler/rpc/names.h"
#include "services/scheduler/rpc/paging.h"
#include "services/scheduler/rpc/requests.h"
#include "services/scheduler/rpc/schedule_watch.h"
#include "services/scheduler/rpc/unary.h"

namespace z4j::scheduler {
namespace {

// Answers with the schedule as it is afterwards, and the notes where the message has them.
template <typename Response>
auto FillSchedule(Response* response) {
  return [response](const MutationResult& result) {
    if (result.schedule) SetSchedule(*result.schedule, response->mutable_schedule());
    if constexpr (requires { response->add_notes(std::string()); }) {
      for (const std::string& note : result.notes) response->add_notes(note);
    }
  };
}

}  // namespace

ScheduleServiceImpl::Reactor* ScheduleServiceImpl::CreateSchedule(
    Context* context, const v1::CreateScheduleRequest* request,
    v1::CreateScheduleResponse* response) {
  return AnswerMutation(
      rpc_, context, [request] { return ParseCreate(*request); }, FillSchedule(response));
}

ScheduleServiceImpl::Reactor* ScheduleServiceImpl::UpdateSchedule(
    Context* context, const v1::UpdateScheduleRequest* request,
    v1::UpdateScheduleResponse* response) {
  return AnswerMutation(
      rpc_, context, [request] { return ParseUpdate(*request); }, FillSchedule(response));
}

ScheduleServiceImpl::Reactor* ScheduleServiceImpl::DeleteSchedule(
    Context* context, const v1::DeleteScheduleRequest* request, v1::DeleteScheduleResponse*) {
  return AnswerMutation(
      rpc_, context, [request] { return ParseDelete(*request); }, [](const MutationResult&) {});
}

ScheduleServiceImpl::Reactor* ScheduleServiceImpl::PauseSchedule(
    Context* context, const v1::PauseScheduleRequest* request,
    v1::PauseScheduleResponse* response) {
  return AnswerMutation(
      rpc_, context, [request] { return ParsePause(*request); }, FillSchedule(response));
}

ScheduleServiceImpl::Reactor* ScheduleServiceImpl::ResumeSchedule(
    Context* context, const v1::ResumeScheduleRequest* request,
    v1::ResumeScheduleResponse* response) {
  return AnswerMutation(
      rpc_, context, [request] { return ParseResume(*request); }, FillSchedule(response));
}

ScheduleServiceImpl::Reactor* ScheduleServiceImpl::ShadowSchedule(
    Context* context, const v1::ShadowScheduleRequest* request,
    v1::ShadowScheduleResponse* response) {
  return AnswerMutation(
      rpc_, context, [request] { return ParseShadow(*request); }, FillSchedule(response));
}

ScheduleServiceImpl::Reactor* ScheduleServiceImpl::TriggerSchedule(
    Context* context, const v1::TriggerScheduleRequest* request,
    v1::TriggerScheduleResponse* response) {
  return AnswerMutation(
      rpc_, context, [request] { return ParseTrigger(*request); },
      [request, response](const MutationResult& result) {
        const absl::StatusOr<ScheduleKey> key = ParseScheduleName(request->name(), "name");
        if (result.fire) SetFire(*result.fire, *key, response->mutable_fire());
      });
}

ScheduleServiceImpl::Reactor* ScheduleServiceImpl::GetSchedule(
    Context* context, const v1::GetScheduleRequest* request, v1::GetScheduleResponse* response) {
  return AnswerOnPool(rpc_, context, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const ScheduleKey key, ParseScheduleName(request->name(), "name"));
    ASSIGN_OR_RETURN(const StoredSchedule stored, rpc_.store.GetSchedule(key));
    SetSchedule(stored, response->mutable_schedule());
    return absl::OkStatus();
  });
}

ScheduleServiceImpl::Reactor* ScheduleServiceImpl::ListSchedules(
    Context* context, const v1::ListSchedulesRequest* request,
    v1::ListSchedulesResponse* response) {
  return AnswerOnPool(rpc_, context, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const ScheduleQuery query, ParseList(*request));
    AnswerRoom room;
    ASSIGN_OR_RETURN(
        const std::string next,
        ReadPage(
            query, [this](const ScheduleQuery& part) { return rpc_.store.ListSchedules(part); },
            [&](const StoredSchedule& stored) {
              SetSchedule(stored, response->add_schedules());
              return room.KeepLast(response->mutable_schedules());
            }));
    response->set_next_page_token(MakePageToken(*request, next));
    return absl::OkStatus();
  });
}

ScheduleServiceImpl::Reactor* ScheduleServiceImpl::PreviewSchedule(
    Context* context, const v1::PreviewScheduleRequest* request,
    v1::PreviewScheduleResponse* response) {
  return AnswerOnPool(rpc_, context,
                      [this, request, response] { return Preview(*request, response); });
}

ScheduleServiceImpl::Reactor* ScheduleServiceImpl::BatchCreateSchedules(
    Context* context, const v1::BatchCreateSchedulesRequest* request,
    v1::BatchCreateSchedulesResponse* response) {
  return AnswerOnPool(rpc_, context, [this, context, request, response] {
    return BatchCreate(*request, *context, response);
  });
}

grpc::ServerWriteReactor<v1::WatchSchedulesResponse>* ScheduleServiceImpl::WatchSchedules(
    Context*, const v1::WatchSchedulesRequest* request) {
  using Stream = WatchStream<v1::WatchSchedulesResponse>;
  const absl::StatusOr<std::string> project = ParseProject(request->parent(), "parent");
  if (!project.ok()) return Stream::Refuse(project.status());
  absl::StatusOr<ScheduleQuery> query = ParseFilter(*project, request->filter());
  if (!query.ok()) return Stream::Refuse(query.status());
  return Stream::Open(rpc_, std::make_unique<ScheduleWatch>(rpc_.store, *std::move(query),
                                                            request->after_revision()));
}

}  // namespace z4j::scheduler
