#include "services/scheduler/dispatch/update_writer.h"

#include <gmock/gmock.h>

#include "services/base/testing/simulated_clock.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/memory_schedule_store.h"
#include "services/scheduler/store/testing/faulty_store.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class UpdateWriterTest : public testing::Test {
 protected:
  UpdateWriterTest() {
    store_.set_on_update(
        [this](absl::Span<const FireUpdate> updates, absl::Span<const int64_t> closed) {
          if (!answer_.ok()) return answer_;
          for (const FireUpdate& update : updates) {
            if (update.id == poison_) return absl::InvalidArgumentError("cannot be written");
          }
          flushes_.emplace_back();
          for (const FireUpdate& update : updates)
            flushes_.back().push_back(update.id.value.bytes[0]);
          closed_.insert(closed_.end(), closed.begin(), closed.end());
          return absl::OkStatus();
        });
    writer_.SetCallbacks({[this](const std::vector<FireId>& ids) {
                            for (const FireId id : ids) durable_.push_back(id.value.bytes[0]);
                          },
                          [this] { ++fenced_; },
                          [this](const std::vector<FireId>& ids, bool retried) {
                            for (const FireId id : ids) ended_.push_back(id.value.bytes[0]);
                            retried_ |= retried;
                          }});
    EXPECT_OK(memory_.RaiseFence({1}, "a"));
    writer_.Begin({1});
  }
  static FireId Id(uint8_t number) {
    FireId id;
    id.value.bytes[0] = number;
    return id;
  }
  static FireUpdate Update(uint8_t number, FireState state = FireState::kDispatched) {
    FireUpdate update;
    update.id = Id(number);
    update.state = state;
    return update;
  }
  void Flush() {
    while (writer_.FlushOnce() && writer_.queued() > 0) {
    }
  }

  SimulatedClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  MemoryScheduleStore memory_{clock_};
  FaultyStore store_{memory_};
  UpdateWriter writer_{store_, clock_, nullptr};
  absl::Status answer_;
  FireId poison_ = Id(255);
  std::vector<std::vector<int>> flushes_;
  std::vector<int64_t> closed_;
  std::vector<int> durable_;
  std::vector<int> ended_;
  bool retried_ = false;
  int fenced_ = 0;
};

TEST_F(UpdateWriterTest, TellsOfRunsThatEndedBadlyOnceThatIsWrittenOrNeverWillBe) {
  writer_.AddOutcomes({Update(1, FireState::kFailed), Update(2, FireState::kSucceeded)},
                      [](bool) {});
  answer_ = absl::UnavailableError("");
  EXPECT_FALSE(writer_.FlushOnce());
  EXPECT_THAT(ended_, IsEmpty());
  answer_ = absl::OkStatus();
  Flush();
  EXPECT_THAT(ended_, ElementsAre(1));
  poison_ = Id(3);
  writer_.AddOutcomes({Update(3, FireState::kLost), Update(4, FireState::kLost)}, [](bool) {});
  Flush();
  EXPECT_THAT(ended_, ElementsAre(1, 3, 4));
  EXPECT_FALSE(retried_);
}

TEST_F(UpdateWriterTest, EndsThatMayBeRepeatedWaitUntilThePoliciesAreKnown) {
  writer_.run_retries().Hold();
  writer_.AddOutcomes({Update(1, FireState::kSucceeded)}, [](bool) {});
  Flush();
  writer_.AddOutcomes({Update(2, FireState::kFailed)}, [](bool) {});
  EXPECT_FALSE(writer_.FlushOnce());
  writer_.run_retries().Release();
  Flush();
  EXPECT_THAT(flushes_, ElementsAre(ElementsAre(1), ElementsAre(2)));
}

TEST_F(UpdateWriterTest, TwoUpdatesOfOneFireAreWrittenTogetherInTheirOrder) {
  writer_.AddSettled(Update(1), 0);
  writer_.AddSettled(Update(2), 0);
  writer_.AddOutcomes({Update(1, FireState::kRunning), Update(3, FireState::kRunning)},
                      [](bool) {});
  Flush();
  EXPECT_THAT(flushes_, ElementsAre(ElementsAre(1, 2, 1, 3)));
}

