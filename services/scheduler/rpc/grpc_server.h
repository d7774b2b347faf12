#ifndef Z4J_SCHEDULER_RPC_GRPC_SERVER_H_
#define Z4J_SCHEDULER_RPC_GRPC_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/rpc/context.h"

namespace grpc {
class Service;
}

namespace z4j::scheduler {

// Files' contents in PEM form; all empty: plaintext.
struct TlsFiles {
  std::string certificate, key, client_ca;
};

// The gRPC front: the services of z4j.scheduler.v1, health and reflection.  Thread-safe.
class GrpcServer {
 public:
  // What the services need; outlives the server.
  struct Parts {
    ScheduleStore& store;
    Committer& committer;
    const Keyring& keys;
    Clock& clock;
    ClusterView& cluster;
    std::vector<grpc::Service*> more;  // Served as well: the adapters' stream.
  };

  // Serves on `listen` ("127.0.0.1:7801"; port 0 picks one), with health NOT_SERVING until
  // StartServing.  UNAVAILABLE if it cannot listen there; INVALID_ARGUMENT if the TLS files are
  // wrong.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const std::string& listen,
                                                           const TlsFiles& tls, Parts parts);
  ~GrpcServer();  // Stops at once.

  int port() const;

  // What grpc.health.v1.Health says from now on: SERVING of "", for the process answers; of
  // "z4j.scheduler.v1" and of each of its services, whether `ready`, which must not wait.
  void StartServing(std::function<bool()> ready);
  // NOT_SERVING of all: the process goes away.  Idempotent.
  void StopServing();

  // This node has changed something: wakes the watch streams.  Never blocks.
  void OnCommit();

  // Ends the watch streams, takes no new call, waits up to `grace` for open ones, then ends those.
  // Idempotent.
  void Stop(absl::Duration grace);

 private:
  struct Impl;
  explicit GrpcServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_GRPC_SERVER_H_
