#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "absl/synchronization/notification.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/limits.h"
#include "services/consensus/node/testing/node_cluster.h"
#include "services/consensus/storage/memory_log_storage.h"

namespace z4j::consensus {
namespace {

TEST(NodeTest, ACrowdOfCallersDisplacesNoSignOfLife) {
  NodeCluster cluster(/*election_timeout=*/absl::Milliseconds(400));
  cluster.Start(
      std::make_unique<MemoryLogStorage>(NodeCluster::Identity(1), NodeCluster::FirstConfig(1)));
  Node& node = cluster.node(cluster.AwaitLeader());
  absl::Notification stands, goes_on, alive;
  ASSERT_OK(node.Look([&](const auto&, const auto&) {
    stands.Notify();
    goes_on.WaitForNotification();
  }));
  stands.WaitForNotification();
  size_t crowd = 0;
  while (node.Look([](const auto&, const auto&) {}).ok()) ++crowd;
  EXPECT_LE(crowd, kInboxCallsMax);  // The disk may have told something meanwhile.
  EXPECT_OK(node.KeepAlive(SessionId{7}, cluster.In(absl::Hours(1)),
                           [&](const CallResult& result, const Replica&) {
                             EXPECT_EQ(result.fate, Fate::kDone) << result.detail;
                             alive.Notify();
                           }));
  EXPECT_THAT(node.Read(cluster.In(absl::Hours(1)), [](const auto&, const auto&) { FAIL(); }),
              StatusIs(absl::StatusCode::kResourceExhausted));
  goes_on.Notify();
  alive.WaitForNotification();
}

}  // namespace
}  // namespace z4j::consensus