TEST_F(UpdateWriterTest, WritesTheVerySameUpdatesAgainWhileTheStoreIsUnavailable) {
  writer_.AddSettled(Update(1), 0);
  answer_ = absl::UnavailableError("");
  EXPECT_FALSE(writer_.FlushOnce());
  writer_.AddSettled(Update(2), 0);
  EXPECT_FALSE(writer_.FlushOnce());
  EXPECT_THAT(durable_, IsEmpty());
  answer_ = absl::OkStatus();
  Flush();
  EXPECT_THAT(flushes_, ElementsAre(ElementsAre(1), ElementsAre(2)));
  EXPECT_THAT(durable_, ElementsAre(1, 2));
}

TEST_F(UpdateWriterTest, ABatchIsClosedOnceNothingInItIsPending) {
  writer_.AddBatch(7, 3);
  writer_.AddSettled(Update(1), 7);
  writer_.AddSettled(Update(2), 7);
  Flush();
  EXPECT_THAT(closed_, IsEmpty());
  EXPECT_TRUE(writer_.KnowsBatch(7));
  writer_.RowGone(7);
  writer_.AddBatch(8, 0);
  EXPECT_TRUE(writer_.FlushOnce());
  EXPECT_THAT(closed_, ElementsAre(7, 8));
  EXPECT_FALSE(writer_.KnowsBatch(7));
}

TEST_F(UpdateWriterTest, OutcomesAreDoneWhenAllOfThemAreDurable) {
  std::vector<bool> done;
  // One more than is written at once.
  writer_.AddOutcomes(std::vector<FireUpdate>(kUpdatesPerFlushMax + 1, Update(1)),
                      [&](bool durable) { done.push_back(durable); });
  writer_.FlushOnce();
  EXPECT_THAT(done, IsEmpty());
  writer_.FlushOnce();
  EXPECT_THAT(done, ElementsAre(true));
}

TEST_F(UpdateWriterTest, WithoutATermOutcomesAreNotTaken) {
  std::vector<bool> done;
  const auto note = [&](bool durable) { done.push_back(durable); };
  writer_.AddOutcomes({Update(1)}, note);
  writer_.End();
  writer_.AddOutcomes({Update(2)}, note);
  EXPECT_THAT(done, ElementsAre(false, false));
  Flush();
  EXPECT_THAT(flushes_, IsEmpty());
}

TEST_F(UpdateWriterTest, WhenFencedItDropsEverythingAndSaysSo) {
  std::vector<bool> done;
  writer_.AddOutcomes({Update(1)}, [&](bool durable) { done.push_back(durable); });
  EXPECT_OK(memory_.RaiseFence({2}, "b"));
  writer_.FlushOnce();
  EXPECT_EQ(fenced_, 1);
  EXPECT_THAT(done, ElementsAre(false));
  writer_.AddSettled(Update(2), 0);
  EXPECT_EQ(writer_.queued(), 0);
}

TEST_F(UpdateWriterTest, AnUpdateThatTheStoreRefusesDoesNotTakeOthersWithIt) {
  writer_.AddBatch(5, 3);
  poison_ = Id(2);
  for (const uint8_t number : {1, 2, 3}) writer_.AddSettled(Update(number), 5);
  Flush();
  EXPECT_THAT(flushes_, ElementsAre(ElementsAre(1), ElementsAre(3)));
  EXPECT_THAT(durable_, ElementsAre(1, 3));
  EXPECT_THAT(closed_, IsEmpty());  // The second row is still PENDING, for the next leader.
}

TEST_F(UpdateWriterTest, WritesAtMostTheBoundAtOnce) {
  std::vector<FireUpdate> updates;
  for (int i = 0; i < kUpdatesPerFlushMax + 5; ++i) {
    updates.push_back(Update(0));
    updates.back().id.value.bytes[1] = static_cast<uint8_t>(i);
    updates.back().id.value.bytes[2] = static_cast<uint8_t>(i >> 8);
  }
  writer_.AddOutcomes(updates, [](bool) {});
  Flush();
  ASSERT_THAT(flushes_, SizeIs(2));
  EXPECT_THAT(flushes_[0], SizeIs(kUpdatesPerFlushMax));
}

}  // namespace
}  // namespace z4j::scheduler
