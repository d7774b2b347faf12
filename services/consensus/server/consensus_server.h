#ifndef Z4J_CONSENSUS_SERVER_CONSENSUS_SERVER_H_
#define Z4J_CONSENSUS_SERVER_CONSENSUS_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/clock.h"
#include "services/base/grpc_health.h"
#include "services/consensus/node/node.h"
#include "services/consensus/rpc/services.h"
#include "services/consensus/server/consensus_metrics.h"
#include "services/consensus/server/consensus_options.h"
#include "services/consensus/server/data_directory.h"
#include "services/consensus/transport/grpc_transport.h"

// A consensus node as a whole: its directory, its connections, its services.  The program
// z4j-consensus runs one, and so does a scheduler that embeds its own.
namespace z4j::consensus {

class ConsensusServer {
 public:
  // Opens (or makes) the directory and serves.
  //   INVALID_ARGUMENT     an option, which the violation names.
  //   FAILED_PRECONDITION  the directory is in use, or another node's; or it is new, and what runs
  //                        does not know the node, or knows another one of it (BeginningOf).
  //   DATA_LOSS            the directory cannot be read at all.  One of which only a part is lost
  //                        is served: such a node is silent (see damage()).
  //   UNAVAILABLE          the address cannot be listened on; nobody to join answers.
  static absl::StatusOr<std::unique_ptr<ConsensusServer>> Start(ConsensusOptions options);
  ~ConsensusServer();  // Stops.

  // Thread-safe until Stop().
  Node& node() { return *node_; }
  const NodeIdentity& identity() const { return directory_.storage->identity(); }
  // What the disk lost, in words; empty: nothing.  Then the node neither votes nor campaigns: give
  // it a new directory, and remove and add it.
  const std::string& damage() const { return directory_.storage->damage(); }
  int port() const { return transport_->port(); }
  ConsensusMetrics& metrics() { return metrics_; }
  // Why this node is of no use to clients at present; empty: it is.  gRPC's health service says the
  // same of each service of z4j.consensus.v1; of the empty name, that the process answers.
  std::string NotReady() const;

  // Before a Stop() that nobody should notice: hands leadership over, if this node has it.  Waits,
  // `at_most` so long.  UNAVAILABLE: nobody took over.
  absl::Status StepDown(absl::Duration at_most);
  // Ends all calls and joins all threads.  Idempotent.
  void Stop();

 private:
  explicit ConsensusServer(ConsensusOptions options) : options_(std::move(options)) {}

  absl::Status Build();
  absl::StatusOr<Beginning> Begin() const;
  NodeListeners Listeners();
  uint64_t FreeBytes() const;

  ConsensusOptions options_;
  SystemClock clock_;
  ConsensusMetrics metrics_;
  // In the order in which they are built; each uses those above it.
  DataDirectory directory_;
  std::unique_ptr<ConsensusServices> services_;
  std::unique_ptr<GrpcTransport> transport_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<HealthReporter> health_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_SERVER_CONSENSUS_SERVER_H_
