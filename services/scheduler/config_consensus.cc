#include "services/scheduler/config_consensus.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "services/base/address.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

std::string NamesOf(const std::vector<ConsensusPeer>& peers) {
  return absl::StrJoin(peers, ", ",
                       [](std::string* out, const ConsensusPeer& peer) { out->append(peer.name); });
}

const ConsensusPeer* PeerNamed(const ServerConfig& config, const std::string& name) {
  const auto found = std::find_if(config.consensus_peers.begin(), config.consensus_peers.end(),
                                  [&](const auto& peer) { return peer.name == name; });
  return found == config.consensus_peers.end() ? nullptr : &*found;
}

std::optional<std::string> SetWithin(absl::Duration min, absl::Duration max,
                                     const std::string& value, absl::Duration& out) {
  absl::Duration duration;
  if (!absl::ParseDuration(value, &duration)) {
    return absl::StrCat("'", value, "' is no duration; write one such as ",
                        absl::FormatDuration(out));
  }
  if (duration < min || duration > max) {
    return absl::StrCat("'", value, "' is not in ", absl::FormatDuration(min), "..",
                        absl::FormatDuration(max));
  }
  out = duration;
  return std::nullopt;
}

void CheckEmbedded(const ServerConfig& config, std::vector<FieldViolation>& violations) {
  const ConsensusPeer* own = PeerNamed(config, config.node_id);
  if (own == nullptr) {
    violations.push_back({"--node-id", absl::StrCat("must say which of the peers this node is: ",
                                                    NamesOf(config.consensus_peers))});
    return;
  }
  if (config.consensus_join && config.consensus_peers.size() == 1) {
    violations.push_back({"--consensus-join",
                          "needs those among the --consensus-peers that run already, to ask them"});
  }
  const std::string& listen =
      config.consensus_listen.empty() ? own->address : config.consensus_listen;
  if (!config.consensus_peer_secret_file.empty()) return;  // It is enough by itself.
  if (!config.tls() && !config.insecure && !IsLoopback(listen)) {
    violations.push_back(
        {"--consensus-listen",
         absl::StrCat("whoever reaches ", listen,
                      " could speak as a node; give --tls-cert, --tls-key and --tls-client-ca, or "
                      "--consensus-peer-secret-file, or --insecure if the network is trusted")});
  }
  if (config.tls() && config.tls_client_ca.empty()) {
    violations.push_back({"--tls-client-ca",
                          "required with --consensus-peers: the nodes show each other their "
                          "certificates, which this authority must have signed; or give "
                          "--consensus-peer-secret-file"});
  }
}

}  // namespace

bool IsConsensusAddress(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  return colon != absl::string_view::npos && colon > 0 &&
         absl::SimpleAtoi(address.substr(colon + 1), &port) && port > 0 && port <= 65535;
}

uint32_t ConsensusNumberOf(absl::string_view name) {
  const size_t last = name.find_last_not_of("0123456789");
  uint32_t number = 0;
  const bool any = absl::SimpleAtoi(name.substr(last + 1), &number);  // npos + 1 is 0.
  return any ? number : 0;
}

std::string ConsensusNameOf(const std::vector<ConsensusPeer>& peers, uint64_t number) {
  std::set<std::string> beginnings;
  for (const ConsensusPeer& peer : peers) {
    if (peer.number == number) return peer.name;
    beginnings.insert(peer.name.substr(0, peer.name.find_last_not_of("0123456789") + 1));
  }
  return absl::StrCat(beginnings.size() == 1 ? *beginnings.begin() : "", number);
}

