#include "services/scheduler/elect/solo_elector.h"

#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/elect/testing/candidate.h"
#include "services/scheduler/store/memory_schedule_store.h"

namespace z4j::scheduler {
namespace {

class SoloElectorTest : public testing::Test {
 protected:
  SystemClock clock_;
  MemoryScheduleStore store_{clock_};
  SoloElector elector_{store_, "node-1"};
  Candidate candidate_{elector_, clock_};
};

TEST_F(SoloElectorTest, LeadsWithTheTokenAfterTheFence) {
  ASSERT_OK(store_.RaiseFence({41}, "node-0"));
  EXPECT_EQ(elector_.Current(clock_.MonoNow()), std::nullopt);
  ASSERT_OK(candidate_.Start());
  EXPECT_EQ(candidate_.AwaitTerm().token, FencingToken{42});
  EXPECT_EQ(elector_.Leader().holder, "node-1");
  EXPECT_EQ(elector_.Leader().token, FencingToken{42});
}

TEST_F(SoloElectorTest, ComesBackFromResigningWithANewerToken) {
  ASSERT_OK(candidate_.Start());
  const LeaderTerm first = candidate_.AwaitTerm();
  ASSERT_OK(store_.RaiseFence(first.token, "node-1"));
  elector_.Resign(absl::Milliseconds(20));
  EXPECT_GT(candidate_.AwaitTerm(first.token).token, first.token);
}

TEST_F(SoloElectorTest, ResignsAtOnceAndStopsInTheMiddleOfThePause) {
  ASSERT_OK(candidate_.Start());
  candidate_.AwaitTerm();
  elector_.Resign(absl::Hours(1));
  EXPECT_EQ(elector_.Current(clock_.MonoNow()), std::nullopt);
  elector_.Stop();
  elector_.Stop();
  EXPECT_EQ(elector_.Current(clock_.MonoNow()), std::nullopt);
}

}  // namespace
}  // namespace z4j::scheduler
