#include "services/consensus/machine/claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/consensus/limits.h"
#include "services/consensus/machine/testing/machine_driver.h"

namespace z4j::consensus {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr ClaimKind kLock = ClaimKind::kLock;
constexpr ClaimKind kElection = ClaimKind::kElection;

class ClaimsTest : public testing::TestWithParam<ClaimKind> {
 protected:
  SessionId HolderOf(const std::string& name) { return log.HolderOf(GetParam(), name); }
  MachineDriver log;
  SessionId a = log.Open(), b = log.Open(), c = log.Open();
};
INSTANTIATE_TEST_SUITE_P(Kinds, ClaimsTest, testing::Values(kElection, kLock),
                         [](const auto& info) {
                           return info.param == kLock ? "Lock" : "Election";
                         });

TEST_P(ClaimsTest, AFreeNameIsGrantedAtOnceWithTheEntrysIndexAsToken) {
  const Token token = TokenOf(log.Join(GetParam(), a, "x"));
  EXPECT_EQ(token.value, (uint64_t{1} << kEpochShift) | log.index.value);
  EXPECT_EQ(HolderOf("x"), a);
}

TEST_P(ClaimsTest, WaitersHoldInTheOrderOfTheLog) {
  const Token first = TokenOf(log.Join(GetParam(), a, "x"));
  const Ticket second = TicketOf(log.Join(GetParam(), b, "x"));
  log.Join(GetParam(), c, "x");
  log.machine.TakeEvents();
  log.Give(GetParam(), a, "x", first);
  const std::vector<Granted> granted = log.Take<Granted>();
  ASSERT_THAT(granted, SizeIs(1));
  EXPECT_EQ(granted[0].session, b);
  EXPECT_EQ(granted[0].ticket, second);
  EXPECT_GT(granted[0].token, first);
  log.Give(GetParam(), b, "x", granted[0].token);
  EXPECT_EQ(HolderOf("x"), c);
}

TEST_P(ClaimsTest, AskingAgainGivesTheSameTokenOrTheSamePlace) {
  const Token held = TokenOf(log.Join(GetParam(), a, "x"));
  EXPECT_EQ(TokenOf(log.Join(GetParam(), a, "x")), held);
  const Ticket waiting = TicketOf(log.Join(GetParam(), b, "x"));
  log.Join(GetParam(), c, "x");
  EXPECT_EQ(TicketOf(log.Join(GetParam(), b, "x")), waiting);
  log.Give(GetParam(), a, "x", held);
  EXPECT_EQ(HolderOf("x"), b);
}

TEST_P(ClaimsTest, WithoutAWaitAHeldNameIsRefused) {
  log.Join(GetParam(), a, "x");
  EXPECT_EQ(log.Join(GetParam(), b, "x", absl::ZeroDuration()).code, AnswerCode::kNotGranted);
  EXPECT_THAT(log.machine.claims(GetParam()).Find("x")->queue, IsEmpty());
}

TEST_P(ClaimsTest, AWaitEndsWithItsTimeAndTheNextInTheQueueMovesUp) {
  const Token held = TokenOf(log.Join(GetParam(), a, "x"));
  log.Join(GetParam(), b, "x", absl::Seconds(5));
  log.Join(GetParam(), c, "x", absl::Seconds(9));
  EXPECT_EQ(log.machine.NextDeadline(), log.time + absl::Seconds(5));
  log.machine.TakeEvents();
  log.Advance(absl::Seconds(5));
  log.Apply(Tick{});
  const std::vector<WaitEnded> ended = log.Take<WaitEnded>();
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].session, b);
  EXPECT_EQ(ended[0].why, WaitEnded::Why::kTimedOut);
  log.Give(GetParam(), a, "x", held);
  EXPECT_EQ(HolderOf("x"), c);
}

TEST_P(ClaimsTest, AGrantComesTooLateForAWaitThatEndsInTheSameEntry) {
  const Token held = TokenOf(log.Join(GetParam(), a, "x"));
  log.Join(GetParam(), b, "x", absl::Seconds(5));
  log.Advance(absl::Seconds(5));
  log.Give(GetParam(), a, "x", held);
  EXPECT_EQ(HolderOf("x"), SessionId{});
}

TEST_P(ClaimsTest, TheEndOfASessionFreesWhatItHeldAndWaitedFor) {
  log.Join(GetParam(), a, "x");
  log.Join(GetParam(), a, "y");
  log.Join(GetParam(), b, "x");
  log.Join(GetParam(), b, "y");
  log.Join(GetParam(), c, "z");
  log.Join(GetParam(), a, "z");
  log.machine.TakeEvents();
  log.Apply(CloseSession{a});
  EXPECT_EQ(HolderOf("x"), b);
  EXPECT_EQ(HolderOf("y"), b);
  EXPECT_THAT(log.machine.claims(GetParam()).Find("z")->queue, IsEmpty());
  EXPECT_THAT(log.machine.claims(GetParam()).NamesOf(a), IsEmpty());
  EXPECT_EQ(log.machine.claims(GetParam()).places(), 3);
}

