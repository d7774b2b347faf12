#include "services/consensus/storage/testing/simulated_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/storage/testing/random.h"

namespace z4j::consensus {
namespace {

// Two synced sectors of 'a', then four sectors of 'b' over and behind them, not synced.
std::unique_ptr<SimulatedDisk> HalfSynced() {
  auto disk = std::make_unique<SimulatedDisk>();
  auto file = disk->Open("f", /*create=*/true).value();
  EXPECT_OK(file->Write(0, std::string(2 * kSectorBytes, 'a')));
  EXPECT_OK(file->Sync());
  EXPECT_OK(disk->SyncDirectory());
  EXPECT_OK(file->Write(kSectorBytes, std::string(4 * kSectorBytes, 'b')));
  return disk;
}

// What each sector begins with: a, b or nothing.
std::string Shape(const std::string& bytes) {
  std::string shape;
  for (size_t at = 0; at < bytes.size(); at += kSectorBytes) {
    shape += bytes[at] == '\0' ? '.' : bytes[at];
  }
  return shape;
}

TEST(SimulatedDiskTest, ShowsAtOnceWhatWasWritten) {
  EXPECT_EQ(Shape(HalfSynced()->Contents("f")), "abbbb");
}

TEST(SimulatedDiskTest, LosesAnySubsetOfUnsyncedSectorsAndNoSyncedOne) {
  std::set<std::string> shapes;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    auto disk = HalfSynced();
    disk->Crash(SeededRandom(seed));
    const std::string shape = Shape(disk->Contents("f"));
    ASSERT_THAT(shape, testing::MatchesRegex("a[ab][b.]*")) << seed;
    shapes.insert(shape);
  }
  EXPECT_THAT(shapes, testing::IsSupersetOf({"aa", "abbbb", "aabbb", "ab..b", "ab"}));
}

TEST(SimulatedDiskTest, CrashesAlikeForTheSameSeed) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    auto one = HalfSynced();
    auto other = one->Clone();
    one->Crash(SeededRandom(seed));
    other->Crash(SeededRandom(seed));
    EXPECT_TRUE(one->Contents("f") == other->Contents("f")) << seed;
  }
}

TEST(SimulatedDiskTest, MayLoseNamesThatWereNotSynced) {
  std::set<std::string> outcomes;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    auto disk = HalfSynced();
    EXPECT_OK(disk->Rename("f", "g"));
    EXPECT_OK(disk->Open("h", /*create=*/true));
    disk->Crash(SeededRandom(seed));
    std::string names;
    ASSERT_OK_AND_ASSIGN(const std::vector<std::string> listed, disk->List());
    for (const std::string& name : listed) names += name;
    outcomes.insert(names);
  }
  EXPECT_THAT(outcomes, testing::UnorderedElementsAre("f", "g", "fh", "gh"));
}

TEST(SimulatedDiskTest, FillsUpAndOverwritesStill) {
  SimulatedDisk disk({.capacity_bytes = 1000, .on_sync = nullptr});
  auto file = disk.Open("f", /*create=*/true).value();
  ASSERT_OK(file->Write(0, std::string(900, 'a')));
  EXPECT_THAT(file->Write(800, std::string(300, 'b')),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(file->Write(0, std::string(900, 'c')));
  EXPECT_LE(file->Size().value(), 1000);
}

TEST(SimulatedDiskTest, CountsSectorsOfAFailedSyncAsCleanWithoutWritingThem) {
  auto disk = HalfSynced();
  auto file = disk->Open("f", /*create=*/false).value();
  disk->FailNextSync();
  EXPECT_THAT(file->Sync(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_OK(file->Sync()) << "as Linux has it";
  EXPECT_EQ(Shape(disk->Contents("f")), "abbbb");
  disk->DropCaches();
  EXPECT_EQ(Shape(disk->Contents("f")), "aa...");
}

TEST(SimulatedDiskTest, TellsOfEachSyncBeforeItTakesEffect) {
  std::vector<std::string> synced;
  SimulatedDisk disk({.on_sync = [&](std::string_view name) { synced.emplace_back(name); }});
  auto file = disk.Open("f", /*create=*/true).value();
  EXPECT_OK(file->Sync());
  EXPECT_OK(disk.SyncDirectory());
  EXPECT_THAT(synced, testing::ElementsAre("f", ""));
}

TEST(SimulatedDiskTest, DiesAfterTheGivenNumberOfOperations) {
  SimulatedDisk disk;
  auto file = disk.Open("f", /*create=*/true).value();
  disk.FailAfter(1);
  EXPECT_OK(file->Write(0, "one"));
  EXPECT_THAT(file->Write(3, "two"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(file->Sync(), StatusIs(absl::StatusCode::kUnavailable));
  disk.Crash(SeededRandom(1));
  EXPECT_THAT(file->Size(), StatusIs(absl::StatusCode::kUnavailable)) << "opened before";
  EXPECT_OK(disk.Open("g", /*create=*/true));
}

}  // namespace
}  // namespace z4j::consensus
