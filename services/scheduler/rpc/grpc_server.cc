#include "services/scheduler/rpc/grpc_server.h"

#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpc_health/v1/health.pb.h"
#include "services/base/grpc_health.h"
#include "services/base/log.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/audit_service.h"
#include "services/scheduler/rpc/cluster_service.h"
#include "services/scheduler/rpc/engine_service.h"
#include "services/scheduler/rpc/fire_service.h"
#include "services/scheduler/rpc/schedule_service.h"
#include "z4j/scheduler/v1/adapter.grpc.pb.h"

namespace z4j::scheduler {
namespace {

std::vector<std::string> HealthNames() {
  return {"z4j.scheduler.v1",
          v1::ScheduleService::service_full_name(),
          v1::FireService::service_full_name(),
          v1::AuditService::service_full_name(),
          v1::ClusterService::service_full_name(),
          v1::EngineService::service_full_name(),
          v1::AdapterService::service_full_name()};
}

std::shared_ptr<grpc::ServerCredentials> CredentialsOf(const TlsFiles& tls) {
  if (tls.certificate.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options(
      tls.client_ca.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                            : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = tls.client_ca;
  options.pem_key_cert_pairs.push_back({tls.key, tls.certificate});
  return grpc::SslServerCredentials(options);
}

// gRPC's own lines in the form of ours; its errors are about one connection and no more.
void LogOfGrpc(gpr_log_func_args* line) {
  const LogLevel level =
      line->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning : LogLevel::kDebug;
  Log(level, "grpc", {{"says", line->message}});
}

void SetKeepalive(grpc::ServerBuilder& builder) {
  // Streams of adapters and watchers are idle for long; a dead peer is found within 40 s, and
  // clients may ask as often as every 10 s.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
}

}  // namespace

struct GrpcServer::Impl {
  explicit Impl(Parts parts)
      : pool(kRpcThreads, kCallsQueuedMax),
        hub(pool),
        feed(parts.store, parts.clock),
        context{parts.store, parts.committer, parts.keys, parts.clock, parts.cluster, pool, hub,
                feed},
        schedules(context),
        fires(context),
        audit(context),
        cluster(context),
        engines(context) {}

  WorkerPool pool;
  WatchHub hub;
  FireFeed feed;
  RpcContext context;
  ScheduleServiceImpl schedules;
  FireServiceImpl fires;
  AuditServiceImpl audit;
  ClusterServiceImpl cluster;
  EngineServiceImpl engines;
  int port = 0;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<HealthReporter> health;  // Null: it does not serve yet, or no more.
};

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const std::string& listen,
                                                              const TlsFiles& tls, Parts parts) {
  gpr_set_log_function(LogOfGrpc);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // gRPC serves health without the description that reflection is asked for.
  google::protobuf::LinkMessageReflection<grpc::health::v1::HealthCheckRequest>();
  auto impl = std::make_unique<Impl>(parts);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(listen, CredentialsOf(tls), &impl->port);
  builder.SetMaxReceiveMessageSize(kMessageBytesMax);
  // Two servers on one port would each get some of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  SetKeepalive(builder);
  builder.RegisterService(&impl->schedules);
  builder.RegisterService(&impl->fires);
  builder.RegisterService(&impl->audit);
  builder.RegisterService(&impl->cluster);
  builder.RegisterService(&impl->engines);
  for (grpc::Service* service : parts.more) builder.RegisterService(service);
  impl->server = builder.BuildAndStart();
  if (impl->server == nullptr || (impl->port == 0 && listen.rfind("unix:", 0) != 0)) {
    return absl::UnavailableError(absl::StrCat(
        "cannot serve gRPC on ", listen,
        tls.certificate.empty() ? ": the address is in use or not this machine's"
                                : ": the address is in use, or certificate and key do not match"));
  }
  std::unique_ptr<GrpcServer> server(new GrpcServer(std::move(impl)));
  server->StopServing();
  return server;
}

GrpcServer::GrpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

GrpcServer::~GrpcServer() { Stop(absl::ZeroDuration()); }

int GrpcServer::port() const { return impl_->port; }

void GrpcServer::StartServing(std::function<bool()> ready) {
  grpc::HealthCheckServiceInterface& health = *impl_->server->GetHealthCheckService();
  health.SetServingStatus("", true);
  impl_->health.reset();
  impl_->health = std::make_unique<HealthReporter>(health, HealthNames(), std::move(ready));
}

void GrpcServer::StopServing() {
  impl_->health.reset();
  grpc::HealthCheckServiceInterface& health = *impl_->server->GetHealthCheckService();
  health.SetServingStatus("", false);
  for (const std::string& name : HealthNames()) health.SetServingStatus(name, false);
}

void GrpcServer::OnCommit() { impl_->hub.Wake(); }

void GrpcServer::Stop(absl::Duration grace) {
  impl_->health.reset();
  impl_->hub.Stop();
  impl_->server->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  impl_->pool.Stop();  // Runs what was queued: every reactor is finished.
  impl_->server->Wait();
}

}  // namespace z4j::scheduler
