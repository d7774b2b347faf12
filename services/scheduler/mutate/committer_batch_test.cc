#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/mutate/testing/committer_fixture.h"

// The committer's queue, groups and batches.
namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(CommitterTest, ManyCallersShareOneTransaction) {
  std::vector<Mutation> mutations;
  for (int i = 0; i < 300; ++i) {
    mutations.push_back(ByAnn(CreateSchedule{HourlySchedule(absl::StrCat("s", i))}));
  }
  const auto results = Together(mutations);
  for (const auto& result : results) EXPECT_OK(result);
  EXPECT_EQ(store_.transactions(), 2);  // The idle one, and one for all.
  EXPECT_EQ(ScheduleCount(), 300u);
  EXPECT_THAT(Audit(), SizeIs(300));
  ExpectWholeChain();
}

TEST_F(CommitterTest, SixtyFourBlockingCallersNeedFarFewerTransactionsThanCalls) {
  constexpr int kCallers = 64, kCalls = 10;
  Hold();
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([this, caller] {
      for (int call = 0; call < kCalls; ++call) {
        EXPECT_OK(Run(CreateSchedule{HourlySchedule(absl::StrCat("s", caller, "-", call))}));
      }
    });
  }
  store_.Open();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(ScheduleCount(), static_cast<size_t>(kCallers * kCalls));
  EXPECT_LT(store_.transactions(), kCallers * kCalls / 2);
  ExpectWholeChain();
}

TEST_F(CommitterTest, AnAtomicBatchIsWrittenWholeOrNotAtAll) {
  Schedule bad = HourlySchedule("bad");
  bad.time_zone = "Mars/Olympus";
  const std::vector<Mutation> batch = {ByAnn(CreateSchedule{HourlySchedule("a")}),
                                       ByAnn(CreateSchedule{bad}),
                                       ByAnn(CreateSchedule{HourlySchedule("c")})};
  const auto refused = committer_.RunBatch(batch, /*atomic=*/true);
  ASSERT_THAT(refused, SizeIs(3));
  EXPECT_THAT(refused[0], StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(refused[1], StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(refused[2], StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(ScheduleCount(), 0u);
  EXPECT_THAT(Audit(), IsEmpty());

  const auto partly = committer_.RunBatch(batch, /*atomic=*/false);
  EXPECT_OK(partly[0]);
  EXPECT_THAT(partly[1], StatusIs(StatusCode::kInvalidArgument));
  EXPECT_OK(partly[2]);
  EXPECT_EQ(ScheduleCount(), 2u);
  ExpectWholeChain();
}

TEST_F(CommitterTest, ARefusedAtomicBatchLeavesItsNeighboursInTheTransaction) {
  Hold();
  std::atomic<int> done = 0;
  std::vector<Committer::Result> batch_results;
  committer_.Submit(ByAnn(CreateSchedule{HourlySchedule("a")}), [&](Committer::Result r) {
    EXPECT_OK(r);
    ++done;
  });
  committer_.SubmitBatch(
      {ByAnn(CreateSchedule{HourlySchedule("b")}), ByAnn(CreateSchedule{HourlySchedule("a")})},
      /*atomic=*/true, [&](std::vector<Committer::Result> results) {
        batch_results = std::move(results);
        ++done;
      });
  committer_.Submit(ByAnn(CreateSchedule{HourlySchedule("b")}), [&](Committer::Result r) {
    EXPECT_OK(r);
    ++done;
  });
  store_.Open();
  committer_.Stop();
  EXPECT_EQ(done, 3);
  EXPECT_THAT(batch_results[1], StatusIs(StatusCode::kAlreadyExists));
  EXPECT_EQ(ScheduleCount(), 2u);
  EXPECT_EQ(store_.transactions(), 2);
  ExpectWholeChain();
}

TEST_F(CommitterTest, ABatchHasABound) {
  std::vector<Mutation> batch(kBatchCreateMax + 1, ByAnn(CreateSchedule{HourlySchedule("a")}));
  EXPECT_THAT(committer_.RunBatch(batch, false),
              Each(StatusIs(StatusCode::kInvalidArgument, HasSubstr("1001"))));
  EXPECT_THAT(committer_.RunBatch({}, false), IsEmpty());
}

TEST_F(CommitterTest, AFullQueueRefusesAndLosesNothing) {
  Hold();
  std::atomic<int> answered = 0;
  Mutation cheap = ByAnn(ResumeSchedule{SampleKey("none")});
  for (int i = 0; i < kMutationsQueuedMax; ++i) {
    committer_.Submit(cheap, [&](Committer::Result result) {
      EXPECT_THAT(result, StatusIs(StatusCode::kNotFound));
      ++answered;
    });
  }
  EXPECT_THAT(committer_.Run(cheap), StatusIs(StatusCode::kResourceExhausted));
  store_.Open();
  committer_.Stop();
  EXPECT_EQ(answered, kMutationsQueuedMax);
}

TEST_F(CommitterTest, StoppingFinishesWhatIsQueuedAndRefusesTheRest) {
  Hold();
  std::atomic<int> written = 0;
  committer_.Submit(ByAnn(CreateSchedule{HourlySchedule("a")}), [&](Committer::Result result) {
    EXPECT_OK(result);
    ++written;
  });
  store_.Open();
  committer_.Stop();
  EXPECT_EQ(written, 1);
  EXPECT_THAT(Run(CreateSchedule{HourlySchedule("b")}), StatusIs(StatusCode::kUnavailable));
  committer_.Stop();
}

}  // namespace
}  // namespace z4j::scheduler
