// What a reader learns of the fires that others write.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/scheduler/store/contract/schedule_store_contract.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::Contains;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

// Reads from `position` to now, `limit` keys at once, and moves it on.  Each key once.
std::vector<FireKey> ReadOn(ScheduleStore& store, std::string& position, int limit = 1000) {
  std::vector<FireKey> keys;
  while (true) {
    absl::StatusOr<WrittenFires> written = store.ListWritten(position, "", limit);
    EXPECT_OK(written);
    if (!written.ok()) return keys;
    position = written->next;
    if (written->keys.empty()) break;
    for (const FireKey& key : written->keys) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
  }
  return keys;
}

std::string Now(ScheduleStore& store) {
  std::string position;
  EXPECT_THAT(ReadOn(store, position), IsEmpty());
  return position;
}

TEST_P(ScheduleStoreContract, EveryWriteOfAFireIsListed) {
  Lead();
  const ScheduleId id = Sample("a").schedule.id;
  Insert({Sample("a")});
  Fire fire = AutomaticFire(id, At(5)), other = AutomaticFire(id, At(6)),
       skipped = AutomaticFire(id, At(7));
  skipped.state = FireState::kSkipped;
  std::string position = Now(*store_);
  Commit({fire, other, skipped});
  EXPECT_THAT(ReadOn(*store_, position), UnorderedElementsAre(fire.key, other.key, skipped.key));
  EXPECT_THAT(ReadOn(*store_, position), IsEmpty());

  ASSERT_OK(store_->UpdateFires(kToken, {UpdateOf(fire, FireState::kRunning, At(8))}, {}));
  EXPECT_THAT(ReadOn(*store_, position), UnorderedElementsAre(fire.key));
  FireUpdate by_id = UpdateOf(fire, FireState::kSucceeded, At(9));
  by_id.key = {};
  ASSERT_OK(store_->UpdateFires(kToken, {by_id}, {}));
  EXPECT_THAT(ReadOn(*store_, position), UnorderedElementsAre(fire.key));

  WriteSet trigger;
  trigger.fires = {ManualFire(id, At(4), "r1"), ManualFire(id, At(3), "r2")};
  Write(trigger, "schedule.trigger", id);
  EXPECT_THAT(ReadOn(*store_, position),
              UnorderedElementsAre(trigger.fires[0].key, trigger.fires[1].key));
  WriteSet cancel;
  cancel.cancelled = {trigger.fires[0].key};
  Write(cancel, "fire.cancel", id);
  EXPECT_THAT(ReadOn(*store_, position), UnorderedElementsAre(trigger.fires[0].key));
  Delete(Sample("a"));
  EXPECT_THAT(ReadOn(*store_, position), UnorderedElementsAre(other.key, trigger.fires[1].key));
}

TEST_P(ScheduleStoreContract, AFireThatIsDecidedAfterManyDueLaterIsListed) {
  Lead();
  Insert({Sample("a"), Sample("b")});
  std::vector<Fire> many;
  for (int i = 0; i < 1200; ++i) many.push_back(AutomaticFire(Sample("a").schedule.id, At(10 + i)));
  std::string position = Now(*store_);
  Commit(many);
  EXPECT_THAT(ReadOn(*store_, position, 500), SizeIs(many.size()));
  const Fire late = AutomaticFire(Sample("b").schedule.id, At(1));
  Commit({late});
  EXPECT_THAT(ReadOn(*store_, position, 500), UnorderedElementsAre(late.key));
}

TEST_P(ScheduleStoreContract, WrittenFiresComePageByPageUpToABound) {
  Lead();
  Insert({Sample("a")});
  std::string position = Now(*store_);
  std::vector<FireKey> first, all;
  std::string until;
  for (int i = 1; i <= 9; ++i) {
    const Fire fire = AutomaticFire(Sample("a").schedule.id, At(i));
    Commit({fire});
    all.push_back(fire.key);
    if (i == 5) {
      first = all;
      until = Now(*store_);
    }
  }
  std::string here = position;
  std::vector<FireKey> keys;
  for (int pages = 0; pages < 20; ++pages) {
    ASSERT_OK_AND_ASSIGN(const WrittenFires page, store_->ListWritten(here, until, 2));
    EXPECT_LE(page.keys.size(), 2);
    here = page.next;
    if (page.keys.empty()) break;
    keys.insert(keys.end(), page.keys.begin(), page.keys.end());
  }
  EXPECT_EQ(here, until);
  EXPECT_THAT(keys, testing::UnorderedElementsAreArray(first));
  // A page may end anywhere: whoever goes on there misses nothing that is written meanwhile.
  ASSERT_OK_AND_ASSIGN(const WrittenFires page, store_->ListWritten(position, "", 2));
  const Fire next = AutomaticFire(Sample("a").schedule.id, At(10));
  Commit({next});
  here = page.next;
  const std::vector<FireKey> rest = ReadOn(*store_, here, 2);
  EXPECT_EQ(rest.size() + page.keys.size(), all.size() + 1);
  EXPECT_THAT(rest, Contains(next.key));
}

TEST_P(ScheduleStoreContract, WhatIsNoPositionIsRefused) {
  for (const char* text :
       {"x", "-1", "1 ", "1/2", "1:2", "9:8:", "5:9:3", "5:9:6,x", "7:7:/7:7:/1"}) {
    EXPECT_THAT(store_->ListWritten(text, "", 10), StatusIs(StatusCode::kInvalidArgument)) << text;
  }
}

TEST_P(ScheduleStoreContract, APositionOfAnotherDatabaseIsTooOld) {
  // Neither has written as much as that.
  const std::string far = absl::StrContains(Now(*store_), ':') ? "9000000000:9000000000:" : "9000";
  EXPECT_THAT(store_->ListWritten(far, "", 10), StatusIs(StatusCode::kAborted));
}

TEST_P(ScheduleStoreContract, AReaderBesideManyWritersMissesNothing) {
  Lead();
  constexpr int kWriters = 4, kBatches = 25;
  std::vector<StoredSchedule> schedules;
  for (int i = 0; i < kWriters; ++i) schedules.push_back(Sample(absl::StrCat("s", i)));
  Insert(schedules);
  std::string position = Now(*store_);
  std::atomic<int> at_work = kWriters;
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      const ScheduleId id = schedules[w].schedule.id;
      for (int i = 1; i <= kBatches; ++i) {
        if (w == 0) {
          WriteSet trigger;
          trigger.fires = {ManualFire(id, At(-i), absl::StrCat("r", i))};
          EXPECT_OK(TryWrite(trigger));
        } else {
          // Transactions of different lengths, so that they overtake each other.
          std::vector<Fire> fires;
          for (int n = 0; n <= (w - 1) * 100; ++n) {
            fires.push_back(AutomaticFire(id, At(1000 * i + n)));
          }
          Commit(fires);
        }
      }
      --at_work;
    });
  }
  absl::flat_hash_set<FireKey> seen;
  bool last = false;
  while (!last) {
    last = at_work == 0;
    for (const FireKey& key : ReadOn(*store_, position, 300)) seen.insert(key);
  }
  for (std::thread& writer : writers) writer.join();
  FireQuery query;
  query.project = "p";
  const std::vector<Fire> fires = ListAllFires(query, 1000);
  EXPECT_EQ(fires.size(), kBatches * (1 + 1 + 101 + 201));
  int missed = 0;
  for (const Fire& fire : fires) missed += seen.contains(fire.key) ? 0 : 1;
  EXPECT_EQ(missed, 0);
}

}  // namespace
}  // namespace z4j::scheduler
