#ifndef Z4J_CONSENSUS_CLIENT_TESTING_FAKE_CLUSTER_H_
#define Z4J_CONSENSUS_CLIENT_TESTING_FAKE_CLUSTER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/client/connection.h"
#include "services/consensus/client/result.h"

namespace grpc {
class ServerContext;
}

namespace z4j::consensus::client {

class FakeNode;

// Nodes that speak the consensus service's protocol and are told what goes wrong; behind them one
// memory, as if it were replicated.  Sessions end only when told.  Thread-safe.
class FakeCluster {
 public:
  explicit FakeCluster(int nodes);
  ~FakeCluster();

  std::vector<std::string> endpoints() const;
  std::string endpoint(int node) const;
  // A way to it.
  std::unique_ptr<Connection> Connect(Clock& clock) const;

  // --- What happens to it -------------------------------------------------------------------
  // -1: nobody leads.  Calls that wait elsewhere are interrupted; streams end with the next sign.
  void SetLeader(int node) ABSL_LOCKS_EXCLUDED(mu_);
  // Those that do not lead say who does; so from the start.
  void SetHints(bool hints) ABSL_LOCKS_EXCLUDED(mu_);
  // The node's process ends.
  void Kill(int node);
  // The next call of `method` ("Put") is not done, or is done, and then fails so.
  void FailBefore(const std::string& method, Outcome outcome, Reason reason)
      ABSL_LOCKS_EXCLUDED(mu_);
  void FailAfter(const std::string& method, Outcome outcome, Reason reason)
      ABSL_LOCKS_EXCLUDED(mu_);
  // The node takes what is sent and says nothing, until it is told to speak.
  void Mute(int node, bool mute) ABSL_LOCKS_EXCLUDED(mu_);
  // All streams end, as if connections broke.
  void BreakStreams() ABSL_LOCKS_EXCLUDED(mu_);
  void EndSession(uint64_t session) ABSL_LOCKS_EXCLUDED(mu_);

  // --- What it saw --------------------------------------------------------------------------
  // Calls of `method` that came to a node, to any if -1; of KeepAlive the streams.
  int Calls(const std::string& method, int node = -1) ABSL_LOCKS_EXCLUDED(mu_);
  void AwaitCalls(const std::string& method, int count) ABSL_LOCKS_EXCLUDED(mu_);
  // Mutations done, not counting those sent again.
  int Done(const std::string& method) ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<uint64_t> Sessions() ABSL_LOCKS_EXCLUDED(mu_);
  std::string ValueOf(const std::string& key) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until `waiting` sessions queue for `election`.
  void AwaitQueue(const std::string& election, size_t waiting) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  friend class FakeNode;
  struct Opened {
    absl::Duration ttl;
    std::string owner;
  };
  struct Election {
    uint64_t revision = 0;
    uint64_t token = 0;  // 0: nobody leads.
    uint64_t session = 0;
    std::string value;
    std::deque<std::pair<uint64_t, std::string>> queue;
  };
  struct Answer {
    std::string request;
    std::string response;
  };
  struct Failing {
    bool done;
    Outcome outcome;
    Reason reason;
  };

  int CallsLocked(const std::string& method, int node) const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  void EndSessionLocked(uint64_t session) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The first that waits leads, or `successor` if it waits.
  void PassOn(Election& election, uint64_t successor) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  std::vector<std::unique_ptr<FakeNode>> nodes_;

  absl::Mutex mu_;
  int leader_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t term_ ABSL_GUARDED_BY(mu_) = 1;
  bool hints_ ABSL_GUARDED_BY(mu_) = true;
  std::set<grpc::ServerContext*> streams_ ABSL_GUARDED_BY(mu_);
  std::set<int> muted_ ABSL_GUARDED_BY(mu_);
  std::multimap<std::string, Failing> failing_ ABSL_GUARDED_BY(mu_);
  std::map<std::pair<std::string, int>, int> calls_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, int> done_ ABSL_GUARDED_BY(mu_);
  uint64_t revision_ ABSL_GUARDED_BY(mu_) = uint64_t{1} << 48;
  std::map<uint64_t, Opened> sessions_ ABSL_GUARDED_BY(mu_);
  std::map<uint64_t, uint64_t> by_nonce_ ABSL_GUARDED_BY(mu_);
  // By owner and sequence.
  std::map<std::pair<uint64_t, uint64_t>, Answer> answers_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, Election> elections_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::string> keys_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_TESTING_FAKE_CLUSTER_H_
