#include "services/scheduler/dispatch/stream_server.h"

#include <grpcpp/grpcpp.h>

#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/grpc_status.h"
#include "services/base/log.h"
#include "services/base/monotone_mutex.h"
#include "services/scheduler/dispatch/stream_convert.h"
#include "services/scheduler/dispatch/stream_link.h"
#include "services/scheduler/limits.h"
#include "z4j/scheduler/v1/adapter.grpc.pb.h"

namespace z4j::scheduler {
namespace {

constexpr absl::Duration kCheckPeriod = absl::Seconds(1);
constexpr absl::Duration kStuckMax = absl::Seconds(1);  // Then reconnecting sends outcomes again.
constexpr absl::Duration kCloseMax = absl::Seconds(2);  // For streams to end by themselves.

}  // namespace

class StreamServer::Impl final : public v1::AdapterService::CallbackService {
 public:
  Impl(AdapterEvents& events, Clock& clock, std::string node)
      : events_(events), clock_(clock), node_(std::move(node)) {}

  grpc::ServerBidiReactor<v1::ConnectRequest, v1::ConnectResponse>* Connect(
      grpc::CallbackServerContext* context) override;

  void SetLeader(bool leader) ABSL_LOCKS_EXCLUDED(mu_) {
    MonotoneMutexLock lock(&mu_);
    if (leader_ == leader) return;
    leader_ = leader;
    for (const auto& link : links_) link->SetRole(leader);
  }
  void CheckStreams() ABSL_LOCKS_EXCLUDED(mu_);
  void Start() {
    thread_ = std::thread([this] { Loop(); });
  }
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Call;

  // The link is welcome and known to `events_`, or the status says why not.
  absl::Status Admit(const std::shared_ptr<StreamLink>& link) ABSL_LOCKS_EXCLUDED(mu_);
  void Gone(const std::shared_ptr<StreamLink>& link) ABSL_LOCKS_EXCLUDED(mu_);
  void Loop();

  AdapterEvents& events_;
  Clock& clock_;
  const std::string node_;

