#include "services/consensus/server/consensus_server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/consensus/server/join.h"

namespace z4j::consensus {
namespace {

// An election timeout covers so many heartbeats: one may be lost, and one late.
constexpr int kHeartbeatsPerTimeout = 5;

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
  return absl::OkStatus();
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
  return server;
}

ConsensusServer::~ConsensusServer() { Stop(); }

absl::StatusOr<Beginning> ConsensusServer::Begin() const {
  if (!options_.join.empty()) {
    ASSIGN_OR_RETURN(
        const ClusterId cluster,
        AskForCluster(options_.join, MakePeerCredentials(options_.authentication).channel));
    return Beginning{cluster, Config{}};
  }
  Members members = options_.members;
  if (members.empty()) members[options_.id] = options_.listen;
  return Beginning{ClusterIdOf(options_.cluster_name, members), FirstConfig(members)};
}

absl::Status ConsensusServer::Build() {
  ASSIGN_OR_RETURN(directory_,
                   OpenDataDirectory(options_.data_dir, options_.id, [this] { return Begin(); }));
  if (!damage().empty()) {
    LogError("the directory is damaged: the node neither votes nor campaigns",
             {{"damage", damage()}, {"data_dir", options_.data_dir}});
  }
  directory_.storage = Measured(std::move(directory_.storage), metrics_, clock_);
  GrpcTransportOptions transport;
  transport.identity = identity();
  transport.election_timeout = options_.election_timeout;
  transport.version = Z4J_VERSION;
  transport.listen_address = options_.listen;
  transport.authentication = options_.authentication;
  transport_ = std::make_unique<GrpcTransport>(std::move(transport), clock_);
  ASSIGN_OR_RETURN(node_, Node::Create(ReplicaOptionsOf(options_), Listeners(), *directory_.storage,
                                       *transport_, clock_));
  metrics_.Follow(node_.get());
  return absl::OkStatus();
}

NodeListeners ConsensusServer::Listeners() {
  NodeListeners listeners;
  listeners.on_leadership = [this](const std::optional<Leadership>& leadership) {
    if (leadership) {
      metrics_.LeadershipBegan();
      LogInfo("leads", {{"node", identity().id.value}, {"term", leadership->term.value}});
    } else {
      LogInfo("leads no more", {{"node", identity().id.value}});
    }
    if (options_.on_leadership) options_.on_leadership(leadership);
  };
  listeners.on_fatal = [this](const absl::Status& status) {
    if (options_.on_fatal) options_.on_fatal(status);
  };
  return listeners;
}

std::string ConsensusServer::NotReady() const {
  const NodeStatus status = node_->Status();
  if (status.raft.damaged) return "the directory is damaged";
  if (!status.raft.soft.leader) return "no leader is known";
  if (status.disk_full) return "the disk is full";
  return "";
}

absl::Status ConsensusServer::StepDown(absl::Duration at_most) {
  return node_->StepDown(clock_.MonoNow() + at_most);
}

void ConsensusServer::Stop() {
  if (node_ != nullptr) node_->Stop();
}

}  // namespace z4j::consensus
