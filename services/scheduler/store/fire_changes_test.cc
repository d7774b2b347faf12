#include "services/scheduler/store/fire_changes.h"

#include <gmock/gmock.h>

namespace z4j::scheduler {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

FireUpdate UpdateOf(int number, FireState state, int second) {
  FireUpdate update;
  update.key.schedule.value.bytes[15] = static_cast<uint8_t>(number);
  update.key.due_at = kStart;
  update.id.value.bytes[0] = static_cast<uint8_t>(number);
  update.state = state;
  update.at = kStart + absl::Seconds(second);
  return update;
}

TEST(FireChangesTest, AWholeRunIsOneChangeWithAllItsTimes) {
  FireUpdate dispatched = UpdateOf(1, FireState::kDispatched, 1);
  dispatched.adapter = "celery-1";
  dispatched.attempts = 2;
  const FireChanges changes = FoldUpdates(
      {dispatched, UpdateOf(1, FireState::kRunning, 2), UpdateOf(1, FireState::kSucceeded, 3)});
  ASSERT_EQ(changes.by_key.size(), 1);
  const FireChange& change = changes.by_key.front();
  EXPECT_EQ(change.last.state, FireState::kSucceeded);
  EXPECT_EQ(change.last.adapter, "celery-1");
  EXPECT_EQ(change.last.attempts, 2);
  EXPECT_EQ(change.dispatched_at, kStart + absl::Seconds(1));
  EXPECT_EQ(change.started_at, kStart + absl::Seconds(2));
  EXPECT_EQ(change.finished_at, kStart + absl::Seconds(3));
}

TEST(FireChangesTest, WhatComesAfterTheEndOrMovesBackIsLeftOut) {
  FireUpdate late = UpdateOf(1, FireState::kDispatched, 4);
  late.adapter = "late";
  const FireChanges changes =
      FoldUpdates({UpdateOf(1, FireState::kFailed, 3), late, UpdateOf(1, FireState::kSucceeded, 5),
                   UpdateOf(2, FireState::kRunning, 3), UpdateOf(2, FireState::kDispatched, 4)});
  ASSERT_EQ(changes.by_key.size(), 2);
  EXPECT_EQ(changes.by_key[0].last.state, FireState::kFailed);
  EXPECT_EQ(changes.by_key[0].last.adapter, "");
  EXPECT_EQ(changes.by_key[0].dispatched_at, absl::InfinitePast());
  EXPECT_EQ(changes.by_key[1].last.state, FireState::kRunning);
  EXPECT_EQ(changes.by_key[1].dispatched_at, absl::InfinitePast());
}

TEST(FireChangesTest, StandInTheOrderOfTheirKeysAndThoseWithoutOneOfTheirIds) {
  std::vector<FireUpdate> updates;
  for (const int number : {3, 1, 2}) updates.push_back(UpdateOf(number, FireState::kRunning, 1));
  for (const int number : {6, 4, 5}) {
    updates.push_back(UpdateOf(number, FireState::kRunning, 1));
    updates.back().key = {};
  }
  const FireChanges changes = FoldUpdates(updates);
  ASSERT_EQ(changes.by_key.size(), 3);
  ASSERT_EQ(changes.by_id.size(), 3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(changes.by_key[i].last.id.value.bytes[0], 1 + i);
    EXPECT_EQ(changes.by_id[i].last.id.value.bytes[0], 4 + i);
  }
}

}  // namespace
}  // namespace z4j::scheduler
