#include "services/consensus/server/beginning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"

namespace z4j::consensus {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::HasSubstr;

constexpr NodeId kSelf{3};
constexpr ClusterId kCluster{77};
const MemberVerbs kVerbs = {"n3", "cluster add n3", "cluster remove n3"};

// The members 1 to 3, of whom this one is not known by any directory yet.
KnownCluster Running() {
  KnownCluster known;
  known.address = "host-1:1";
  known.cluster = kCluster;
  known.term = 4;
  known.revision = 100;
  known.members = {{{1}, {true, {11}}}, {{2}, {true, {12}}}, {kSelf, {true, {}}}};
  return known;
}

Beginning Founding(ClusterId cluster = kCluster) {
  Config config;
  config.voters = {{1}, {2}, kSelf};
  for (NodeId id : config.voters) config.members[id] = {"host:1", {}};
  return {cluster, config};
}

absl::StatusOr<Beginning> Join(const std::vector<KnownCluster>& answers) {
  return BeginningOf(kSelf, std::nullopt, answers, kVerbs);
}
absl::StatusOr<Beginning> Found(const std::vector<KnownCluster>& answers) {
  return BeginningOf(kSelf, Founding(), answers, kVerbs);
}

TEST(BeginningTest, WhereNobodyAnswersAClusterIsFounded) {
  ASSERT_OK_AND_ASSIGN(const Beginning begun, Found({}));
  EXPECT_EQ(begun.cluster, kCluster);
  EXPECT_EQ(begun.config.voters.size(), 3u);
}

TEST(BeginningTest, AFounderThatComesLateFoundsTheSame) {
  ASSERT_OK_AND_ASSIGN(const Beginning begun, Found({Running()}));
  EXPECT_EQ(begun.config.voters.size(), 3u);
  KnownCluster other = Running();
  other.cluster = {78};
  EXPECT_THAT(Found({other}), StatusIs(StatusCode::kFailedPrecondition,
                                       HasSubstr("start all nodes with the same list")));
}

TEST(BeginningTest, WhoeverLostItsDirectoryIsRefusedHoweverItIsStarted) {
  KnownCluster known = Running();
  known.members[kSelf].incarnation = {13};
  for (const auto& begun : {Found({known}), Join({known})}) {
    EXPECT_THAT(begun, StatusIs(StatusCode::kFailedPrecondition,
                                AllOf(HasSubstr("its disk was lost"),
                                      HasSubstr("'cluster remove n3' and 'cluster add n3'"))));
  }
}

TEST(BeginningTest, ARemovedNodeCannotFoundWhatRuns) {
  KnownCluster known = Running();
  known.members.erase(kSelf);
  EXPECT_THAT(Found({known}),
              StatusIs(StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("none of its members"), HasSubstr("'cluster add n3'"))));
  // It may wait to be added.
  ASSERT_OK_AND_ASSIGN(const Beginning begun, Join({known}));
  EXPECT_EQ(begun.cluster, kCluster);
  EXPECT_TRUE(begun.config.members.empty());
}

TEST(BeginningTest, WhoeverWasAddedJoinsHoweverItIsStarted) {
  KnownCluster known = Running();
  known.members[kSelf] = {false, {}};
  for (const auto& begun : {Found({known}), Join({known})}) {
    ASSERT_OK(begun);
    EXPECT_EQ(begun->cluster, kCluster);
    EXPECT_TRUE(begun->config.voters.empty()) << "it has no vote";
  }
}

TEST(BeginningTest, TheMemberThatKnowsMostIsBelieved) {
  KnownCluster lags = Running();
  lags.members[kSelf].incarnation = {13};
  KnownCluster knows = Running();
  knows.revision = 101;
  knows.members[kSelf] = {false, {}};
  EXPECT_OK(Found({lags, knows}));
  EXPECT_OK(Found({knows, lags}));
  lags.term = 5;
  EXPECT_THAT(Found({lags, knows}), StatusIs(StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace z4j::consensus
