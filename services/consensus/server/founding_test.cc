#include "services/consensus/server/founding.h"

#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/raft/membership.h"

namespace z4j::consensus {
namespace {

using testing::HasSubstr;

TEST(FoundingTest, MembersAreReadInAnyOrderAndSpacing) {
  const auto members = ParseMembers("3=c:7811, 1=a:7811 ,2=[::1]:7811");
  ASSERT_OK(members);
  EXPECT_EQ(MembersText(*members), "1=a:7811,2=[::1]:7811,3=c:7811");
}

TEST(FoundingTest, MembersThatAreNoneAreRefusedWithTheReason) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "number"},
      {"a:7811", "number"},
      {"0=a:7811", "number"},
      {"x=a:7811", "number"},
      {"1=a", "address"},
      {"1=a:0", "address"},
      {"1=a:70000", "address"},
      {"1=:7811", "address"},
      {"1=a:7811,1=b:7811", "number of another member"},
      {"1=a:7811,2=a:7811", "address of another member"},
      {"1=a:1,2=a:2,3=a:3,4=a:4,5=a:5,6=a:6,7=a:7,8=a:8,9=a:9,10=a:10", "at most 9"},
  };
  for (const auto& [text, reason] : cases) {
    EXPECT_THAT(ParseMembers(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(reason)))
        << text;
  }
}

TEST(FoundingTest, AClusterIsItsNameItsMembersAndItsBackup) {
  const Members members = *ParseMembers("1=a:1,2=b:1,3=c:1");
  const ClusterId cluster = ClusterIdOf("z4j", members);
  EXPECT_EQ(ClusterIdOf("z4j", *ParseMembers("3=c:1,2=b:1,1=a:1")), cluster);
  EXPECT_NE(ClusterIdOf("other", members), cluster);
  EXPECT_NE(ClusterIdOf("z4j", *ParseMembers("1=a:1,2=b:1,3=d:1")), cluster);
  EXPECT_NE(ClusterIdOf("z4j", members, "backup"), cluster);
  EXPECT_NE(cluster.value, 0u);
}

TEST(FoundingTest, AllFoundersVote) {
  const Config config = FirstConfig(*ParseMembers("1=a:1,2=b:1"));
  EXPECT_THAT(config.voters, testing::ElementsAre(NodeId{1}, NodeId{2}));
  EXPECT_EQ(config.members.at(NodeId{2}).address, "b:1");
  EXPECT_OK(CheckConfig(config));
}

}  // namespace
}  // namespace z4j::consensus
