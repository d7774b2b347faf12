#ifndef Z4J_CONSENSUS_SERVER_TESTING_SERVER_CLUSTER_H_
#define Z4J_CONSENSUS_SERVER_TESTING_SERVER_CLUSTER_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/server/consensus_server.h"

namespace z4j::consensus {

// Nodes 1, 2, … as whole servers in one process: own directories, real connections over loopback.
// What is awaited for longer than kAwaitMax aborts.
class ServerCluster {
 public:
  static constexpr absl::Duration kAwaitMax = absl::Minutes(2);

  // `size` members, none started.  `change` has the last word on the options of each start.
  explicit ServerCluster(int size, std::function<void(ConsensusOptions&)> change = {});
  ~ServerCluster();  // Kills all, removes the directories.

  ConsensusOptions OptionsOf(NodeId id);
  // Again after a Kill(): at the same address, with the same directory.
  absl::Status Start(NodeId id);
  void StartAll();  // Aborts if one does not start.
  // Without handing anything over; what waits for the disk is left out.
  void Kill(NodeId id) { servers_.erase(id); }

  ConsensusServer& server(NodeId id) { return *servers_.at(id); }
  const Members& members() const { return members_; }
  // Some node that leads, other than `besides`.
  NodeId AwaitLeader(NodeId besides = {}) ABSL_LOCKS_EXCLUDED(mu_);

  // Writes at whoever leads, until it is known that it was done.
  void Put(const std::string& key, const std::string& value);
  // Linearizable, at `id`.
  std::optional<std::string> Get(NodeId id, const std::string& key);

 private:
  const std::function<void(ConsensusOptions&)> change_;
  std::string folder_;
  Members members_;
  SystemClock clock_;
  const uint64_t client_ = RandomNumber();  // Another one for each cluster made of one backup.
  uint64_t requests_ = 0;

  absl::Mutex mu_;
  std::map<NodeId, Term> leading_ ABSL_GUARDED_BY(mu_);
  std::map<NodeId, std::unique_ptr<ConsensusServer>> servers_;  // They call the above.
};

// A loopback port that nothing listens on now; never the same twice in a process.
int FreePort();

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_SERVER_TESTING_SERVER_CLUSTER_H_