std::optional<std::string> SetConsensusPeers(const std::string& value, ServerConfig& config) {
  std::set<uint32_t> numbers;
  std::set<std::string> addresses;
  std::vector<ConsensusPeer> peers;
  for (absl::string_view part : absl::StrSplit(value, ',', absl::SkipWhitespace())) {
    part = absl::StripAsciiWhitespace(part);
    const std::pair<std::string, std::string> pair = absl::StrSplit(part, absl::MaxSplits('=', 1));
    const auto& [name, address] = pair;
    if (name.empty() || !IsConsensusAddress(address)) {
      return absl::StrCat("'", part, "' is no peer; write one such as n1=10.0.0.1:7803");
    }
    const uint32_t number = ConsensusNumberOf(name);
    if (number == 0) {
      return absl::StrCat("the name '", name,
                          "' must end in the node's number, which is 1 or more, as n1 does");
    }
    if (!numbers.insert(number).second) {
      return absl::StrCat("two names end in the number ", number, "; each node has its own");
    }
    if (!addresses.insert(address).second) {
      return absl::StrCat("the address ", address, " is given twice");
    }
    peers.push_back({name, number, address});
  }
  if (peers.empty()) {
    return "names no peer; write such as n1=10.0.0.1:7803,n2=10.0.0.2:7803,n3=10.0.0.3:7803";
  }
  if (peers.size() > kConsensusPeersMax) {
    return absl::StrCat("has ", peers.size(), " peers; at most ", kConsensusPeersMax,
                        ", and 3 or 5 are best");
  }
  config.consensus_peers = std::move(peers);
  return std::nullopt;
}

std::optional<std::string> SetConsensusEndpoints(const std::string& value, ServerConfig& config) {
  config.consensus_endpoints.clear();
  for (absl::string_view part : absl::StrSplit(value, ',', absl::SkipWhitespace())) {
    part = absl::StripAsciiWhitespace(part);
    if (!IsConsensusAddress(part)) {
      return absl::StrCat("'", part, "' is no address; write one such as 10.0.0.1:7802");
    }
    config.consensus_endpoints.emplace_back(part);
  }
  if (config.consensus_endpoints.empty()) return "names no address";
  return std::nullopt;
}

std::optional<std::string> SetConsensusElectionTimeout(const std::string& value,
                                                       ServerConfig& config) {
  return SetWithin(kElectionTimeoutMin, kElectionTimeoutMax, value,
                   config.consensus_election_timeout);
}

std::optional<std::string> SetConsensusSessionTtl(const std::string& value, ServerConfig& config) {
  return SetWithin(kRemoteSessionTtlMin, kRemoteSessionTtlMax, value, config.consensus_session_ttl);
}

void CheckConsensus(const Settings& given, const ServerConfig& config,
                    std::vector<FieldViolation>& violations) {
  if (config.election != Election::kRaft) {
    for (const auto& [name, value] : given) {
      if (name.starts_with("consensus_")) {
        violations.push_back({FlagOf(name), "is for --election raft"});
      }
    }
    return;
  }
  const bool peers = given.contains("consensus_peers");
  const bool endpoints = given.contains("consensus_endpoints");
  if (!peers && !endpoints) {
    violations.push_back({"--election",
                          "raft needs --consensus-peers, if this node takes part in the consensus "
                          "itself, or --consensus-endpoints, if others do it"});
  }
  if (peers && endpoints) {
    violations.push_back({"--consensus-endpoints",
                          "the consensus is either in this node (--consensus-peers) or elsewhere "
                          "(--consensus-endpoints); give one"});
  }
  // One node alone may try it.
  const bool alone = !endpoints && config.consensus_peers.size() <= 1;
  if (config.embedded() && !alone) {
    violations.push_back({"--database",
                          "several nodes need a PostgreSQL database that all of them reach; "
                          "without one this node keeps its schedules in SQLite, a file that no "
                          "other node sees"});
  }
  for (const char* name : {"consensus_listen", "consensus_data_dir", "consensus_election_timeout",
                           "consensus_join", "consensus_peer_secret_file"}) {
    if (!peers && endpoints && given.contains(name)) {
      violations.push_back({FlagOf(name), "is for --consensus-peers"});
    }
  }
  if (peers && !endpoints && given.contains("consensus_session_ttl")) {
    violations.push_back({"--consensus-session-ttl", "is for --consensus-endpoints"});
  }
  if (peers && !config.consensus_peers.empty()) CheckEmbedded(config, violations);
}

void CompleteConsensus(ServerConfig& config) {
  if (config.consensus_data_dir.empty()) {
    config.consensus_data_dir = config.data_dir + "/consensus";
  }
  const ConsensusPeer* own = PeerNamed(config, config.node_id);
  if (own != nullptr && config.consensus_listen.empty()) config.consensus_listen = own->address;
}

}  // namespace z4j::scheduler
