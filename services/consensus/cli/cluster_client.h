#ifndef Z4J_CONSENSUS_CLI_CLUSTER_CLIENT_H_
#define Z4J_CONSENSUS_CLI_CLUSTER_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/base/cli/connection.h"
#include "services/base/clock.h"
#include "services/consensus/client/connection.h"
#include "z4j/consensus/v1/cluster.grpc.pb.h"

// What the verbs that ask a cluster share.
namespace z4j::consensus {

// `server` may name several nodes, separated by commas.
struct ClusterOptions : ConnectionOptions {
  ClusterOptions() { server = "127.0.0.1:7811"; }
};

// Adds --server, -o and the TLS options to a verb.
void AddClusterOptions(CLI::App& verb, ClusterOptions& options);

class ClusterClient {
 public:
  using Stub = v1::ClusterService::Stub;
  using Call = absl::FunctionRef<grpc::Status(Stub& stub, grpc::ClientContext* context)>;

  // INVALID_ARGUMENT: no address, or a TLS file cannot be read.
  static absl::StatusOr<std::unique_ptr<ClusterClient>> Create(const ClusterOptions& options);

  // Sends a request that is no repeatable one to the leader, wherever it is.
  absl::Status AskLeader(Call call);
  // Asks one node, which answers for itself.
  absl::Status AskNode(const std::string& address, Call call);
  // Asks the first of the nodes that answers.
  absl::Status AskAny(Call call);

  const std::vector<std::string>& addresses() const { return connection_->endpoints(); }

 private:
  ClusterClient(const ClusterOptions& options) : timeout_(absl::Seconds(options.timeout_s)) {}
  client::CallOptions Waits();

  const absl::Duration timeout_;
  SystemClock clock_;
  std::unique_ptr<client::Connection> connection_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_CLI_CLUSTER_CLIENT_H_
