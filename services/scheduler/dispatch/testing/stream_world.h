#ifndef Z4J_SCHEDULER_DISPATCH_TESTING_STREAM_WORLD_H_
#define Z4J_SCHEDULER_DISPATCH_TESTING_STREAM_WORLD_H_

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/base/testing/simulated_clock.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/dispatch/stream_server.h"
#include "z4j/scheduler/v1/adapter.grpc.pb.h"

// A stream server on a port of its own, and adapters' ends of its streams.
namespace z4j::scheduler {

inline const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

// Remembers what the streams told, for a test to await.
class RecordedEvents final : public AdapterEvents {
 public:
  void OnConnected(std::shared_ptr<AdapterLink> link) override {
    absl::MutexLock lock(&mu_);
    links.push_back(std::move(link));
  }
  void OnDisconnected(const AdapterLink&) override {
    absl::MutexLock lock(&mu_);
    ++gone;
  }
  void OnResults(const AdapterLink&, std::vector<DispatchResult> got) override {
    absl::MutexLock lock(&mu_);
    results.insert(results.end(), got.begin(), got.end());
  }
  void OnOutcomes(const AdapterLink&, std::vector<Outcome> got,
                  std::function<void(bool)> done) override {
    absl::MutexLock lock(&mu_);
    outcomes.insert(outcomes.end(), got.begin(), got.end());
    dones.push_back(std::move(done));
  }
  void OnHeartbeat(const AdapterLink&, double, std::string health) override {
    absl::MutexLock lock(&mu_);
    healths.push_back(std::move(health));
  }
  void OnLeaving(const AdapterLink&) override {
    absl::MutexLock lock(&mu_);
    ++leaving;
  }
  void OnLookedUp(const AdapterLink&) override {
    absl::MutexLock lock(&mu_);
    ++looked_up;
  }
  template <typename Condition>
  bool Await(Condition condition) {
    absl::MutexLock lock(&mu_);
    return mu_.AwaitWithTimeout(absl::Condition(&condition), absl::Seconds(20));
  }

  std::vector<std::shared_ptr<AdapterLink>> links;
  std::vector<DispatchResult> results;
  std::vector<Outcome> outcomes;
  std::vector<std::function<void(bool)>> dones;
  std::vector<std::string> healths;
  int gone = 0, leaving = 0, looked_up = 0;

 private:
  absl::Mutex mu_;
};

class StreamServerTest : public testing::Test {
 protected:
  // An adapter's end of a stream.
  struct Client {
    explicit Client(const std::shared_ptr<grpc::Channel>& channel)
        : stub(v1::AdapterService::NewStub(channel)), stream(stub->Connect(&context)) {}
    bool Hello(const std::string& instance, const std::string& engine = "celery") {
      v1::ConnectRequest request;
      request.mutable_hello()->set_engine(engine);
      request.mutable_hello()->set_instance(instance);
      return stream->Write(request);
    }
    v1::ConnectResponse Read() {
      v1::ConnectResponse response;
      EXPECT_TRUE(stream->Read(&response));
      return response;
    }
    // What ends the stream; reads whatever comes before it.
    grpc::Status End() {
      v1::ConnectResponse response;
      while (stream->Read(&response)) drained |= response.has_drain();
      return stream->Finish();
    }
    grpc::ClientContext context;
    std::unique_ptr<v1::AdapterService::Stub> stub;
    std::unique_ptr<grpc::ClientReaderWriter<v1::ConnectRequest, v1::ConnectResponse>> stream;
    bool drained = false;
  };

  StreamServerTest() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&streams_.service());
    grpc_ = builder.BuildAndStart();
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                   grpc::InsecureChannelCredentials());
  }
  ~StreamServerTest() override {
    streams_.Stop();
    grpc_->Shutdown();
  }
  // A client past its Welcome and Role.
  std::unique_ptr<Client> Connected(const std::string& instance) {
    auto client = std::make_unique<Client>(channel_);
    client->Hello(instance);
    EXPECT_EQ(client->Read().welcome().node(), "node-1");
    EXPECT_TRUE(client->Read().has_role());
    EXPECT_TRUE(events_.Await([&] { return !events_.links.empty(); }));
    return client;
  }
  DispatchItem Item(int due_s, uint64_t task_id) {
    auto task = std::make_shared<TaskTemplate>();
    task->id = task_id;
    task->task = "app.work";
    task->expires = absl::Milliseconds(1500);
    DispatchItem item;
    item.key.due_at = kNow + absl::Seconds(due_s);
    item.key.schedule.value.bytes[0] = 1;
    item.id = MakeFireId(item.key);
    item.task = task;
    return item;
  }

  SimulatedClock clock_{kNow};
  RecordedEvents events_;
  StreamServer streams_{events_, clock_, "node-1"};
  std::unique_ptr<grpc::Server> grpc_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_TESTING_STREAM_WORLD_H_
