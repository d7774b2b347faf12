#include "services/base/grpc_health.h"

#include <grpcpp/health_check_service_interface.h>

#include <utility>

namespace z4j {

HealthReporter::HealthReporter(grpc::HealthCheckServiceInterface& health,
                               std::vector<std::string> services, std::function<bool()> ready)
    : health_(health), services_(std::move(services)), ready_(std::move(ready)) {
  Tell(ready_());
  thread_ = std::thread([this] { Run(); });
}

HealthReporter::~HealthReporter() { Stop(); }

void HealthReporter::Stop() {
  {
    MonotoneMutexLock lock(&mu_);
    stopping_ = true;
  }
  if (!thread_.joinable()) return;
  thread_.join();
  Tell(false);
}

void HealthReporter::Run() {
  const absl::Condition stopping(&stopping_);
  while (true) {
    {
      MonotoneMutexLock lock(&mu_);
      if (mu_.AwaitAtMost(kAskEvery, stopping)) return;
    }
    Tell(ready_());
  }
}

// To say the same again wakes nobody.
void HealthReporter::Tell(bool serving) {
  for (const std::string& service : services_) health_.SetServingStatus(service, serving);
}

}  // namespace z4j
