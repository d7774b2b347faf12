#include "services/scheduler/rpc/fire_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "services/base/testing/simulated_clock.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/memory_schedule_store.h"
#include "services/scheduler/store/testing/forwarding_store.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Counts what is read.
class CountingStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  absl::StatusOr<WrittenFires> ListWritten(const std::string& after, const std::string& until,
                                           int limit) override {
    ++reads;
    if (!fault.ok()) return fault;
    return ForwardingStore::ListWritten(after, until, limit);
  }
  int reads = 0;
  absl::Status fault;
};

class FireFeedTest : public testing::Test {
 protected:
  FireKey Write(int number) {
    Fire fire;
    fire.key = {{}, absl::FromUnixSeconds(number), Uuid::FromName({}, absl::StrCat(number))};
    fire.id = MakeFireId(fire.key);
    WriteSet write;
    write.fires = {fire};
    EXPECT_OK(memory_.Transact({}, {}, [&](const ReadSet&) { return write; }));
    return fire.key;
  }
  // All that was written after `position`, which moves on.
  std::vector<FireKey> Read(std::string& position) {
    std::vector<FireKey> keys;
    while (true) {
      const absl::StatusOr<FireFeed::Part> part = feed_.After(position);
      EXPECT_OK(part);
      if (!part.ok()) return keys;
      position = (*part)->next;
      if ((*part)->keys.empty()) return keys;
      keys.insert(keys.end(), (*part)->keys.begin(), (*part)->keys.end());
    }
  }

  SimulatedClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  MemoryScheduleStore memory_{clock_};
  CountingStore store_{memory_};
  FireFeed feed_{store_, clock_};
};

TEST_F(FireFeedTest, WhatOneReaderHasReadOthersGetFromMemory) {
  ASSERT_OK_AND_ASSIGN(const std::string begin, feed_.Begin());
  std::string first = begin, second = begin;
  const FireKey one = Write(1), two = Write(2);
  EXPECT_THAT(Read(first), ElementsAre(one, two));
  const int reads = store_.reads;
  EXPECT_THAT(Read(second), ElementsAre(one, two));
  EXPECT_EQ(store_.reads, reads + 1) << "one look whether there is more";
  EXPECT_EQ(first, second);
}

TEST_F(FireFeedTest, AReaderWithAPositionOfElsewhereCatchesUp) {
  const std::string elsewhere = memory_.ListWritten("", "", 1)->next;
  const FireKey one = Write(1);
  ASSERT_OK_AND_ASSIGN(std::string here, feed_.Begin());
  const FireKey two = Write(2);
  std::string stranger = elsewhere;
  EXPECT_THAT(Read(stranger), ElementsAre(one, two));
  EXPECT_THAT(Read(here), ElementsAre(two));
  EXPECT_EQ(here, stranger);
}

TEST_F(FireFeedTest, NothingIsMissedOverAPauseInWhichNobodyReads) {
  ASSERT_OK_AND_ASSIGN(std::string position, feed_.Begin());
  const FireKey one = Write(1);
  clock_.Advance(absl::Minutes(1));
  const FireKey two = Write(2);
  ASSERT_OK(feed_.Begin());  // Somebody else: the feed goes on from here.
  const FireKey three = Write(3);
  EXPECT_THAT(Read(position), ElementsAre(one, two, three));
  EXPECT_THAT(Read(position), IsEmpty());
}

TEST_F(FireFeedTest, AfterAFailedReadItGoesOnWhereTheReaderStands) {
  ASSERT_OK_AND_ASSIGN(std::string position, feed_.Begin());
  const FireKey one = Write(1);
  store_.fault = absl::UnavailableError("down");
  EXPECT_THAT(feed_.After(position), StatusIs(absl::StatusCode::kUnavailable));
  store_.fault = absl::OkStatus();
  EXPECT_THAT(Read(position), ElementsAre(one));
}

TEST_F(FireFeedTest, AReaderThatFellBackBehindWhatIsKeptInMemoryReadsTheStore) {
  ASSERT_OK_AND_ASSIGN(const std::string begin, feed_.Begin());
  std::string quick = begin, slow = begin;
  std::vector<FireKey> all;
  for (int i = 1; i <= 1100; ++i) {  // More parts than it keeps.
    all.push_back(Write(i));
    EXPECT_THAT(Read(quick), ElementsAre(all.back()));
  }
  EXPECT_EQ(Read(slow), all);
}

}  // namespace
}  // namespace z4j::scheduler
