#include <atomic>
#include <string>
#include <vector>

#include "services/base/clock.h"
#include "services/base/testing/health_check.h"
#include "services/scheduler/rpc/testing/rpc_world.h"

namespace z4j::scheduler {
namespace {

class GrpcHealthTest : public RpcTest {
 protected:
  // Of the whole API, of one service, and of the process.
  std::vector<std::string> Health() {
    return {HealthOf(channel_, "z4j.scheduler.v1"),
            HealthOf(channel_, "z4j.scheduler.v1.FireService"), HealthOf(channel_, "")};
  }
  void Await(const std::vector<std::string>& expected) {
    const MonoTime give_up = SystemClock().MonoNow() + absl::Minutes(1);
    while (Health() != expected && SystemClock().MonoNow() < give_up) {
    }
    EXPECT_EQ(Health(), expected);
  }

  std::atomic<bool> ready_ = true;
};

TEST_F(GrpcHealthTest, OfTheServicesFollowsReadinessAndOfTheProcessDoesNot) {
  server_->StartServing([this] { return ready_.load(); });
  Await({"SERVING", "SERVING", "SERVING"});
  ready_ = false;
  Await({"NOT_SERVING", "NOT_SERVING", "SERVING"});
  ready_ = true;
  Await({"SERVING", "SERVING", "SERVING"});
  server_->StopServing();
  Await({"NOT_SERVING", "NOT_SERVING", "NOT_SERVING"});
}

}  // namespace
}  // namespace z4j::scheduler
