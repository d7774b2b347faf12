#include "services/scheduler/rpc/engine_service.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/answer.h"
#include "services/scheduler/rpc/purge_call.h"
#include "services/scheduler/rpc/unary.h"

namespace z4j::scheduler {
namespace {

void FillTasks(const std::vector<InstanceAnswer>& answers, v1::ListTasksResponse* response) {
  std::map<std::string, v1::EngineTask> tasks;
  for (const auto& [instance, answer] : answers) {
    for (const std::string& name : answer.tasks) {
      v1::EngineTask& task = tasks[name];
      task.set_name(name);
      // An adapter may name a task twice.
      const int known = task.instances_size();
      if (known == 0 || task.instances(known - 1) != instance) task.add_instances(instance);
    }
  }
  for (auto& [name, task] : tasks) *response->add_tasks() = std::move(task);
}

template <typename Row>
std::vector<Row> ByName(std::vector<Row> rows) {
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.name < b.name; });
  return rows;
}

void FillQueues(const std::vector<InstanceAnswer>& answers, v1::ListQueuesResponse* response) {
  for (const auto& [instance, answer] : answers) {
    for (const QueueState& queue : ByName(answer.queues)) {
      v1::EngineQueue* added = response->add_queues();
      added->set_instance(instance);
      added->set_name(queue.name);
      added->set_depth(queue.depth);
      if (queue.in_progress) added->set_in_progress(*queue.in_progress);
      if (queue.workers) added->set_workers(*queue.workers);
    }
  }
}

void FillWorkers(const std::vector<InstanceAnswer>& answers, v1::ListWorkersResponse* response) {
  for (const auto& [instance, answer] : answers) {
    for (const WorkerState& worker : ByName(answer.workers)) {
      v1::EngineWorker* added = response->add_workers();
      added->set_instance(instance);
      added->set_name(worker.name);
      for (const std::string& queue : worker.queues) added->add_queues(queue);
      if (worker.running) added->set_running(*worker.running);
      if (worker.concurrency) added->set_concurrency(*worker.concurrency);
      if (worker.heartbeat) SetTime(*worker.heartbeat, added->mutable_heartbeat_time());
    }
  }
}

// What clients take by default.
absl::Status CheckFits(const google::protobuf::MessageLite& answer) {
  const size_t bytes = answer.ByteSizeLong();
  if (bytes <= kAnswerBytesMax) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("the answer has ", bytes, " bytes, at most ",
                                                   kAnswerBytesMax,
                                                   " fit; ask one instance at a time"));
}

// Runs `begin` on the pool; it ends the call, at once or later.
template <typename Begin>
grpc::ServerUnaryReactor* BeginOnPool(RpcContext& rpc, grpc::CallbackServerContext* context,
                                      Begin begin) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const bool posted = rpc.pool.TryPost([context, reactor, begin = std::move(begin)]() mutable {
    if (context->IsCancelled()) return reactor->Finish(grpc::Status::CANCELLED);
    begin(reactor);
  });
  if (!posted) {
    reactor->Finish(ToGrpcStatus(
        absl::ResourceExhaustedError("too many calls are waiting on this node; try again")));
  }
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* EngineServiceImpl::ListEngines(grpc::CallbackServerContext* context,
                                                         const v1::ListEnginesRequest*,
                                                         v1::ListEnginesResponse* response) {
  return AnswerOnPool(rpc_, context, [this, response] {
    for (const EngineBacklog& engine : rpc_.cluster.Engines()) {
      SetEngineStatus(engine, response->add_engines());
    }
    std::vector<AdapterStatus> adapters = rpc_.cluster.Adapters();
    std::sort(adapters.begin(), adapters.end(), [](const AdapterStatus& a, const AdapterStatus& b) {
      return std::tie(a.info.engine, a.info.instance) < std::tie(b.info.engine, b.info.instance);
    });
    AnswerRoom room;
    for (const AdapterStatus& adapter : adapters) {
      v1::AdapterStatus* added = response->add_adapters();
      SetAdapterStatus(adapter, added);
      if (!room.Take(*added)) added->clear_tasks();
    }
    return absl::OkStatus();
  });
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* EngineServiceImpl::List(
    grpc::CallbackServerContext* context, const Request* request, Response* response,
    AdapterQuestion::What what, void (*fill)(const std::vector<InstanceAnswer>&, Response*)) {
  return BeginOnPool(rpc_, context, [=, this](grpc::ServerUnaryReactor* reactor) {
    const auto instances =
        InstancesMeant(rpc_.cluster.Adapters(), request->engine(), request->instance());
    if (!instances.ok()) return reactor->Finish(ToGrpcStatus(instances.status()));
    AskInstances(rpc_, request->engine(), *instances, {what, ""}, [=](const auto& answers) {
      if (!answers.ok()) return reactor->Finish(ToGrpcStatus(answers.status()));
      fill(*answers, response);
      reactor->Finish(ToGrpcStatus(CheckFits(*response)));
    });
  });
}

grpc::ServerUnaryReactor* EngineServiceImpl::ListTasks(grpc::CallbackServerContext* context,
                                                       const v1::ListTasksRequest* request,
                                                       v1::ListTasksResponse* response) {
  return List(context, request, response, AdapterQuestion::What::kTasks, FillTasks);
}

grpc::ServerUnaryReactor* EngineServiceImpl::ListQueues(grpc::CallbackServerContext* context,
                                                        const v1::ListQueuesRequest* request,
                                                        v1::ListQueuesResponse* response) {
  return List(context, request, response, AdapterQuestion::What::kQueues, FillQueues);
}

grpc::ServerUnaryReactor* EngineServiceImpl::ListWorkers(grpc::CallbackServerContext* context,
                                                         const v1::ListWorkersRequest* request,
                                                         v1::ListWorkersResponse* response) {
  return List(context, request, response, AdapterQuestion::What::kWorkers, FillWorkers);
}

grpc::ServerUnaryReactor* EngineServiceImpl::PurgeQueue(grpc::CallbackServerContext* context,
                                                        const v1::PurgeQueueRequest* request,
                                                        v1::PurgeQueueResponse* response) {
  return BeginOnPool(rpc_, context, [=, this](grpc::ServerUnaryReactor* reactor) {
    PurgeCall::Start(rpc_, tokens_, *request, CallerOf(*context), response, reactor);
  });
}

}  // namespace z4j::scheduler
