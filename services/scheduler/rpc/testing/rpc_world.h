#ifndef Z4J_SCHEDULER_RPC_TESTING_RPC_WORLD_H_
#define Z4J_SCHEDULER_RPC_TESTING_RPC_WORLD_H_

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/grpc_status.h"
#include "services/base/testing/simulated_clock.h"
#include "services/base/testing/status_matchers.h"
#include "services/base/thread_sanitizer.h"
#include "services/scheduler/rpc/grpc_server.h"
#include "services/scheduler/store/memory_schedule_store.h"
#include "z4j/scheduler/v1/audit.grpc.pb.h"
#include "z4j/scheduler/v1/cluster.grpc.pb.h"
#include "z4j/scheduler/v1/engine.grpc.pb.h"
#include "z4j/scheduler/v1/fire.grpc.pb.h"
#include "z4j/scheduler/v1/schedule_service.grpc.pb.h"

namespace z4j::scheduler {

// What a server would know; tests set it.
class FakeClusterView final : public ClusterView {
 public:
  ClusterStatus Status() override {
    TakeFromGrpc(this);
    return status;
  }
  std::vector<HealthFinding> Health() override {
    TakeFromGrpc(this);
    return findings;
  }
  absl::StatusOr<std::string> TransferLeadership(const std::string& node) override {
    transferred_to.push_back(node);
    return transfer_result;
  }
  absl::StatusOr<std::vector<ConsensusPeerState>> Members() override { return members; }
  absl::StatusOr<std::vector<ConsensusPeerState>> ChangeMembers(const MemberWish& wish,
                                                                const Caller& caller) override {
    wishes.emplace_back(wish, caller);
    return members;
  }
  std::vector<EngineBacklog> Engines() override { return status.engines; }
  std::vector<AdapterStatus> Adapters() override { return status.adapters; }
  void Ask(const std::string& engine, const std::string& instance, const AdapterQuestion& question,
           OnAnswer done) override {
    TakeFromGrpc(this);
    on_ask(absl::StrCat(engine, " ", instance), question, std::move(done));
  }
  void CancelFire(const std::string& engine, const Fire& fire, bool terminate) override {
    cancelled.push_back(absl::StrCat(engine, " ", fire.id.ToString(), terminate ? " kill" : ""));
  }

  WaitCause WhyWaits(const Route&) override { return wait_cause; }
  std::string WhyBlind(const std::string& engine, const std::string& instance) override {
    const auto found = blind.find(absl::StrCat(engine, " ", instance));
    return found == blind.end() ? "" : found->second;
  }

  ClusterStatus status;
  std::vector<HealthFinding> findings;
  std::vector<std::string> transferred_to;
  absl::StatusOr<std::string> transfer_result = std::string();
  absl::StatusOr<std::vector<ConsensusPeerState>> members = std::vector<ConsensusPeerState>();
  std::vector<std::pair<MemberWish, Caller>> wishes;
  // Who is asked: "celery one".
  std::function<void(const std::string&, const AdapterQuestion&, OnAnswer)> on_ask =
      [](const std::string&, const AdapterQuestion&, OnAnswer done) { done(AdapterAnswer()); };
  WaitCause wait_cause;
  std::map<std::string, std::string> blind;  // Why, by "engine instance".
  std::vector<std::string> cancelled;
};

// A gRPC server on a port of its own over the memory store, and clients to it.
class RpcTest : public testing::Test {
 protected:
  RpcTest() {
    Committer::Options options;
    options.on_commit = [this] {
      if (server_) server_->OnCommit();
    };
    options.offers = [this] {
      TakeFromGrpc(&cluster_);
      EngineOffers offers;
      for (const AdapterStatus& adapter : cluster_.Adapters()) {
        offers[adapter.info.engine].push_back(OfferOf(adapter.info));
      }
      return offers;
    };
    committer_ = std::make_unique<Committer>(store_, keys_, clock_, std::move(options));
    auto server =
        GrpcServer::Start("127.0.0.1:0", {}, {store_, *committer_, keys_, clock_, cluster_, {}});
    EXPECT_OK(server);
    server_ = *std::move(server);
    server_->StartServing([] { return true; });
    channel_ = grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                   grpc::InsecureChannelCredentials());
    schedules_ = v1::ScheduleService::NewStub(channel_);
    fires_ = v1::FireService::NewStub(channel_);
    audit_ = v1::AuditService::NewStub(channel_);
    status_ = v1::ClusterService::NewStub(channel_);
    engines_ = v1::EngineService::NewStub(channel_);
  }
  ~RpcTest() override {
    server_->Stop(absl::ZeroDuration());
    committer_->Stop();
  }

