#include "services/scheduler/elect/testing/elector_contract.h"

namespace z4j::scheduler {

TEST_P(ElectorContract, OneLeadsAndAllKnowWho) {
  const size_t leader = AwaitLeader();
  for (size_t node = 0; node < electors_.size(); ++node) {
    AwaitKnown(node, NameOf(leader));
    EXPECT_EQ(Leads(node), node == leader);
  }
}

TEST_P(ElectorContract, ATermIsNoneFromTheInstantOnToWhichItIsTrusted) {
  const size_t leader = AwaitLeader();
  EXPECT_LT(clock_.MonoNow(), term_.trusted_until);
  EXPECT_EQ(electors_[leader]->Current(term_.trusted_until + absl::Minutes(1)), std::nullopt);
}

TEST_P(ElectorContract, WhoResignsHasNoTermAtOnceAndStandsBackForItsPause) {
  const size_t first = AwaitLeader();
  const FencingToken token = term_.token;
  electors_[first]->Resign(absl::Hours(1));
  EXPECT_FALSE(Leads(first));
  const size_t second = AwaitLeader(token);
  EXPECT_NE(second, first);
  electors_[second]->Resign(absl::ZeroDuration());
  EXPECT_NE(AwaitLeader(term_.token), first);
}

TEST_P(ElectorContract, WhoStopsLetsAnotherHaveAGreaterTokenAndNeverLeadsAgain) {
  const size_t first = AwaitLeader();
  const FencingToken token = term_.token;
  electors_[first]->Stop();
  EXPECT_FALSE(Leads(first));
  const size_t second = AwaitLeader(token);
  EXPECT_NE(second, first);
  electors_[first]->Stop();
  EXPECT_FALSE(Leads(first));
}

TEST_P(ElectorContract, TokensGrowFromTermToTerm) {
  FencingToken last;
  for (int term = 0; term < 5; ++term) {
    const size_t leader = AwaitLeader(last);
    last = term_.token;
    electors_[leader]->Resign(absl::ZeroDuration());
  }
}

}  // namespace z4j::scheduler
