#include "services/scheduler/dispatch/awaited_outcomes.h"

#include <gmock/gmock.h>

#include <functional>
#include <set>

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const MonoTime kBegin = {absl::Hours(100)};
const MonoTime kNever = {absl::InfiniteDuration()};

FireRef Ref(int number) {
  FireRef ref;
  ref.key.due_at = absl::UnixEpoch() + absl::Seconds(number);
  for (int i = 0; i < 4; ++i) ref.id.value.bytes[i] = static_cast<uint8_t>(number >> (8 * i));
  return ref;
}

class AwaitedOutcomesTest : public testing::Test {
 protected:
  // The numbers of what is to be asked after `at` after the beginning.
  std::vector<int> Take(absl::Duration at, int limit = 100, const std::string& who = "one") {
    std::vector<int> numbers;
    for (const FireRef& ref : awaited_.Take("celery", who, IsThere(), kBegin + at, limit)) {
      numbers.push_back(static_cast<int>(absl::ToUnixSeconds(ref.key.due_at)));
    }
    return numbers;
  }
  void Add(int number, absl::Duration at = absl::ZeroDuration(), const std::string& by = "one") {
    EXPECT_TRUE(awaited_.Add("celery", by, Ref(number), kBegin + at));
  }
  MonoTime Next(const std::string& engine = "celery", const std::string& who = "one") {
    return awaited_.NextOf(engine, who, IsThere());
  }
  std::function<bool(const std::string&)> IsThere() {
    return [this](const std::string& instance) { return there_.contains(instance); };
  }

  std::set<std::string> there_ = {"one", "two"};
  AwaitedOutcomes awaited_;
};

TEST_F(AwaitedOutcomesTest, TheAdapterThatTookAFireIsAskedFirstAndThenAnyOther) {
  Add(1, absl::ZeroDuration(), "one");
  Add(2, absl::ZeroDuration(), "two");
  EXPECT_EQ(Next("celery", "three"), kNever);
  EXPECT_THAT(Take(absl::Minutes(1), 100, "three"), IsEmpty());
  EXPECT_THAT(Take(absl::Minutes(1), 100, "two"), ElementsAre(2));
  EXPECT_THAT(Take(absl::Minutes(1), 100, "one"), ElementsAre(1));
  EXPECT_THAT(Take(absl::Minutes(3), 100, "three"), ElementsAre(2, 1));
}

TEST_F(AwaitedOutcomesTest, WhatAnAdapterTookThatIsGoneOthersAreAskedAfter) {
  Add(1, absl::ZeroDuration(), "two");
  EXPECT_THAT(Take(absl::Minutes(1)), IsEmpty());
  there_.erase("two");
  EXPECT_THAT(Take(absl::Minutes(1)), ElementsAre(1));
}

TEST_F(AwaitedOutcomesTest, AsksAfterAMinuteThenAtDoubledIntervalsUpToAnHour) {
  Add(1);
  std::vector<int> minutes;
  for (int minute = 0; minute <= 5 * 60; ++minute) {
    const bool due = !(kBegin + absl::Minutes(minute) < Next());
    EXPECT_EQ(!Take(absl::Minutes(minute)).empty(), due);
    if (due) minutes.push_back(minute);
  }
  EXPECT_THAT(minutes, ElementsAre(1, 3, 7, 15, 31, 63, 123, 183, 243));
}

TEST_F(AwaitedOutcomesTest, WhatHasEndedIsNotAskedAfter) {
  Add(1);
  Add(2);
  awaited_.Remove(Ref(1).id);
  awaited_.Remove(Ref(7).id);  // Never heard of.
  EXPECT_THAT(Take(absl::Minutes(1)), ElementsAre(2));
  awaited_.Remove(Ref(2).id);
  EXPECT_EQ(awaited_.size(), 0);
  EXPECT_EQ(Next(), kNever);
}

TEST_F(AwaitedOutcomesTest, HastenedFiresAreAskedAfterAtOnceNewestFirstAndBeginAnew) {
  for (int i = 0; i < 5; ++i) Add(i);
  EXPECT_THAT(Take(absl::Minutes(1), 2), ElementsAre(0, 1));
  awaited_.Hasten("rq");
  awaited_.Hasten("celery");
  EXPECT_THAT(Take(absl::Minutes(1), 3), ElementsAre(4, 3, 2));
  EXPECT_THAT(Take(absl::Minutes(1), 3), ElementsAre(1, 0));
  EXPECT_THAT(Take(absl::Minutes(1)), IsEmpty());
  EXPECT_THAT(Take(absl::Minutes(2)), ElementsAre(4, 3, 2, 1, 0));
}

TEST_F(AwaitedOutcomesTest, OnesFromTheStoreAreAskedAfterAtOnceAndThoseKnownStay) {
  Add(3);
  for (int i = 3; i > 0; --i) {
    EXPECT_TRUE(awaited_.AddOld("celery", "one", Ref(i), kBegin + absl::Seconds(0)));
  }
  EXPECT_EQ(awaited_.size(), 3);
  EXPECT_THAT(Take(absl::Seconds(1)), ElementsAre(2, 1));
}

TEST_F(AwaitedOutcomesTest, ForgetsAFireADayAfterItsHandOver) {
  Add(1, -kLookUpFor);
  EXPECT_THAT(Take(absl::ZeroDuration()), ElementsAre(1));
  EXPECT_EQ(awaited_.size(), 0);
}

TEST_F(AwaitedOutcomesTest, EnginesAreApart) {
  EXPECT_TRUE(awaited_.Add("rq", "one", Ref(1), kBegin));
  EXPECT_THAT(Take(absl::Hours(1)), IsEmpty());
  EXPECT_EQ(Next("rq"), kBegin + kFirstLookUpAfter);
}

TEST_F(AwaitedOutcomesTest, TakesNoMoreThanItsBound) {
  for (int i = 0; i < kAwaitedMax; ++i) Add(i);
  EXPECT_FALSE(awaited_.Add("celery", "one", Ref(kAwaitedMax), kBegin));
  EXPECT_TRUE(awaited_.Add("celery", "one", Ref(0), kBegin)) << "it is here already";
  awaited_.Remove(Ref(0).id);
  Add(kAwaitedMax);
}

}  // namespace
}  // namespace z4j::scheduler