  // Calls `method` of `stub` with a deadline.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(Stub& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    context.AddMetadata("z4j-actor", "test:ann");
    Response response;
    HandToGrpc(&cluster_);  // Tests set it between calls.
    const grpc::Status status = (stub.*method)(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }
#define Z4J_CALL(method, service, stub)                          \
  auto method(const v1::method##Request& request) {              \
    return Call(static_cast<v1::service::StubInterface&>(*stub), \
                &v1::service::StubInterface::method, request);   \
  }
  Z4J_CALL(CreateSchedule, ScheduleService, schedules_)
  Z4J_CALL(GetSchedule, ScheduleService, schedules_)
  Z4J_CALL(ListSchedules, ScheduleService, schedules_)
  Z4J_CALL(UpdateSchedule, ScheduleService, schedules_)
  Z4J_CALL(DeleteSchedule, ScheduleService, schedules_)
  Z4J_CALL(PauseSchedule, ScheduleService, schedules_)
  Z4J_CALL(ResumeSchedule, ScheduleService, schedules_)
  Z4J_CALL(TriggerSchedule, ScheduleService, schedules_)
  Z4J_CALL(PreviewSchedule, ScheduleService, schedules_)
  Z4J_CALL(BatchCreateSchedules, ScheduleService, schedules_)
  Z4J_CALL(GetFire, FireService, fires_)
  Z4J_CALL(ListFires, FireService, fires_)
  Z4J_CALL(CancelFire, FireService, fires_)
  Z4J_CALL(RetryFire, FireService, fires_)
  Z4J_CALL(ListAuditEntries, AuditService, audit_)
  Z4J_CALL(VerifyAuditChain, AuditService, audit_)
  Z4J_CALL(GetStatus, ClusterService, status_)
  Z4J_CALL(GetHealth, ClusterService, status_)
  Z4J_CALL(TransferLeadership, ClusterService, status_)
  Z4J_CALL(ListMembers, ClusterService, status_)
  Z4J_CALL(AddMember, ClusterService, status_)
  Z4J_CALL(PromoteMember, ClusterService, status_)
  Z4J_CALL(RemoveMember, ClusterService, status_)
  Z4J_CALL(ListEngines, EngineService, engines_)
  Z4J_CALL(ListTasks, EngineService, engines_)
  Z4J_CALL(ListQueues, EngineService, engines_)
  Z4J_CALL(ListWorkers, EngineService, engines_)
  Z4J_CALL(PurgeQueue, EngineService, engines_)
#undef Z4J_CALL

  static std::string NameOf(const std::string& id) {
    return absl::StrCat("projects/default/schedules/", id);
  }

  // A request that succeeds; tests change it.
  static v1::CreateScheduleRequest NewSchedule(const std::string& id) {
    v1::CreateScheduleRequest request;
    request.set_parent("projects/default");
    request.set_schedule_id(id);
    request.mutable_schedule()->set_engine("celery");
    request.mutable_schedule()->set_task("mail.send");
    request.mutable_schedule()->set_args_json("[1, \"two\"]");
    request.mutable_schedule()->set_time_zone("Europe/Berlin");
    request.mutable_schedule()->mutable_spec()->mutable_cron()->set_expression("30 2 * * *");
    return request;
  }
  v1::Schedule Created(const std::string& id) {
    auto response = CreateSchedule(NewSchedule(id));
    EXPECT_OK(response);
    return response.ok() ? response->schedule() : v1::Schedule();
  }

  static Keyring TestKeys() { return *Keyring::Create({{"k1", std::string(32, 'k')}}); }

  SimulatedClock clock_{absl::FromUnixSeconds(1'750'000'000)};
  MemoryScheduleStore store_{clock_};
  const Keyring keys_ = TestKeys();
  FakeClusterView cluster_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ScheduleService::Stub> schedules_;
  std::unique_ptr<v1::FireService::Stub> fires_;
  std::unique_ptr<v1::AuditService::Stub> audit_;
  std::unique_ptr<v1::ClusterService::Stub> status_;
  std::unique_ptr<v1::EngineService::Stub> engines_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_TESTING_RPC_WORLD_H_
