#ifndef Z4J_BASE_GRPC_HEALTH_H_
#define Z4J_BASE_GRPC_HEALTH_H_

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "services/base/monotone_mutex.h"

namespace grpc {
class HealthCheckServiceInterface;
}

namespace z4j {

// Keeps what grpc.health.v1.Health says of some services in step with whether they can serve.  The
// empty name is the server's own and not touched: gRPC says SERVING as long as calls are taken.
class HealthReporter {
 public:
  static constexpr absl::Duration kAskEvery = absl::Milliseconds(100);

  // Asks `ready` at once, and then on a thread of its own, which it must not block.  `health`
  // outlives this.
  HealthReporter(grpc::HealthCheckServiceInterface& health, std::vector<std::string> services,
                 std::function<bool()> ready);
  ~HealthReporter();  // Stops.

  // NOT_SERVING from now on.  Joins; idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  void Tell(bool serving);

  grpc::HealthCheckServiceInterface& health_;
  const std::vector<std::string> services_;
  const std::function<bool()> ready_;
  MonotoneMutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace z4j

#endif  // Z4J_BASE_GRPC_HEALTH_H_
