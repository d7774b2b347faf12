#include "services/consensus/client/leader_finder.h"

#include <gtest/gtest.h>

namespace z4j::consensus::client {
namespace {

LeaderFinder Three() { return LeaderFinder({"a", "b", "c"}); }

TEST(LeaderFinderTest, AsksOneEndpointAfterTheOther) {
  LeaderFinder finder = Three();
  EXPECT_EQ(finder.target(), "a");
  finder.Failed("a");
  EXPECT_EQ(finder.target(), "b");
  EXPECT_FALSE(finder.DoesNotLead("b", std::nullopt));
  EXPECT_EQ(finder.target(), "c");
  finder.Failed("c");
  EXPECT_EQ(finder.target(), "a");
}

TEST(LeaderFinderTest, ClientsMayBeginWithDifferentEndpoints) {
  EXPECT_EQ(LeaderFinder({"a", "b", "c"}, 4).target(), "b");
}

TEST(LeaderFinderTest, StaysWithWhoeverLeads) {
  LeaderFinder finder = Three();
  EXPECT_TRUE(finder.Leads("c"));
  EXPECT_EQ(finder.target(), "c");
  EXPECT_TRUE(finder.sure());
  EXPECT_FALSE(finder.Leads("c"));  // No news.
  finder.Failed("a");               // A late answer of somebody else.
  EXPECT_EQ(finder.target(), "c");
  EXPECT_TRUE(finder.sure());
}

TEST(LeaderFinderTest, FollowsAHintAlsoToAnAddressThatWasNotGiven) {
  LeaderFinder finder = Three();
  EXPECT_TRUE(finder.DoesNotLead("a", LeaderHint{"d", 3}));
  EXPECT_EQ(finder.target(), "d");
  EXPECT_FALSE(finder.sure());  // It is only said to.
}

TEST(LeaderFinderTest, OfTwoHintsTheOneOfTheGreaterTermIsFollowed) {
  LeaderFinder finder = Three();
  EXPECT_TRUE(finder.DoesNotLead("a", LeaderHint{"c", 5}));
  EXPECT_FALSE(finder.DoesNotLead("b", LeaderHint{"b2", 4}));
  EXPECT_EQ(finder.target(), "c");
  EXPECT_TRUE(finder.DoesNotLead("b", LeaderHint{"d", 6}));
  EXPECT_EQ(finder.target(), "d");
}

TEST(LeaderFinderTest, AHintFollowedInVainIsNotFollowedAgainBeforeAllWereAsked) {
  LeaderFinder finder = Three();
  EXPECT_TRUE(finder.DoesNotLead("a", LeaderHint{"d", 5}));
  finder.Failed("d");
  int asked = 0;
  while (!finder.DoesNotLead(finder.target(), LeaderHint{"d", 5})) ++asked;
  EXPECT_EQ(finder.target(), "d");
  EXPECT_EQ(asked, 2);  // The third one's is followed.
}

TEST(LeaderFinderTest, WhoNamesItselfIsNotAskedAgainAtOnce) {
  LeaderFinder finder = Three();
  EXPECT_FALSE(finder.DoesNotLead("a", LeaderHint{"a", 5}));
  EXPECT_EQ(finder.target(), "b");
}

TEST(LeaderFinderTest, AHintAboutTheKnownLeaderChangesNothing) {
  LeaderFinder finder = Three();
  finder.Leads("c");
  EXPECT_TRUE(finder.DoesNotLead("a", LeaderHint{"c", 5}));
  EXPECT_TRUE(finder.sure());
}

}  // namespace
}  // namespace z4j::consensus::client