TEST_P(ClaimsTest, TokensGrowStrictlyAlsoWhenOneEntryGrantsManyNames) {
  std::vector<Token> tokens;
  for (const char* name : {"x", "y", "z"}) {
    tokens.push_back(TokenOf(log.Join(GetParam(), a, name)));
    log.Join(GetParam(), b, name);
  }
  log.machine.TakeEvents();
  log.Apply(CloseSession{a});
  for (const Granted& granted : log.Take<Granted>()) tokens.push_back(granted.token);
  tokens.push_back(TokenOf(log.Join(GetParam(), c, "w")));
  ASSERT_THAT(tokens, SizeIs(7));
  for (size_t i = 1; i < tokens.size(); ++i) EXPECT_LT(tokens[i - 1], tokens[i]) << i;
}

TEST_P(ClaimsTest, ANewEpochLiftsEveryLaterTokenAboveEveryEarlierOne) {
  const Token before = TokenOf(log.Join(GetParam(), a, "x"));
  EXPECT_TRUE(ChangedBy(log.Apply(SetEpoch{{2}})));
  EXPECT_FALSE(ChangedBy(log.Apply(SetEpoch{{2}})));
  EXPECT_FALSE(ChangedBy(log.Apply(SetEpoch{{1}})));
  EXPECT_EQ(log.machine.epoch(), Epoch{2});
  const Token after = TokenOf(log.Join(GetParam(), a, "y"));
  EXPECT_EQ(after.value >> kEpochShift, 2);
  EXPECT_GT(after, before);
  EXPECT_EQ(log.Apply(SetEpoch{{kEpochMax + 1}}).code, AnswerCode::kInvalid);
}

TEST_P(ClaimsTest, AfterLeavingATicketNeitherWaitsNorHolds) {
  log.Join(GetParam(), a, "x");
  const Ticket waiting = TicketOf(log.Join(GetParam(), b, "x"));
  const Ticket next = TicketOf(log.Join(GetParam(), c, "x"));
  EXPECT_TRUE(ChangedBy(log.Apply(Leave{GetParam(), "x", waiting})));
  EXPECT_FALSE(ChangedBy(log.Apply(Leave{GetParam(), "x", waiting})));
  log.Apply(CloseSession{a});
  EXPECT_EQ(log.machine.claims(GetParam()).FindTicket("x", next), TicketState::kHolds);
  EXPECT_TRUE(ChangedBy(log.Apply(Leave{GetParam(), "x", next})));
  EXPECT_EQ(log.machine.claims(GetParam()).FindTicket("x", next), TicketState::kOver);
}

TEST_P(ClaimsTest, AHolderMayNameWhoIsNextIfThatOneWaits) {
  const Token held = TokenOf(log.Join(GetParam(), a, "x"));
  log.Join(GetParam(), b, "x");
  log.Join(GetParam(), c, "x");
  log.Give(GetParam(), a, "x", held, c);
  EXPECT_EQ(HolderOf("x"), c);
  const Token next = log.machine.claims(GetParam()).Find("x")->holder.token;
  log.Give(GetParam(), c, "x", next, /*successor=*/a);  // Does not wait.
  EXPECT_EQ(HolderOf("x"), b);
}

TEST_P(ClaimsTest, TheTokenAloneIsNotEnoughToReleaseForAnother) {
  const Token held = TokenOf(log.Join(GetParam(), a, "x"));
  log.Give(GetParam(), b, "x", held);
  EXPECT_EQ(HolderOf("x"), a);
}

TEST_P(ClaimsTest, AsManyMayWaitForOneNameAsTheBoundSays) {
  log.Join(GetParam(), a, "x");
  for (size_t i = 0; i < kWaitersMax; ++i) {
    ASSERT_EQ(log.Join(GetParam(), log.Open(), "x").code, AnswerCode::kOk);
  }
  EXPECT_EQ(log.Join(GetParam(), b, "x").code, AnswerCode::kExhausted);
}

TEST(LocksTest, ReleasingTwiceIsHarmless) {
  MachineDriver log;
  const SessionId a = log.Open(), b = log.Open();
  const Token held = TokenOf(log.Join(kLock, a, "x"));
  log.Join(kLock, b, "x");
  EXPECT_TRUE(ChangedBy(log.Give(kLock, a, "x", held)));
  EXPECT_FALSE(ChangedBy(log.Give(kLock, a, "x", held)));
  EXPECT_EQ(log.HolderOf(kLock, "x"), b);
}

