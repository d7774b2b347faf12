#include "tests/simulation/cluster.h"

#include <gtest/gtest.h>

#include <iostream>

#include "services/consensus/raft/marks.h"

namespace z4j::simulation {
namespace {

using consensus::HitsOf;
using consensus::Mark;
using consensus::NameOf;

// What no short run can be without; ./dev simulate shows all.
constexpr Mark kMustBeMet[] = {
    Mark::kFigure8Blocked,   Mark::kVoteWithheld,      Mark::kVoteSplit,
    Mark::kVoteRepeated,     Mark::kPreVoteRefused,    Mark::kTruncated,
    Mark::kConfigRolledBack, Mark::kDurableRolledBack, Mark::kStrayReject,
    Mark::kHintSkippedTerm,  Mark::kWindowFull,        Mark::kWindowProbed,
    Mark::kSnapshotNeeded,   Mark::kSnapshotInstalled, Mark::kQuorumLost,
    Mark::kTransferDone,     Mark::kTransferAborted,   Mark::kReadPostponed,
    Mark::kReadLost,         Mark::kAutoLeave,         Mark::kLeaderRemoved,
    Mark::kUncommittedFull,  Mark::kDamagedSilent,     Mark::kAppliedHeldBack,
};

// A sanitizer takes ten times as long, and looks for what shows in any run.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kWorlds = 200;
#else
constexpr uint64_t kWorlds = 2000;
#endif

TEST(ClusterTest, NothingThatMustHoldIsBrokenInAnyOfManyWorldsAndAllOfThemHeal) {
  absl::Duration simulated;
  uint64_t operations = 0, fires = 0, crashes = 0, stops = 0, upgrades = 0, undecided = 0;
  for (uint64_t seed = 1; seed <= kWorlds; ++seed) {
    const Result result = Simulate(seed, false);
    simulated += result.simulated;
    operations += result.operations;
    fires += result.fires;
    crashes += result.crashes;
    stops += result.stops;
    upgrades += result.upgrades;
    undecided += result.undecided ? 1 : 0;
    ASSERT_EQ(result.breach, "") << "simulate --seed=" << seed << " tells how\n" << result.options;
  }
  std::cout << "simulated " << absl::FormatDuration(simulated) << ", " << operations
            << " operations, " << fires << " fires, " << crashes << " crashes, " << stops
            << " stops, " << upgrades << " upgrades, " << undecided << " undecided\n";
  EXPECT_GT(operations, 100 * kWorlds);
  EXPECT_GT(fires, 25 * kWorlds);
  EXPECT_GT(stops, kWorlds / 4);
  EXPECT_GT(upgrades, kWorlds / 10);
  EXPECT_LE(undecided, 2);
  if (kWorlds < 2000) return;
  for (Mark mark : kMustBeMet) EXPECT_GT(HitsOf(mark), 0) << NameOf(mark) << " never happened";
}

TEST(ClusterTest, ASeedIsTheSameRunEveryTimeAndWhetherOrNotItIsTold) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Result once = Simulate(seed, false);
    const Result again = Simulate(seed, true);
    EXPECT_EQ(once.hash, again.hash) << seed;
    EXPECT_EQ(once.events, again.events) << seed;
    EXPECT_FALSE(again.story.empty());
  }
  EXPECT_NE(Simulate(1, false).hash, Simulate(2, false).hash);
}

}  // namespace
}  // namespace z4j::simulation
