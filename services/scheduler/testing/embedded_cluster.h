#ifndef Z4J_SCHEDULER_TESTING_EMBEDDED_CLUSTER_H_
#define Z4J_SCHEDULER_TESTING_EMBEDDED_CLUSTER_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/elect/raft_elector.h"
#include "services/scheduler/elect/testing/elector_contract.h"
#include "services/scheduler/embedded_consensus.h"

namespace z4j::scheduler {

// One scheduler's election, without the rest of it.
struct RaftNode {
  RaftNode(const ServerConfig& config, Clock& clock)
      : consensus(config, clock), elector({config.consensus_election_timeout}, consensus, clock) {}
  ~RaftNode() { elector.Stop(); }

  EmbeddedConsensus consensus;
  RaftElector elector;
};

// Nodes "n1", "n2" … in one process: real consensus nodes with folders of their own, over loopback.
// Their consensus runs, their electors do not.
class EmbeddedCluster final : public ElectorCluster {
 public:
  // `change` has the last word on the settings of each start.
  explicit EmbeddedCluster(int size, std::function<void(ServerConfig&)> change = {})
      : change_(std::move(change)) {
    for (int node = 0; node < size; ++node) Another();
    for (int node = 0; node < size; ++node) Begin(node);
  }
  ~EmbeddedCluster() override {
    nodes_.clear();
    std::filesystem::remove_all(folder_);
  }

  // The next one, which is no member and does not run; returns its place.
  int Another() {
    const int number = static_cast<int>(peers_.size()) + 1;
    peers_.push_back({absl::StrCat("n", number), static_cast<uint32_t>(number),
                      absl::StrCat("127.0.0.1:", FreePort())});
    nodes_.resize(number);
    return number - 1;
  }
  // (Re)starts the node, which must not run, with its folder.
  void Begin(int node) { EXPECT_OK(TryBegin(node, /*join=*/false)); }
  absl::Status TryBegin(int node, bool join) {
    ServerConfig config;
    config.election = Election::kRaft;
    config.node_id = peers_[node].name;
    config.consensus_peers = peers_;
    config.consensus_join = join;
    config.consensus_listen = peers_[node].address;
    config.consensus_data_dir = absl::StrCat(folder_, "/", peers_[node].name);
    // More than a loaded machine takes for a heartbeat.
    config.consensus_election_timeout = absl::Milliseconds(400);
    if (change_) change_(config);
    nodes_[node] = std::make_unique<RaftNode>(config, clock_);
    const auto on_fatal = [](const absl::Status& status) { FAIL() << status; };
    return nodes_[node]->consensus.Start(on_fatal);
  }
  // As if its process died.
  void Kill(int node) {
    nodes_[node]->consensus.Stop();
    nodes_[node].reset();
  }

  // Its folder is lost; it must not run.
  void Wipe(int node) { std::filesystem::remove_all(absl::StrCat(folder_, "/", name(node))); }

  const std::string& name(int node) const { return peers_[node].name; }
  const std::string& address(int node) const { return peers_[node].address; }
  int size() const { return static_cast<int>(nodes_.size()); }
  bool runs(int node) const { return nodes_[node] != nullptr; }
  RaftNode& node(int node) { return *nodes_[node]; }
  std::vector<LeaderElector*> electors() override {
    std::vector<LeaderElector*> electors;
    for (auto& node : nodes_) {
      if (node != nullptr) electors.push_back(&node->elector);
    }
    return electors;
  }

 private:
  // A loopback port that nothing listens on now.
  static int FreePort() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    close(fd);
    return ntohs(address.sin_port);
  }

  const std::function<void(ServerConfig&)> change_;
  SystemClock clock_;
  const std::string folder_ = absl::StrCat(testing::TempDir(), "/z4j-embedded-", getpid());
  std::vector<ConsensusPeer> peers_;
  std::vector<std::unique_ptr<RaftNode>> nodes_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_TESTING_EMBEDDED_CLUSTER_H_
