#include "services/scheduler/embedded_consensus.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/consensus/server/consensus_server.h"
#include "services/scheduler/config_consensus.h"
#include "services/scheduler/node_call.h"

namespace z4j::scheduler {
namespace {

using consensus::CallResult;
using consensus::ConsensusOptions;
using consensus::ConsensusServer;
using consensus::Fate;
using consensus::Node;
using consensus::NodeId;
using consensus::NodeStatus;
using consensus::Role;

const char* RoleName(Role role) {
  switch (role) {
    case Role::kLeader:
      return "leader";
    case Role::kFollower:
      return "follower";
    case Role::kPreCandidate:
    case Role::kCandidate:
      return "candidate";
  }
  return "";
}

// Without an authority the server's certificate is for its clients alone.
consensus::PeerAuthenticationFiles FilesOf(const ServerConfig& config) {
  consensus::PeerAuthenticationFiles files{.secret = config.consensus_peer_secret_file};
  if (config.tls_client_ca.empty()) return files;
  files.tls_certificate = config.tls_cert;
  files.tls_key = config.tls_key;
  files.tls_ca = config.tls_client_ca;
  return files;
}

// `status`, its violations named by the settings of a scheduler.
absl::Status InOurNames(const absl::Status& status) {
  static const auto* names = new std::map<std::string, std::string>{
      {"--peer-tls-cert", "--tls-cert"},    {"authentication", "--tls-cert"},
      {"--peer-tls-key", "--tls-key"},      {"--peer-tls-ca", "--tls-client-ca"},
      {"listen", "--consensus-listen"},     {"--peer-secret-file", "--consensus-peer-secret-file"},
      {"data_dir", "--consensus-data-dir"},
  };
  std::vector<FieldViolation> violations = FieldViolationsOf(status);
  if (violations.empty()) return status;
  for (FieldViolation& violation : violations) {
    const auto ours = names->find(violation.field);
    if (ours != names->end()) violation.field = ours->second;
  }
  return FieldError(std::move(violations));
}

}  // namespace

EmbeddedConsensus::EmbeddedConsensus(const ServerConfig& config, Clock& clock)
    : config_(config), clock_(clock) {}

EmbeddedConsensus::~EmbeddedConsensus() { Stop(); }

ConsensusOptions EmbeddedConsensus::Options() const {
  ConsensusOptions options;
  for (const ConsensusPeer& peer : config_.consensus_peers) {
    if (peer.name == config_.node_id) {
      options.id = NodeId{peer.number};
      options.verbs = {
          .name = peer.name,
          .add = absl::StrCat("z4j-scheduler cluster add ", peer.name, " ", peer.address),
          .remove = absl::StrCat("z4j-scheduler cluster remove ", peer.name)};
    } else if (config_.consensus_join) {
      options.join.push_back(peer.address);
    }
    if (!config_.consensus_join) options.members[NodeId{peer.number}] = peer.address;
  }
  options.data_dir = config_.consensus_data_dir;
  options.listen = config_.consensus_listen;
  options.election_timeout = config_.consensus_election_timeout;
  options.cluster_name = "z4j-scheduler";
  return options;
}

absl::Status EmbeddedConsensus::Start(std::function<void(const absl::Status&)> on_fatal) {
  ConsensusOptions options = Options();
  auto authentication = consensus::LoadPeerAuthentication(FilesOf(config_));
  if (!authentication.ok()) return InOurNames(authentication.status());
  options.authentication = *std::move(authentication);
  options.on_leadership = [this](const auto&) {
    absl::MutexLock lock(&change_mu_);
    on_change_();
  };
  options.on_fatal = std::move(on_fatal);
  auto server = ConsensusServer::Start(std::move(options));
  if (!server.ok()) return InOurNames(server.status());
  {
    absl::MutexLock lock(&mu_);
    server_ = *std::move(server);
  }
  absl::MutexLock lock(&change_mu_);
  on_change_();  // It may have been elected before it was known here.
  return absl::OkStatus();
}

void EmbeddedConsensus::Stop() {
  std::shared_ptr<ConsensusServer> server;
  {
    absl::MutexLock lock(&mu_);
    server = std::exchange(server_, nullptr);
  }
  if (server != nullptr) server->Stop();
}

std::shared_ptr<ConsensusServer> EmbeddedConsensus::server() const {
  absl::MutexLock lock(&mu_);
  return server_;
}

std::string EmbeddedConsensus::NameOf(uint64_t number) const {
  return ConsensusNameOf(config_.consensus_peers, number);
}

void EmbeddedConsensus::SetOnChange(std::function<void()> on_change) {
  absl::MutexLock lock(&change_mu_);
  on_change_ = std::move(on_change);
}

std::optional<LeaderTerm> EmbeddedConsensus::Held() {
  const auto server = this->server();
  if (server == nullptr) return std::nullopt;
  const auto leadership = server->node().leadership();
  if (!leadership) return std::nullopt;
  return LeaderTerm{{static_cast<int64_t>(leadership->token().value)}, leadership->lease_until};
}

LeaderInfo EmbeddedConsensus::Leader() {
  const auto server = this->server();
  if (server == nullptr) return {};
  const NodeStatus status = server->node().Status();
  const NodeId leader = status.raft.soft.leader;
  if (!leader) return {};
  const uint64_t token = status.leader_token ? status.leader_token->value : 0;
  return {NameOf(leader.value), {static_cast<int64_t>(token)}};
}

absl::Status EmbeddedConsensus::CheckSuccessor(const std::string& node) {
  const auto server = this->server();
  if (server == nullptr) return absl::FailedPreconditionError("the consensus does not run");
  const consensus::Config members = server->node().Status().raft.config;
  std::vector<std::string> others;
  for (const NodeId voter : members.voters) {
    if (voter != server->identity().id) others.push_back(NameOf(voter.value));
  }
  if (others.empty()) return absl::FailedPreconditionError("there is no other node that votes");
  if (node.empty() || std::find(others.begin(), others.end(), node) != others.end()) {
    return absl::OkStatus();
  }
  if (node == config_.node_id) return FieldError("node", "ticks already; name another");
  return FieldError("node", absl::StrCat("'", node, "' is none of ", absl::StrJoin(others, ", ")));
}

absl::Status EmbeddedConsensus::HandOver(const std::string& successor, MonoTime deadline) {
  const auto server = this->server();
  if (server == nullptr) return absl::OkStatus();
  if (successor.empty()) return server->node().StepDown(deadline);
  NodeId target;
  for (const auto& [id, member] : server->node().Status().raft.config.members) {
    if (NameOf(id.value) == successor) target = id;
  }
  if (!target) return absl::UnavailableError(absl::StrCat(successor, " is no member"));
  ASSIGN_OR_RETURN(const CallResult result, AwaitCall([&](Node::OnDone done) {
                     return server->node().Transfer(target, deadline, std::move(done));
                   }));
  if (result.fate == Fate::kDone || result.fate == Fate::kNotLeader) return absl::OkStatus();
  return absl::UnavailableError(result.detail);
}

void EmbeddedConsensus::Campaign() {
  if (const auto server = this->server()) server->node().Campaign();
}

absl::Status EmbeddedConsensus::RaiseTokens(FencingToken seen, MonoTime deadline) {
  const auto server = this->server();
  if (server == nullptr) return absl::FailedPreconditionError("the consensus does not run");
  const uint64_t epoch = (static_cast<uint64_t>(seen.value) >> consensus::kEpochShift) + 1;
  ASSIGN_OR_RETURN(const CallResult result, AwaitCall([&](Node::OnDone done) {
                     return server->node().Propose(std::nullopt, consensus::SetEpoch{{epoch}},
                                                   deadline, std::move(done));
                   }));
  if (result.fate == Fate::kDone) return absl::OkStatus();
  return absl::UnavailableError(result.detail);
}

std::vector<prometheus::MetricFamily> EmbeddedConsensus::Collect() const {
  const auto server = this->server();
  return server == nullptr ? std::vector<prometheus::MetricFamily>() : server->metrics().Collect();
}

std::optional<ConsensusState> EmbeddedConsensus::State() {
  const auto server = this->server();
  if (server == nullptr) return std::nullopt;
  const NodeStatus status = server->node().Status();
  const consensus::RaftStatus& raft = status.raft;
  ConsensusState state;
  state.role = RoleName(raft.soft.role);
  state.term = raft.soft.term.value;
  state.epoch = status.epoch.value;
  state.last_index = raft.last.value;
  state.commit_index = raft.commit.value;
  state.applied_index = raft.applied.value;
  state.damage = server->damage();
  state.disk_full = status.disk_full;
  state.disk_stalled = status.disk_stalled;
  const MonoTime now = clock_.MonoNow();
  if (raft.lease_until && *raft.lease_until > now) state.lease_remaining = *raft.lease_until - now;
  for (const auto& [id, member] : raft.config.members) {
    ConsensusPeerState peer;
    peer.name = NameOf(id.value);
    peer.number = id.value;
    peer.address = member.address;
    peer.voter = raft.config.IsVoter(id);
    peer.leader = id == raft.soft.leader;
    peer.stranger = status.strangers.contains(id);
    for (const consensus::PeerStatus& known : raft.peers) {
      if (known.id != id) continue;
      peer.reachable = known.recently_active;
      peer.lag_entries = raft.last.value - std::min(known.match.value, raft.last.value);
      peer.round_trip = known.round_trip;
    }
    state.peers.push_back(std::move(peer));
  }
  return state;
}

}  // namespace z4j::scheduler