TEST(LocksTest, AWaitIsAtMostSixtySeconds) {
  MachineDriver log;
  log.Join(kLock, log.Open(), "x");
  log.Join(kLock, log.Open(), "x", absl::InfiniteDuration());
  EXPECT_EQ(log.machine.NextDeadline(), log.time + kLockWaitMax);
}

TEST(LocksTest, AnOperatorTakesALockFromTheTokenThatItSaw) {
  MachineDriver log;
  const SessionId a = log.Open(), b = log.Open();
  const Token held = TokenOf(log.Join(kLock, a, "x"));
  log.Join(kLock, b, "x");
  EXPECT_TRUE(ChangedBy(log.Apply(ForceRelease{kLock, "x", held}, log.NextOfClient(9))));
  EXPECT_EQ(log.HolderOf(kLock, "x"), b);
  EXPECT_EQ(log.Apply(ForceRelease{kLock, "x", held}, log.NextOfClient(9)).code,
            AnswerCode::kTokenMismatch);
  EXPECT_FALSE(ChangedBy(log.Apply(ForceRelease{kLock, "y", held}, log.NextOfClient(9))));
}

TEST(ElectionsTest, ACandidateMayWaitAsLongAsItsSessionLives) {
  MachineDriver log;
  log.Join(kElection, log.Open(), "x");
  log.Join(kElection, log.Open(), "x", absl::InfiniteDuration());
  EXPECT_EQ(log.machine.NextDeadline(), kNever);
}

TEST(ElectionsTest, OnlyThePresentTokenMayProclaimOrResign) {
  MachineDriver log;
  const SessionId a = log.Open(), b = log.Open();
  const Token old = TokenOf(log.Join(kElection, a, "x"));
  log.Join(kElection, b, "x");
  EXPECT_EQ(log.Apply(Proclaim{"x", old, "here"}, log.Next(a)).code, AnswerCode::kOk);
  EXPECT_EQ(log.Apply(Proclaim{"x", old, "here"}, log.Next(b)).code, AnswerCode::kTokenMismatch);
  EXPECT_EQ(log.Give(kElection, a, "x", old).code, AnswerCode::kOk);
  EXPECT_EQ(log.Apply(Proclaim{"x", old, "still here"}, log.Next(a)).code,
            AnswerCode::kTokenMismatch);
  EXPECT_EQ(log.Give(kElection, a, "x", old).code, AnswerCode::kTokenMismatch);
  EXPECT_EQ(log.HolderOf(kElection, "x"), b);
}

TEST(ElectionsTest, ObserversAreToldEveryLeaderAndEveryAnnouncementInOrder) {
  MachineDriver log;
  const SessionId a = log.Open(), b = log.Open();
  const Token first = TokenOf(log.Join(kElection, a, "x", absl::ZeroDuration(), "a:1"));
  log.Join(kElection, b, "x", absl::Seconds(60), "b:1");
  log.Apply(Proclaim{"x", first, "a:2"}, log.Next(a));
  log.Give(kElection, a, "x", first);
  log.Apply(CloseSession{b});
  std::vector<std::string> seen;
  Revision last;
  for (const LeaderChanged& change : log.Take<LeaderChanged>()) {
    seen.push_back(change.leader.has_value() ? change.leader->value : "nobody");
    EXPECT_GT(change.revision, last);
    last = change.revision;
  }
  EXPECT_THAT(seen, ElementsAre("a:1", "a:2", "b:1", "nobody"));
}

TEST(ElectionsTest, ACandidatesLaterValueIsWhatItAnnounces) {
  MachineDriver log;
  const SessionId a = log.Open(), b = log.Open();
  const Token first = TokenOf(log.Join(kElection, a, "x"));
  log.Join(kElection, b, "x", absl::Seconds(60), "old");
  log.Join(kElection, b, "x", absl::Seconds(60), "new");
  log.Give(kElection, a, "x", first);
  EXPECT_EQ(log.machine.claims(kElection).Find("x")->holder.value, "new");
}

TEST(ElectionsTest, AnElectionAndALockOfOneNameAreTwoThings) {
  MachineDriver log;
  const SessionId a = log.Open(), b = log.Open();
  log.Join(kElection, a, "x");
  log.Join(kLock, b, "x");
  EXPECT_EQ(log.HolderOf(kElection, "x"), a);
  EXPECT_EQ(log.HolderOf(kLock, "x"), b);
}

}  // namespace
}  // namespace z4j::consensus
