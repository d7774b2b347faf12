// Which adapter is asked, and which questions are refused.
#include <gmock/gmock.h>

#include "services/base/testing/simulated_clock.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/dispatch/dispatcher.h"
#include "services/scheduler/dispatch/testing/memory_link.h"
#include "services/scheduler/dispatch/update_writer.h"
#include "services/scheduler/store/memory_schedule_store.h"

namespace z4j::scheduler {
namespace {

using What = AdapterQuestion::What;
using testing::IsEmpty;
using testing::SizeIs;

class DispatcherAsksTest : public testing::Test {
 protected:
  DispatcherAsksTest() {
    first_->info().capabilities.list_queues = true;
    dispatcher_.OnConnected(first_);
    dispatcher_.OnConnected(second_);
  }
  // What was answered at once; kUnknown: nothing yet.
  absl::Status Ask(const std::string& engine, const std::string& instance, What what) {
    absl::Status status = absl::UnknownError("no answer yet");
    dispatcher_.Ask(engine, instance, {what, ""},
                    [&](const absl::StatusOr<AdapterAnswer>& answer) { status = answer.status(); });
    return status;
  }

  SimulatedClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  MemoryScheduleStore store_{clock_};
  UpdateWriter writer_{store_, clock_, nullptr};
  std::shared_ptr<MemoryLink> first_ = std::make_shared<MemoryLink>("first");
  std::shared_ptr<MemoryLink> second_ = std::make_shared<MemoryLink>("second");
  Dispatcher dispatcher_{writer_, clock_, nullptr, {}};
};

TEST_F(DispatcherAsksTest, TheInstanceThatIsNamedIsAsked) {
  std::optional<int64_t> purged;
  second_->info().capabilities.purge = true;
  dispatcher_.OnHeartbeat(*second_, 0, "");
  dispatcher_.Ask("celery", "second", {What::kPurge, "mail"},
                  [&](const absl::StatusOr<AdapterAnswer>& answer) { purged = answer->purged; });
  EXPECT_THAT(first_->TakeAsked(), IsEmpty());
  auto asked = second_->TakeAsked();
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].first, (AdapterQuestion{What::kPurge, "mail"}));
  AdapterAnswer answer;
  answer.purged = 2;
  asked[0].second(answer);
  EXPECT_EQ(purged, 2);
}

TEST_F(DispatcherAsksTest, AnInstanceThatIsNotConnectedIsNotFound) {
  EXPECT_THAT(Ask("celery", "third", What::kTasks), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Ask("rq", "first", What::kTasks), StatusIs(absl::StatusCode::kNotFound));
  dispatcher_.OnDisconnected(*first_);
  EXPECT_THAT(Ask("celery", "first", What::kTasks), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(DispatcherAsksTest, WhatAnAdapterCannotAnswerItIsNotAsked) {
  EXPECT_THAT(Ask("celery", "second", What::kQueues), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(Ask("celery", "first", What::kWorkers), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(Ask("celery", "first", What::kPurge), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(first_->TakeAsked(), IsEmpty());
  EXPECT_THAT(second_->TakeAsked(), IsEmpty());
}

}  // namespace
}  // namespace z4j::scheduler
