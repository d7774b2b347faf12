#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "services/consensus/raft/marks.h"
#include "services/consensus/raft/testing/random_run.h"

namespace z4j::consensus {
namespace {

uint64_t NumberFrom(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(SafetyTest, KeepsItsPropertiesUnderEverythingAtOnceAndRecovers) {
  const uint64_t first = NumberFrom("Z4J_RAFT_SEED", 1);
  const uint64_t seeds = NumberFrom("Z4J_RAFT_SEEDS", 600);
  uint64_t committed = 0;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    SCOPED_TRACE(absl::StrCat("Z4J_RAFT_SEED=", seed, " Z4J_RAFT_SEEDS=1"));
    RandomRun run(seed);
    run.Disturb(800);
    run.Recover();
    ASSERT_THAT(run.violations(), testing::IsEmpty());
    ASSERT_TRUE(run.Serves());
    committed += run.committed().value;
  }
  EXPECT_GT(committed, seeds * 10) << "The runs commit next to nothing and so prove little.";
  for (int mark = 0; mark < static_cast<int>(Mark::kCount) && seeds >= 600; ++mark) {
    // No disk rots here.
    if (static_cast<Mark>(mark) == Mark::kDamagedSilent) continue;
    EXPECT_GT(HitsOf(static_cast<Mark>(mark)), 0) << NameOf(static_cast<Mark>(mark));
  }
}

}  // namespace
}  // namespace z4j::consensus