  MonotoneMutex mu_;
  std::set<std::shared_ptr<StreamLink>> links_ ABSL_GUARDED_BY(mu_);
  bool leader_ ABSL_GUARDED_BY(mu_) = false;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

// The gRPC side of one stream; it deletes itself when the call is done.
class StreamServer::Impl::Call final
    : public grpc::ServerBidiReactor<v1::ConnectRequest, v1::ConnectResponse>,
      public StreamCall {
 public:
  Call(Impl& server, grpc::CallbackServerContext* context) : server_(server), context_(context) {
    StartRead(&request_);
  }

  // --- StreamCall ---
  void Write(const v1::ConnectResponse& message) override { StartWrite(&message); }
  void End(const grpc::Status& status) override { Finish(status); }
  void Abort() override { context_->TryCancel(); }

  // --- gRPC ---
  void OnReadDone(bool ok) override {
    if (!ok) {
      Refuse(grpc::Status::OK);
      return;
    }
    const absl::Status status = link_ == nullptr ? Greet() : Handle();
    if (!status.ok()) {
      Refuse(ToGrpcStatus(status));
      return;
    }
    // A read that is started after the end fails, which is harmless.
    StartRead(&request_);
  }
  void OnWriteDone(bool ok) override { link_->OnWritten(ok); }
  void OnDone() override {
    if (link_ != nullptr) {
      link_->Detach();
      if (admitted_) server_.Gone(link_);
    }
    delete this;
  }

 private:
  void Refuse(const grpc::Status& status) {
    if (link_ == nullptr) {
      Finish(status);
    } else {
      link_->Close(status);
    }
  }
  absl::Status Greet();
  absl::Status Handle();
  void HandleHeartbeat(const v1::Heartbeat& heartbeat);

  Impl& server_;
  grpc::CallbackServerContext* const context_;
  v1::ConnectRequest request_;
  std::shared_ptr<StreamLink> link_;  // Null until Hello.
  bool admitted_ = false;
};

absl::Status StreamServer::Impl::Call::Greet() {
  if (!request_.has_hello()) {
    return absl::InvalidArgumentError("the first message of a stream must be Hello");
  }
  auto info = ToAdapterInfo(request_.hello(), server_.clock_.Now());
  if (!info.ok()) return info.status();
  link_ = std::make_shared<StreamLink>(*std::move(info), this, server_.clock_.MonoNow());
  absl::Status status = server_.Admit(link_);
  admitted_ = status.ok();
  return status;
}

absl::Status StreamServer::Impl::Call::Handle() {
  link_->Heard(server_.clock_.MonoNow());
  if (request_.has_results()) {
    bool unknown_template = false;
    auto results = ToResults(request_.results(), &unknown_template);
    if (!results.ok()) return results.status();
    if (unknown_template) link_->ForgetTemplates();
    server_.events_.OnResults(*link_, *std::move(results));
  } else if (request_.has_outcomes()) {
    auto outcomes = ToOutcomes(request_.outcomes(), server_.clock_.Now());
    if (!outcomes.ok()) return outcomes.status();
    const int64_t sequence = request_.outcomes().sequence();
    const int64_t epoch = link_->BeginOutcomes(sequence);
    server_.events_.OnOutcomes(
        *link_, *std::move(outcomes),
        [link = link_, epoch, sequence, &clock = server_.clock_](bool durable) {
          link->Settled(epoch, sequence, durable, clock.MonoNow());
        });
  } else if (request_.has_heartbeat()) {
    HandleHeartbeat(request_.heartbeat());
  } else if (request_.has_control_reply()) {
    const v1::ControlReply& reply = request_.control_reply();
    if (!reply.error().empty()) {
      LogWarning("an adapter could not do what it was asked",
                 {{"instance", link_->Info().instance}, {"error", reply.error()}});
    }
    if (link_->IsLookUp(reply.id())) server_.events_.OnLookedUp(*link_);
    link_->Answered(reply);
  } else {
    return absl::InvalidArgumentError("Hello comes once, and every message says something");
  }
  return absl::OkStatus();
}

void StreamServer::Impl::Call::HandleHeartbeat(const v1::Heartbeat& heartbeat) {
  if (heartbeat.has_capabilities())
    link_->SetCapabilities(ToCapabilities(heartbeat.capabilities()));
  server_.events_.OnHeartbeat(*link_, heartbeat.load(), heartbeat.health());
  if (heartbeat.leaving()) server_.events_.OnLeaving(*link_);
}

grpc::ServerBidiReactor<v1::ConnectRequest, v1::ConnectResponse>* StreamServer::Impl::Connect(
    grpc::CallbackServerContext* context) {
  return new Call(*this, context);
}

absl::Status StreamServer::Impl::Admit(const std::shared_ptr<StreamLink>& link) {
  const AdapterInfo info = link->Info();
  {
    MonotoneMutexLock lock(&mu_);
    if (draining_) return absl::UnavailableError("this node is going away; reconnect");
    const MonoTime now = clock_.MonoNow();
    for (const auto& other : links_) {
      const AdapterInfo taken = other->Info();
      if (taken.engine != info.engine || taken.instance != info.instance) continue;
      if (!other->closed() && now - other->last_heard() <= kHeartbeatInterval * 2) {
        return absl::AlreadyExistsError(
            absl::StrCat("engine ", info.engine, " has an instance ", info.instance,
                         " connected to this node; give this one another name"));
      }
      // It missed its heartbeat, and this is most likely its return.
      other->Abort(grpc::Status(grpc::StatusCode::UNAVAILABLE, "replaced by a new stream"));
    }
    links_.insert(link);
    link->Welcome(node_);
    link->SetRole(leader_);
  }
  LogInfo("adapter connected", {{"engine", info.engine}, {"instance", info.instance}});
  events_.OnConnected(link);
  return absl::OkStatus();
}

void StreamServer::Impl::Gone(const std::shared_ptr<StreamLink>& link) {
  const AdapterInfo info = link->Info();
  LogInfo("adapter gone", {{"engine", info.engine}, {"instance", info.instance}});
  events_.OnDisconnected(*link);
  MonotoneMutexLock lock(&mu_);
  links_.erase(link);
}

void StreamServer::Impl::CheckStreams() {
  const MonoTime now = clock_.MonoNow();
  std::set<std::shared_ptr<StreamLink>> links;
  {
    MonotoneMutexLock lock(&mu_);
    links = links_;
  }
  for (const auto& link : links) link->GiveUpLateAsks(now);  // Calls who asked: not under the lock.
  MonotoneMutexLock lock(&mu_);
  for (const auto& link : links_) {
    if (now - link->last_heard() > kHeartbeatInterval * kHeartbeatsMissedMax) {
      link->Abort(grpc::Status(grpc::StatusCode::UNAVAILABLE, "no heartbeat"));
    } else if (leader_ && link->stuck_since().has_value() &&
               now - *link->stuck_since() > kStuckMax) {
      link->Close(grpc::Status(grpc::StatusCode::UNAVAILABLE,
                               "outcomes could not be stored; send them again"));
    }
  }
}

void StreamServer::Impl::Loop() {
  while (true) {
    CheckStreams();
    MonotoneMutexLock lock(&mu_);
    mu_.AwaitAtMost(kCheckPeriod, absl::Condition(&stopping_));
    if (stopping_) return;
  }
}

void StreamServer::Impl::Drain() {
  MonotoneMutexLock lock(&mu_);
  if (std::exchange(draining_, true)) return;
  for (const auto& link : links_) link->Drain();
}

void StreamServer::Impl::Stop() {
  Drain();
  const grpc::Status away(grpc::StatusCode::UNAVAILABLE, "this node is going away; reconnect");
  {
    MonotoneMutexLock lock(&mu_);
    stopping_ = true;
    for (const auto& link : links_) link->Close(away);
    const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return links_.empty(); };
    if (!mu_.AwaitAtMost(kCloseMax, absl::Condition(&none))) {
      for (const auto& link : links_) link->Abort(away);
      mu_.AwaitAtMost(kCloseMax, absl::Condition(&none));
    }
  }
  if (thread_.joinable()) thread_.join();
}

StreamServer::StreamServer(AdapterEvents& events, Clock& clock, std::string node)
    : impl_(std::make_unique<Impl>(events, clock, std::move(node))) {}
StreamServer::~StreamServer() { Stop(); }

grpc::Service& StreamServer::service() { return *impl_; }
void StreamServer::SetLeader(bool leader) { impl_->SetLeader(leader); }
void StreamServer::CheckStreams() { impl_->CheckStreams(); }
void StreamServer::Start() { impl_->Start(); }
void StreamServer::Drain() { impl_->Drain(); }
void StreamServer::Stop() { impl_->Stop(); }

}  // namespace z4j::scheduler
