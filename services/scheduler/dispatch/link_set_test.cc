#include "services/scheduler/dispatch/link_set.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "services/scheduler/dispatch/testing/memory_link.h"

namespace z4j::scheduler {
namespace {

using testing::SizeIs;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

ScheduleId Schedule(uint8_t number) {
  ScheduleId id;
  id.value.bytes[15] = number;
  return id;
}

class LinkSetTest : public testing::Test {
 protected:
  std::string Chosen(LinkSet& links, uint8_t schedule = 1, const std::string& queue = "") {
    LinkSet::Link* link = links.Choose(links.Candidates({"celery", queue}), Schedule(schedule));
    if (link == nullptr) return "";
    ++link->in_flight;
    return link->info.instance;
  }
  // Who gets the fires of each affinity slot.
  static std::vector<std::string> Owners(LinkSet& links) {
    std::vector<std::string> owners;
    for (int slot = 0; slot < kAffinitySlots; ++slot) owners.push_back(Owner(links, slot));
    return owners;
  }
  static std::string Owner(LinkSet& links, int slot) {
    const LinkSet::Link* link = links.Choose(links.Candidates({"celery"}), Schedule(1), slot);
    return link == nullptr ? "" : link->info.instance;
  }
  std::shared_ptr<MemoryLink> a_ = std::make_shared<MemoryLink>("a");
  std::shared_ptr<MemoryLink> b_ = std::make_shared<MemoryLink>("b");
  std::shared_ptr<MemoryLink> c_ = std::make_shared<MemoryLink>("c");
};

TEST_F(LinkSetTest, RoundRobinGoesRound) {
  LinkSet links(Balance::kRoundRobin);
  links.Add(a_, kNow);
  links.Add(b_, kNow);
  const std::string first = Chosen(links);
  EXPECT_NE(Chosen(links), first);
  EXPECT_EQ(Chosen(links), first);
}

TEST_F(LinkSetTest, LeastLoadedWeighsWhatIsInFlightAgainstTheBound) {
  LinkSet links(Balance::kLeastLoaded);
  a_->info().max_in_flight = 10;
  b_->info().max_in_flight = 100;
  links.Add(a_, kNow)->in_flight = 5;
  links.Add(b_, kNow)->in_flight = 40;
  EXPECT_EQ(Chosen(links), "b");
  links.Find(*b_)->load = 0.5;
  EXPECT_EQ(Chosen(links), "a");
}

TEST_F(LinkSetTest, AffinityKeepsAScheduleWhereItIs) {
  LinkSet links(Balance::kAffinity);
  links.Add(a_, kNow);
  links.Add(b_, kNow);
  std::map<std::string, int> share;
  for (uint8_t schedule = 0; schedule < 200; ++schedule) {
    const std::string first = Chosen(links, schedule);
    EXPECT_EQ(Chosen(links, schedule), first);
    ++share[first];
  }
  EXPECT_GT(share["a"], 50);
  EXPECT_GT(share["b"], 50);
}

TEST_F(LinkSetTest, PassesOverFullOnesAndThoseThatMayNotPublish) {
  LinkSet links(Balance::kLeastLoaded);
  a_->info().queues = {"mail"};
  b_->info().max_in_flight = 1;
  links.Add(a_, kNow);
  links.Add(b_, kNow);
  EXPECT_EQ(Chosen(links, 1, "reports"), "b");
  EXPECT_EQ(Chosen(links, 1, "reports"), "");
  EXPECT_TRUE(links.Serves({"celery", "reports"}));
  links.Remove(*b_);
  EXPECT_FALSE(links.Serves({"celery", "reports"}));
  EXPECT_TRUE(links.Serves({"celery", "mail"}));
}

TEST_F(LinkSetTest, AnAilingInstanceIsTheLastResort) {
  LinkSet links(Balance::kLeastLoaded);
  links.Add(a_, kNow)->health = "broker unreachable";
  links.Add(b_, kNow)->in_flight = 900;
  EXPECT_EQ(Chosen(links), "b");
  links.Remove(*b_);
  EXPECT_EQ(Chosen(links), "a");
}

TEST_F(LinkSetTest, OnlyInstancesWithAllLabelsAreCandidates) {
  LinkSet links(Balance::kLeastLoaded);
  a_->info().labels = {{"region", "eu"}, {"tier", "gold"}};
  b_->info().labels = {{"region", "us"}};
  links.Add(a_, kNow);
  links.Add(b_, kNow);
  EXPECT_THAT(links.Candidates({"celery"}), SizeIs(2));
  EXPECT_TRUE(links.Serves({"celery", "", {{"region", "eu"}, {"tier", "gold"}}}));
  EXPECT_TRUE(links.Serves({"celery", "", {{"region", "us"}}}));
  EXPECT_FALSE(links.Serves({"celery", "", {{"region", "us"}, {"tier", "gold"}}}));
  EXPECT_FALSE(links.Serves({"celery", "", {{"region", "asia"}}}));
}

TEST_F(LinkSetTest, OneThatIsBeingStoppedIsNoCandidate) {
  LinkSet links(Balance::kLeastLoaded);
  links.Add(a_, kNow)->leaving = true;
  EXPECT_FALSE(links.Serves({"celery"}));
  links.Add(b_, kNow);
  EXPECT_EQ(Chosen(links), "b");
}

TEST_F(LinkSetTest, AffinitySlotsAreSpreadAndOnlyThoseOfTheOneThatGoesMove) {
  LinkSet links(Balance::kLeastLoaded);
  links.Add(a_, kNow);
  links.Add(b_, kNow);
  links.Add(c_, kNow);
  const std::vector<std::string> before = Owners(links);
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_GT(std::count(before.begin(), before.end(), name), kAffinitySlots / 6) << name;
  }
  links.Remove(*b_);
  const std::vector<std::string> after = Owners(links);
  for (int slot = 0; slot < kAffinitySlots; ++slot) {
    EXPECT_NE(after[slot], "b");
    EXPECT_TRUE(before[slot] == "b" || after[slot] == before[slot]) << slot;
  }
  // In whatever order they connect, also on another node.
  LinkSet others(Balance::kRoundRobin);
  for (const auto& link : {c_, b_, a_}) others.Add(link, kNow);
  EXPECT_EQ(Owners(others), before);
}

TEST_F(LinkSetTest, AKeyHasTheSameSlotAndTheSlotTheSameInstanceInEveryVersion) {
  EXPECT_EQ(AffinitySlot(""), kNoAffinity);
  EXPECT_EQ(AffinitySlot("a"), 248);
  EXPECT_EQ(AffinitySlot("customer 7"), 48);
  LinkSet links(Balance::kLeastLoaded);
  for (const char* name : {"one", "two", "three"}) {
    links.Add(std::make_shared<MemoryLink>(name), kNow);
  }
  EXPECT_EQ(Owner(links, 48), "two");
}

TEST_F(LinkSetTest, AnAffinitySlotWaitsForItsInstanceWhileThatIsFull) {
  LinkSet links(Balance::kLeastLoaded);
  links.Add(a_, kNow);
  links.Add(b_, kNow);
  const std::string owner = Owner(links, 5);
  LinkSet::Link* link = links.Find(owner == "a" ? *a_ : *b_);
  link->in_flight = link->max_in_flight;
  EXPECT_EQ(Owner(links, 5), "");
  --link->in_flight;
  EXPECT_EQ(Owner(links, 5), owner);
}

TEST_F(LinkSetTest, AnAffinitySlotIsElsewhereWhileItsInstanceAilsOrLeaves) {
  LinkSet links(Balance::kLeastLoaded);
  links.Add(a_, kNow);
  links.Add(b_, kNow);
  const std::string owner = Owner(links, 5), other = owner == "a" ? "b" : "a";
  LinkSet::Link* link = links.Find(owner == "a" ? *a_ : *b_);
  link->health = "broker unreachable";
  EXPECT_EQ(Owner(links, 5), other);
  link->health.clear();
  EXPECT_EQ(Owner(links, 5), owner);
  link->leaving = true;
  EXPECT_EQ(Owner(links, 5), other);
}

}  // namespace
}  // namespace z4j::scheduler
