#include "services/consensus/server/consensus_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "grpc_health/v1/health.pb.h"
#include "services/base/field_error.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/consensus/server/join.h"

namespace z4j::consensus {
namespace {

// An election timeout covers so many heartbeats: one may be lost, and one late.
constexpr int kHeartbeatsPerTimeout = 5;

// A node answers without any other's help.  Who founds a cluster waits in vain for other founders.
constexpr absl::Duration kFounderAsksMax = absl::Seconds(2);
constexpr absl::Duration kJoinerAsksMax = absl::Seconds(5);

// What is wrong before anything is made; fills in what follows from the rest.
absl::Status Complete(ConsensusOptions& options) {
  if (!options.id) return FieldError("id", "must be 1 or more");
  if (options.data_dir.empty()) return FieldError("data_dir", "is empty");
  if (options.election_timeout < kElectionTimeoutMin ||
      options.election_timeout > kElectionTimeoutMax) {
    return FieldError("election_timeout",
                      absl::StrCat("is ", absl::FormatDuration(options.election_timeout),
                                   "; it must be in ", absl::FormatDuration(kElectionTimeoutMin),
                                   "..", absl::FormatDuration(kElectionTimeoutMax)));
  }
  const auto own = options.members.find(options.id);
  if (!options.members.empty() && own == options.members.end()) {
    return FieldError("members", absl::StrCat("has no node ", options.id.value,
                                              ", which this one is; name all, itself included"));
  }
  if (!options.join.empty() && !options.members.empty()) {
    return FieldError("join", "is for a cluster that runs, members for one that begins; give one");
  }
  if (const auto& tls = options.authentication.tls; tls.has_value()) {
    const absl::Status named = CheckPeerName(tls->own_names, options.id);
    if (!named.ok()) return FieldError("authentication", named.message());
  }
  if (options.listen.empty() && own != options.members.end()) options.listen = own->second;
  if (options.listen.empty()) return FieldError("listen", "is empty");
  if (options.verbs.name.empty()) {
    const uint64_t number = options.id.value;
    options.verbs = {absl::StrCat("node ", number),
                     absl::StrCat("z4j-consensus add ", number, " ", options.listen),
                     absl::StrCat("z4j-consensus remove ", number)};
  }
  return absl::OkStatus();
}

// Health and reflection, in every server of the process that is made afterwards.
void DescribeServices() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // gRPC serves health without the description that reflection is asked for.
  google::protobuf::LinkMessageReflection<grpc::health::v1::HealthCheckRequest>();
}

ReplicaOptions ReplicaOptionsOf(const ConsensusOptions& options) {
  ReplicaOptions replica;
  replica.raft.election_timeout = options.election_timeout;
  replica.raft.heartbeat_interval = options.election_timeout / kHeartbeatsPerTimeout;
  replica.raft.seed = RandomNumber();
  replica.raft.limits = options.limits;
  replica.snapshot_every = options.snapshot_every;
  return replica;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ConsensusServer>> ConsensusServer::Start(ConsensusOptions options) {
  RETURN_IF_ERROR(Complete(options));
  std::unique_ptr<ConsensusServer> server(new ConsensusServer(std::move(options)));
  RETURN_IF_ERROR(server->Build());
  // Last, when nothing else can fail: a node that cannot be reached must not lead.
  RETURN_IF_ERROR(server->node_->Start());
  server->health_ =
      std::make_unique<HealthReporter>(*server->transport_->health(), ConsensusServices::names(),
                                       [raw = server.get()] { return raw->NotReady().empty(); });
  return server;
}

ConsensusServer::~ConsensusServer() { Stop(); }

absl::StatusOr<Beginning> ConsensusServer::Begin() const {
  std::optional<Beginning> founding;
  std::vector<std::string> others = options_.join;
  if (others.empty()) {
    Members members = options_.members;
    if (members.empty()) members[options_.id] = options_.listen;
    founding = Beginning{ClusterIdOf(options_.cluster_name, members), FirstConfig(members)};
    for (const auto& [id, address] : members) {
      if (id != options_.id) others.push_back(address);
    }
  }
  const AskedMembers asked =
      AskMembers(others, MakePeerCredentials(options_.authentication).channel,
                 founding ? kFounderAsksMax : kJoinerAsksMax);
  if (asked.answers.empty() && !founding) {
    return absl::UnavailableError(
        absl::StrCat("no member of the cluster to join answers (", asked.silent, ")"));
  }
  return BeginningOf(options_.id, founding, asked.answers, options_.verbs);
}

absl::Status ConsensusServer::Build() {
  ASSIGN_OR_RETURN(directory_,
                   OpenDataDirectory(options_.data_dir, options_.id, [this] { return Begin(); }));
  if (!damage().empty()) {
    LogError("the directory is damaged: the node neither votes nor campaigns",
             {{"damage", damage()}, {"data_dir", options_.data_dir}});
  }
  directory_.storage = Measured(std::move(directory_.storage), metrics_, clock_);
  services_ = std::make_unique<ConsensusServices>(
      ServicesOptions{.identity = identity(),
                      .version = Z4J_VERSION,
                      .disk_free_bytes = [this] { return FreeBytes(); },
                      .requests_per_second = options_.requests_per_second,
                      .on_refused = [this] { metrics_.CallRefused(); }},
      clock_);
  GrpcTransportOptions transport;
  transport.identity = identity();
  transport.election_timeout = options_.election_timeout;
  transport.version = Z4J_VERSION;
  transport.listen_address = options_.listen;
  transport.authentication = options_.authentication;
  transport.services = services_->services();
  DescribeServices();
  transport_ = std::make_unique<GrpcTransport>(std::move(transport), clock_);
  ASSIGN_OR_RETURN(node_, Node::Create(ReplicaOptionsOf(options_), Listeners(), *directory_.storage,
                                       *transport_, clock_));
  services_->Attach(*node_);
  metrics_.Follow(node_.get());
  return absl::OkStatus();
}

NodeListeners ConsensusServer::Listeners() {
  NodeListeners listeners = services_->listeners();
  listeners.on_leadership = [this, tell_services = std::move(listeners.on_leadership)](
                                const std::optional<Leadership>& leadership) {
    if (leadership) {
      metrics_.LeadershipBegan();
      LogInfo("leads", {{"node", identity().id.value}, {"term", leadership->term.value}});
    } else {
      LogInfo("leads no more", {{"node", identity().id.value}});
    }
    tell_services(leadership);
    if (options_.on_leadership) options_.on_leadership(leadership);
  };
  listeners.on_fatal = [this](const absl::Status& status) {
    if (options_.on_fatal) options_.on_fatal(status);
  };
  return listeners;
}

std::string ConsensusServer::NotReady() const { return services_->NotReady(); }

absl::Status ConsensusServer::StepDown(absl::Duration at_most) {
  return node_->StepDown(clock_.MonoNow() + at_most);
}

uint64_t ConsensusServer::FreeBytes() const { return directory_.disk->FreeBytes().value_or(0); }

void ConsensusServer::Stop() {
  if (node_ == nullptr) return;
  if (health_ != nullptr) health_->Stop();
  services_->Shutdown();  // Streams end, so that their clients move on.
  node_->Stop();
}

}  // namespace z4j::consensus
