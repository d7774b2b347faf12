#include "services/base/grpc_health.h"

#include <gmock/gmock.h>
#include <grpcpp/health_check_service_interface.h>

#include <atomic>
#include <map>

namespace z4j {
namespace {

// What was said last, by service.
class SaidHealth final : public grpc::HealthCheckServiceInterface {
 public:
  void SetServingStatus(const std::string& service, bool serving) override {
    MonotoneMutexLock lock(&mu_);
    said_[service] = serving;
  }
  void SetServingStatus(bool) override { ADD_FAILURE() << "all services, also others'"; }
  bool Await(const std::map<std::string, bool>& expected) {
    const auto as_expected = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return said_ == expected; };
    MonotoneMutexLock lock(&mu_);
    return mu_.AwaitAtMost(absl::Minutes(1), absl::Condition(&as_expected));
  }

 private:
  MonotoneMutex mu_;
  std::map<std::string, bool> said_ ABSL_GUARDED_BY(mu_);
};

TEST(HealthReporterTest, FollowsReadinessAndEndsNotServing) {
  SaidHealth health;
  std::atomic<bool> ready = true;
  HealthReporter reporter(health, {"a", "b"}, [&] { return ready.load(); });
  EXPECT_TRUE(health.Await({{"a", true}, {"b", true}}));
  ready = false;
  EXPECT_TRUE(health.Await({{"a", false}, {"b", false}}));
  ready = true;
  EXPECT_TRUE(health.Await({{"a", true}, {"b", true}}));
  reporter.Stop();
  EXPECT_TRUE(health.Await({{"a", false}, {"b", false}}));
}

}  // namespace
}  // namespace z4j
