#ifndef Z4J_SCHEDULER_RPC_SCHEDULE_SERVICE_H_
#define Z4J_SCHEDULER_RPC_SCHEDULE_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "services/scheduler/rpc/context.h"
#include "z4j/scheduler/v1/schedule_service.grpc.pb.h"

namespace z4j::scheduler {

// z4j.scheduler.v1.ScheduleService.  The proto file says what each call does.
class ScheduleServiceImpl final : public v1::ScheduleService::CallbackService {
 public:
  explicit ScheduleServiceImpl(RpcContext& rpc) : rpc_(rpc) {}  // Outlives this.

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* CreateSchedule(Context* context, const v1::CreateScheduleRequest* request,
                          v1::CreateScheduleResponse* response) override;
  Reactor* GetSchedule(Context* context, const v1::GetScheduleRequest* request,
                       v1::GetScheduleResponse* response) override;
  Reactor* ListSchedules(Context* context, const v1::ListSchedulesRequest* request,
                         v1::ListSchedulesResponse* response) override;
  Reactor* UpdateSchedule(Context* context, const v1::UpdateScheduleRequest* request,
                          v1::UpdateScheduleResponse* response) override;
  Reactor* DeleteSchedule(Context* context, const v1::DeleteScheduleRequest* request,
                          v1::DeleteScheduleResponse* response) override;
  Reactor* PauseSchedule(Context* context, const v1::PauseScheduleRequest* request,
                         v1::PauseScheduleResponse* response) override;
  Reactor* ResumeSchedule(Context* context, const v1::ResumeScheduleRequest* request,
                          v1::ResumeScheduleResponse* response) override;
  Reactor* ShadowSchedule(Context* context, const v1::ShadowScheduleRequest* request,
                          v1::ShadowScheduleResponse* response) override;
  Reactor* TriggerSchedule(Context* context, const v1::TriggerScheduleRequest* request,
                           v1::TriggerScheduleResponse* response) override;
  Reactor* PreviewSchedule(Context* context, const v1::PreviewScheduleRequest* request,
                           v1::PreviewScheduleResponse* response) override;
  Reactor* BatchCreateSchedules(Context* context, const v1::BatchCreateSchedulesRequest* request,
                                v1::BatchCreateSchedulesResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchSchedulesResponse>* WatchSchedules(
      Context* context, const v1::WatchSchedulesRequest* request) override;

 private:
  absl::Status Preview(const v1::PreviewScheduleRequest& request,
                       v1::PreviewScheduleResponse* response);
  absl::Status BatchCreate(const v1::BatchCreateSchedulesRequest& request, const Context& context,
                           v1::BatchCreateSchedulesResponse* response);

  RpcContext& rpc_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_SCHEDULE_SERVICE_H_
