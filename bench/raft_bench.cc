// What a whole cluster of three commits on this machine: three nodes in one process, their messages
// by memory, their write-ahead logs on one disk, each client with one write under way:
//   raft_bench [directory on the disk to measure] [seconds for each number of clients]
// The three share processors and disk, so a figure is below what three machines reach, and without
// a network's delay.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "services/consensus/node/testing/node_cluster.h"
#include "services/consensus/storage/posix_disk.h"
#include "services/consensus/storage/wal_storage.h"

namespace z4j::consensus {
namespace {

constexpr int kNodes = 3;
constexpr absl::Duration kElectionTimeout = absl::Seconds(1);  // No measurement of elections.
constexpr size_t kValueBytes = 100;

template <typename T>
T OrDie(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
  std::exit(1);
}

// Clients whose next write leaves when the last one is done, all at one node; the constructor
// returns when all have ended.  Latencies are the core thread's while they run.
class Clients {
 public:
  Clients(NodeCluster& cluster, Node& leader, uint64_t first, uint64_t count, MonoTime until)
      : cluster_(cluster), leader_(leader), first_(first), until_(until), running_(count) {
    for (uint64_t i = 0; i < count; ++i) Write(i, 1);
    running_.Wait();
  }

  std::vector<absl::Duration>& latencies() { return latencies_; }
  uint64_t failed() const { return failed_; }

 private:
  void Write(uint64_t client, uint64_t sequence) {
    const MonoTime begun = cluster_.clock().MonoNow();
    if (begun >= until_) return End();
    const absl::Status taken =
        leader_.Propose(Request(first_ + client, sequence),
                        PutKey("key/" + std::to_string(client), std::string(kValueBytes, 'v')),
                        cluster_.In(absl::Seconds(30)),
                        [this, client, sequence, begun](const CallResult& result, const Replica&) {
                          if (result.fate == Fate::kDone) {
                            latencies_.push_back(cluster_.clock().MonoNow() - begun);
                            Write(client, sequence + 1);
                          } else {
                            ++failed_;
                            End();
                          }
                        });
    if (taken.ok()) return;
    ++failed_;
    End();
  }

  void End() { running_.DecrementCount(); }

  NodeCluster& cluster_;
  Node& leader_;
  const uint64_t first_;
  const MonoTime until_;
  absl::BlockingCounter running_;
  std::vector<absl::Duration> latencies_;
  std::atomic<uint64_t> failed_ = 0;
};

void Measure(NodeCluster& cluster, uint64_t clients, absl::Duration duration) {
  const NodeId leader = cluster.AwaitLeader();
  const MonoTime begin = cluster.clock().MonoNow();
  // Numbers of clients are never used again.
  Clients run(cluster, cluster.node(leader), clients * 1000, clients, begin + duration);
  const double seconds = absl::ToDoubleSeconds(cluster.clock().MonoNow() - begin);
  std::vector<absl::Duration>& all = run.latencies();
  if (all.empty() || run.failed() > 0) {
    std::fprintf(stderr, "%lu clients: %lu done, %lu failed\n", static_cast<unsigned long>(clients),
                 static_cast<unsigned long>(all.size()), static_cast<unsigned long>(run.failed()));
    std::exit(1);
  }
  std::sort(all.begin(), all.end());
  const auto quantile_us = [&](size_t percent) {
    return absl::ToDoubleMicroseconds(all[(all.size() - 1) * percent / 100]);
  };
  std::printf("clients %5lu: %9.0f entries/s   commit p50 %8.0f us   p99 %8.0f us\n",
              static_cast<unsigned long>(clients), static_cast<double>(all.size()) / seconds,
              quantile_us(50), quantile_us(99));
}

void Run(const std::string& parent, absl::Duration duration) {
  std::vector<std::unique_ptr<Disk>> disks;  // Outlive the nodes.
  NodeCluster cluster(kElectionTimeout);
  for (int number = 1; number <= kNodes; ++number) {
    disks.push_back(OrDie(OpenPosixDisk(parent + "/" + std::to_string(number))));
    const NodeIdentity identity = NodeCluster::Identity(number);
    const absl::Status made =
        CreateStorage(*disks.back(), identity, NodeCluster::FirstConfig(kNodes));
    if (!made.ok()) OrDie(absl::StatusOr<int>(made));
    cluster.Start(OrDie(OpenStorage(*disks.back(), identity)));
  }
  for (const uint64_t clients : {1, 64, 1024}) Measure(cluster, clients, duration);
}

}  // namespace
}  // namespace z4j::consensus

int main(int argc, char** argv) {
  std::string parent = std::string(argc > 1 ? argv[1] : ".") + "/raft-bench-XXXXXX";
  const absl::Duration duration = absl::Seconds(argc > 2 ? std::atof(argv[2]) : 5);
  if (mkdtemp(parent.data()) == nullptr) {
    std::perror(parent.c_str());
    return 1;
  }
  z4j::consensus::Run(parent, duration);
  std::filesystem::remove_all(parent);
  return 0;
}
