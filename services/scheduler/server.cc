#include "services/scheduler/server.h"

#include <prometheus/registry.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/http/http_server.h"
#include "services/base/http/probes.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/base/time_ordered_uuid.h"
#include "services/scheduler/audit/key_file.h"
#include "services/scheduler/audited_changes.h"
#include "services/scheduler/config_consensus.h"
#include "services/scheduler/dispatch/dispatcher.h"
#include "services/scheduler/dispatch/stream_server.h"
#include "services/scheduler/dispatch/update_writer.h"
#include "services/scheduler/elect/postgres_elector.h"
#include "services/scheduler/elect/raft_elector.h"
#include "services/scheduler/elect/remote_raft_elector.h"
#include "services/scheduler/elect/solo_elector.h"
#include "services/scheduler/embedded_consensus.h"
#include "services/scheduler/loop/fire_loop.h"
#include "services/scheduler/metrics.h"
#include "services/scheduler/mutate/committer.h"
#include "services/scheduler/rpc/grpc_server.h"
#include "services/scheduler/store/postgres/postgres_schedule_store.h"
#include "services/scheduler/store/sqlite/sqlite_schedule_store.h"

namespace z4j::scheduler {
namespace {

// The schedulers of one store campaign against each other under this name.
constexpr char kClusterName[] = "z4j-scheduler";

absl::StatusOr<std::string> ReadFile(const std::string& path, const char* setting) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return FieldError(FlagOf(setting), absl::StrCat("cannot read ", path));
  return text.str();
}

absl::StatusOr<TlsFiles> ReadTlsFiles(const ServerConfig& config) {
  TlsFiles tls;
  ASSIGN_OR_RETURN(tls.certificate, ReadFile(config.tls_cert, "tls_cert"));
  ASSIGN_OR_RETURN(tls.key, ReadFile(config.tls_key, "tls_key"));
  ASSIGN_OR_RETURN(tls.client_ca, ReadFile(config.tls_client_ca, "tls_client_ca"));
  return tls;
}

absl::StatusOr<std::unique_ptr<LeaderElector>> MakeRemoteElector(const ServerConfig& config,
                                                                 Clock& clock) {
  RemoteRaftElector::Options options;
  options.endpoints = config.consensus_endpoints;
  if (config.tls()) {
    ASSIGN_OR_RETURN(TlsFiles tls, ReadTlsFiles(config));
    options.tls = consensus::client::Tls{std::move(tls.client_ca), std::move(tls.certificate),
                                         std::move(tls.key)};
  }
  options.cluster = kClusterName;
  options.node = config.node_id;
  options.address = config.listen;
  static_assert(kRemoteSessionTtlMin == consensus::kSessionTtlMin &&
                kRemoteSessionTtlMax == consensus::kSessionTtlMax);
  options.session_ttl = config.consensus_session_ttl;
  return RemoteRaftElector::Create(std::move(options), clock);
}

// `consensus` may be null: then there is none in this process.
absl::StatusOr<std::unique_ptr<LeaderElector>> MakeElector(const ServerConfig& config,
                                                           ScheduleStore& store,
                                                           EmbeddedConsensus* consensus,
                                                           Clock& clock) {
  if (config.election == Election::kSolo) {
    return std::make_unique<SoloElector>(store, config.node_id);
  }
  if (consensus != nullptr) {
    return std::make_unique<RaftElector>(RaftElector::Options{config.consensus_election_timeout},
                                         *consensus, clock);
  }
  if (config.election == Election::kRaft) return MakeRemoteElector(config, clock);
  PostgresElector::Options options;
  options.conninfo = config.database;
  options.node = config.node_id;
  return std::make_unique<PostgresElector>(options, clock);
}

Dispatcher::Options DispatcherOptions(const ServerConfig& config) {
  Dispatcher::Options options;
  switch (config.dispatch_policy) {
    case DispatchPolicy::kLeastLoaded:
      options.balance = Balance::kLeastLoaded;
      break;
    case DispatchPolicy::kRoundRobin:
      options.balance = Balance::kRoundRobin;
      break;
    case DispatchPolicy::kAffinity:
      options.balance = Balance::kAffinity;
      break;
  }
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ScheduleStore>> OpenStore(const ServerConfig& config, Clock& clock) {
  if (!config.embedded()) {
    return std::make_unique<PostgresScheduleStore>(
        PostgresScheduleStore::Options{config.database, config.node_id});
  }
  return SqliteScheduleStore::Open({config.data_dir + "/scheduler.db"}, clock);
}

Server::Server(const ServerConfig& config)
    : config_(config), started_at_(clock_.Now()), started_mono_(clock_.MonoNow()) {}

Server::~Server() { Stop(); }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerConfig& config,
                                                      OnFatal on_fatal) {
  std::unique_ptr<Server> server(new Server(config));
  RETURN_IF_ERROR(server->Build(std::move(on_fatal)));
  RETURN_IF_ERROR(server->Serve());
  return server;
}

absl::Status Server::Build(OnFatal on_fatal) {
  registry_ = std::make_unique<prometheus::Registry>();
  metrics_ = std::make_unique<SchedulerMetrics>(*registry_);
  ASSIGN_OR_RETURN(store_, OpenStore(config_, clock_));
  RETURN_IF_ERROR(store_->Migrate());
  ASSIGN_OR_RETURN(Keyring keys, config_.make_audit_key
                                     ? LoadOrCreateKeyFile(config_.audit_key_file)
                                     : LoadKeyFile(config_.audit_key_file));
  keys_ = std::make_unique<Keyring>(std::move(keys));
  Committer::Options committing;
  committing.on_commit = [this] { OnCommit(); };
  // There is a dispatcher before anything is submitted, until the committer has stopped.
  committing.offers = [this] { return dispatcher_->Offers(); };
  // Those that come due together were often made together: their rows then share pages.
  committing.new_id = [this] { return TimeOrderedUuid(clock_.Now()); };
  committer_ = std::make_unique<Committer>(*store_, *keys_, clock_, std::move(committing));
  if (!config_.consensus_peers.empty()) {
    consensus_ = std::make_unique<EmbeddedConsensus>(config_, clock_);
  }
  ASSIGN_OR_RETURN(elector_, MakeElector(config_, *store_, consensus_.get(), clock_));
  writer_ = std::make_unique<UpdateWriter>(*store_, clock_, metrics_.get());
  dispatcher_ =
      std::make_unique<Dispatcher>(*writer_, clock_, metrics_.get(), DispatcherOptions(config_));
  changes_ = std::make_unique<AuditedChanges>(*committer_, config_.node_id);
  streams_ = std::make_unique<StreamServer>(*dispatcher_, clock_, config_.node_id);
  on_fatal_ = std::move(on_fatal);
  FireLoop::Options looping;
  looping.node = config_.node_id;
  looping.retention = config_.fire_retention;
  looping.on_data_loss = on_fatal_;
  looping.on_role = [this](bool leading) { streams_->SetLeader(leading); };
  loop_ = std::make_unique<FireLoop>(*store_, *elector_, *dispatcher_, *writer_, *changes_, clock_,
                                     metrics_.get(), std::move(looping));
  return absl::OkStatus();
}

absl::Status Server::Serve() {
  ASSIGN_OR_RETURN(const TlsFiles tls, ReadTlsFiles(config_));
  ASSIGN_OR_RETURN(
      grpc_,
      GrpcServer::Start(config_.listen, tls,
                        {*store_, *committer_, *keys_, clock_, *this, {&streams_->service()}}));
  wake_watches_ = grpc_.get();
  if (!config_.http_listen.empty()) {
    std::vector<const prometheus::Collectable*> metrics = {registry_.get()};
    if (consensus_ != nullptr) metrics.push_back(consensus_.get());
    ASSIGN_OR_RETURN(
        http_, HttpServer::Start(config_.http_listen,
                                 MakeProbes(std::move(metrics), [this] { return NotReady(); })));
  }
  // Last, when nothing can fail any more: a node that cannot serve must not lead.
  writer_->Start();
  dispatcher_->Start();
  streams_->Start();
  if (consensus_ != nullptr) {
    RETURN_IF_ERROR(consensus_->Start(on_fatal_));
  }
  RETURN_IF_ERROR(loop_->Start());
  wake_loop_ = loop_.get();
  grpc_->StartServing([this] { return NotReady().empty(); });
  return absl::OkStatus();
}

void Server::OnCommit() {
  if (FireLoop* loop = wake_loop_) loop->Wake();
  if (GrpcServer* watches = wake_watches_) watches->OnCommit();
}

std::string Server::NotReady() {
  if (stopping_) return "the node is going away";
  // A node without a leader in the cluster still takes edits, but fires nothing.
  if (elector_->Leader().holder.empty()) return "no node leads";
  return "";
}

int Server::grpc_port() const { return grpc_->port(); }
int Server::http_port() const { return http_ == nullptr ? 0 : http_->port(); }

void Server::Stop() {
  if (stopping_.exchange(true)) return;
  // From the outside to the inside: no new work, then finish what there is.
  if (grpc_) grpc_->StopServing();
  if (loop_) loop_->Stop();
  // At once, so that this node is not elected again.
  if (consensus_) consensus_->Stop();
  if (dispatcher_) dispatcher_->Stop();
  if (writer_) writer_->Stop();
  if (streams_) streams_->Stop();
  if (grpc_) grpc_->Stop(kCallsDrainMax);
  if (committer_) committer_->Stop();
  if (http_) http_->Stop();
}

}  // namespace z4j::scheduler
