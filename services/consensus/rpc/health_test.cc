#include "services/consensus/rpc/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/consensus/limits.h"

namespace z4j::consensus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr absl::Duration kElectionTimeout = absl::Milliseconds(150);

NodeHealth Well() {
  NodeHealth health;
  health.status.raft.soft = {Role::kFollower, {3}, {2}};
  health.status.raft.commit = health.status.raft.applied = {100};
  health.in_touch = absl::Milliseconds(20);
  health.append_p99 = absl::Milliseconds(1);
  return health;
}

HealthVerdict Verdict(const NodeHealth& health, std::optional<uint64_t> disk_free = {}) {
  return Judge(health, kElectionTimeout, disk_free);
}

TEST(HealthTest, AWellNodeIsReadyWithoutAlarms) {
  EXPECT_TRUE(Verdict(Well()).ready);
  EXPECT_THAT(Verdict(Well()).alarms, IsEmpty());
}

TEST(HealthTest, WhatKeepsANodeFromServingIsSaidInWords) {
  NodeHealth health = Well();
  health.status.raft.soft.leader = {};
  EXPECT_FALSE(Verdict(health).ready);
  EXPECT_THAT(Verdict(health).alarms, ElementsAre(HasSubstr("No leader")));

  health = Well();
  health.in_touch = absl::InfiniteDuration();
  EXPECT_FALSE(Verdict(health).ready);

  health = Well();
  health.status.disk_full = true;
  EXPECT_FALSE(Verdict(health).ready);
  EXPECT_THAT(Verdict(health).alarms, ElementsAre(HasSubstr("full")));

  health = Well();
  health.oldest_unsynced = kElectionTimeout;
  EXPECT_FALSE(Verdict(health).ready);
  EXPECT_THAT(Verdict(health).alarms, ElementsAre(HasSubstr("150ms")));

  health = Well();
  health.status.raft.commit = health.status.raft.applied + (kApplyLagEntriesMax + 1);
  EXPECT_FALSE(Verdict(health).ready);

  health = Well();  // Of a log that is not whole yet, all of what is here is applied.
  health.status.raft.decided = health.status.raft.applied + (kApplyLagEntriesMax + 1);
  EXPECT_FALSE(Verdict(health).ready);
  EXPECT_THAT(Verdict(health).alarms, ElementsAre(HasSubstr("5001 decided entries")));

  health = Well();
  health.status.raft.damaged = true;
  EXPECT_FALSE(Verdict(health).ready);
}

TEST(HealthTest, WhatMayBecomeATroubleIsAnAlarmOfAReadyNode) {
  NodeHealth health = Well();
  health.append_p99 = absl::Milliseconds(40);
  health.loop_stall = absl::Milliseconds(90);
  PeerStatus silent, lagging;
  silent.id = {2};
  lagging.id = {3};
  lagging.recently_active = true;
  health.status.raft.last = {2 * kTailEntries};
  health.status.raft.peers = {silent, lagging};
  const HealthVerdict verdict = Verdict(health, 1024);
  EXPECT_TRUE(verdict.ready);
  EXPECT_THAT(verdict.alarms,
              ElementsAre(HasSubstr("disk is slow"), HasSubstr("stood still for 90ms"),
                          HasSubstr("MiB of the disk"), HasSubstr("Node 2 does not answer"),
                          HasSubstr("Node 3 lacks")));
}

}  // namespace
}  // namespace z4j::consensus
