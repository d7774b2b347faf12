#include "services/consensus/machine/sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/consensus/limits.h"
#include "services/consensus/machine/testing/machine_driver.h"

namespace z4j::consensus {
namespace {

using ::testing::IsNull;
using ::testing::NotNull;

constexpr ClaimKind kLock = ClaimKind::kLock;

TEST(SessionsTest, TheSameNonceGivesTheSameSessionWhileItLives) {
  MachineDriver log;
  const OpenSession open = {99, absl::Seconds(5), "worker"};
  const auto first = std::get<SessionOpened>(log.Apply(open).body);
  EXPECT_EQ(std::get<SessionOpened>(log.Apply(open).body), first);
  log.Apply(CloseSession{first.session});
  EXPECT_NE(std::get<SessionOpened>(log.Apply(open).body).session, first.session);
}

TEST(SessionsTest, ATtlOutsideTheBoundsIsMovedToThem) {
  MachineDriver log;
  const auto ttl = [&](uint64_t nonce, absl::Duration wanted) {
    return std::get<SessionOpened>(log.Apply(OpenSession{nonce, wanted, ""}).body).ttl;
  };
  EXPECT_EQ(ttl(1, absl::Milliseconds(1)), kSessionTtlMin);
  EXPECT_EQ(ttl(2, absl::Seconds(7)), absl::Seconds(7));
  EXPECT_EQ(ttl(3, absl::InfiniteDuration()), kSessionTtlMax);
}

TEST(SessionsTest, IsNotExpiredBeforeItsTtlHasPassedOnTheClustersClock) {
  MachineDriver log;
  const SessionId session = log.Open(absl::Seconds(10));
  log.Advance(absl::Seconds(10) - absl::Microseconds(1));
  EXPECT_FALSE(ChangedBy(log.Expire(session)));
  EXPECT_THAT(log.machine.sessions().Find(session), NotNull());
  log.Advance(absl::Microseconds(1));
  EXPECT_TRUE(ChangedBy(log.Expire(session)));
  EXPECT_THAT(log.machine.sessions().Find(session), IsNull());
}

// A leader that was stuck in its disk, was deposed and woke up: what it proposed by then is void.
TEST(SessionsTest, R18AnExpiryThatRestsOnOldRenewalsEndsNothing) {
  MachineDriver log;
  const SessionId session = log.Open(absl::Seconds(1));
  const uint64_t seen = log.machine.sessions().Find(session)->renewals;
  log.Advance(absl::Seconds(5));
  log.Apply(RenewSessions{{session}});
  log.Advance(absl::Seconds(5));
  EXPECT_FALSE(ChangedBy(log.Apply(ExpireSession{session, seen})));
  EXPECT_TRUE(ChangedBy(log.Apply(ExpireSession{session, seen + 1})));
}

TEST(SessionsTest, R18ANewLeaderGivesEverySessionAFullTtl) {
  MachineDriver log;
  const SessionId session = log.Open(absl::Seconds(1));
  const uint64_t seen = log.machine.sessions().Find(session)->renewals;
  log.Advance(absl::Seconds(5));
  log.Apply(BeginLeadership{});
  EXPECT_FALSE(ChangedBy(log.Apply(ExpireSession{session, seen})));  // The old leader's.
  EXPECT_FALSE(ChangedBy(log.Expire(session)));
  log.Advance(absl::Seconds(1));
  EXPECT_TRUE(ChangedBy(log.Expire(session)));
}

TEST(SessionsTest, TimeOnlyMovesForward) {
  MachineDriver log;
  log.time = {1000};
  log.Apply(Tick{});
  log.time = {10};  // A leader whose clock began late.
  log.Apply(Tick{});
  EXPECT_EQ(log.machine.now(), ClusterTime{1000});
}

TEST(SessionsTest, ARequestSentTwiceIsDoneOnceAndHasTheSameAnswer) {
  MachineDriver log;
  const SessionId session = log.Open();
  const RequestId request = log.Next(session);
  const KvTxn put_if_absent = {{{"k", Revision{}}}, {{"k", KvPut{"v"}}}, {}};
  log.Apply(put_if_absent, request);
  const std::string first = log.bytes;
  EXPECT_TRUE(std::get<TxnDone>(DecodeAnswer(first)->body).succeeded);
  log.Apply(put_if_absent, request);
  EXPECT_EQ(log.bytes, first);
}

TEST(SessionsTest, AnotherRequestUnderTheSameSequenceIsRefused) {
  MachineDriver log;
  const SessionId session = log.Open();
  const RequestId request = log.Next(session);
  log.Apply(Enter{kLock, "job", "", absl::Seconds(1)}, request);
  const Answer answer = log.Apply(KvTxn{{}, {{"k", KvPut{"v"}}}, {}}, request);
  EXPECT_EQ(answer.code, AnswerCode::kInvalid);
  EXPECT_EQ(log.machine.kv().size(), 0);
}

TEST(SessionsTest, AnAnswerIsForgottenOnceTheOwnerHasIt) {
  MachineDriver log;
  const SessionId session = log.Open();
  const KvTxn put = {{}, {{"k", KvPut{"v"}}}, {}};
  log.Apply(put, RequestId{session, 1, 1});
  log.Apply(put, RequestId{session, 2, 2});
  EXPECT_EQ(log.Apply(put, RequestId{session, 1, 1}).code, AnswerCode::kSequenceForgotten);
  // A late copy that knows less does not bring anything back.
  EXPECT_EQ(log.Apply(put, RequestId{session, 2, 1}).code, AnswerCode::kOk);
  EXPECT_EQ(log.Apply(put, RequestId{session, 1, 1}).code, AnswerCode::kSequenceForgotten);
}

TEST(SessionsTest, RequestsMayArriveInAnyOrderWithinTheWindow) {
  MachineDriver log;
  const SessionId session = log.Open();
  const KvTxn put = {{}, {{"k", KvPut{"v"}}}, {}};
  EXPECT_EQ(log.Apply(put, RequestId{session, kOutstandingMax, 0}).code, AnswerCode::kOk);
  EXPECT_EQ(log.Apply(put, RequestId{session, 1, 0}).code, AnswerCode::kOk);
  EXPECT_EQ(log.Apply(put, RequestId{session, kOutstandingMax + 1, 0}).code, AnswerCode::kInvalid);
}

TEST(SessionsTest, ARequestOfAnEndedSessionIsRefusedAndNeverDone) {
  MachineDriver log;
  const SessionId session = log.Open(absl::Seconds(1));
  log.Advance(absl::Seconds(1));
  log.Expire(session);
  EXPECT_EQ(log.Join(kLock, session, "job").code, AnswerCode::kSessionLost);
  EXPECT_EQ(log.Apply(KvTxn{{}, {{"k", KvPut{"v"}}}, {}}, log.Next(session)).code,
            AnswerCode::kSessionLost);
  EXPECT_EQ(log.machine.kv().size(), 0);
}

// What a client lost with its leader it asks again, and need not wait for its TTL to run out.
TEST(SessionsTest, R39ARequestRepeatedToTheNextLeaderIsAnsweredAtOnce) {
  MachineDriver log;
  const SessionId session = log.Open();
  const RequestId request = log.Next(session);
  const Enter acquire = {kLock, "job", "", absl::Seconds(60)};
  const Token token = TokenOf(log.Apply(acquire, request));
  log.Apply(BeginLeadership{});
  EXPECT_EQ(TokenOf(log.Apply(acquire, request)), token);
}

TEST(SessionsTest, ASessionThatHeardNothingOfItsOpeningIsFoundByItsNonce) {
  MachineDriver log;
  const OpenSession open = {7, absl::Seconds(10), ""};
  const auto lost = std::get<SessionOpened>(log.Apply(open).body);
  log.Apply(BeginLeadership{});
  EXPECT_EQ(std::get<SessionOpened>(log.Apply(open).body).session, lost.session);
}

TEST(SessionsTest, AClientWithoutASessionIsForgottenWhenItIsIdle) {
  MachineDriver log;
  const KvTxn put = {{}, {{"k", KvPut{"v"}}}, {}};
  const RequestId::Client client = {5};
  log.Apply(put, RequestId{client, 1, 0});
  log.Apply(put, RequestId{client, 2, 2});
  EXPECT_EQ(log.machine.NextDeadline(), log.time + kClientIdle);
  log.Advance(kClientIdle);
  log.Apply(Tick{});
  EXPECT_EQ(log.machine.sessions().clients(), 0);
  // Its request may have been done before it was forgotten, so it is not done now.
  EXPECT_EQ(log.Apply(put, RequestId{client, 2, 2}).code, AnswerCode::kSessionLost);
}

TEST(SessionsTest, AsManySessionsAsMayBe) {
  MachineDriver log;
  for (size_t i = 0; i < kSessionsMax; ++i) log.Open();
  const Answer refused = log.Apply(OpenSession{kSessionsMax + 1, absl::Seconds(1), ""});
  EXPECT_EQ(refused.code, AnswerCode::kExhausted);
  log.Apply(CloseSession{log.machine.sessions().all().begin()->first});
  EXPECT_EQ(log.Apply(OpenSession{kSessionsMax + 1, absl::Seconds(1), ""}).code, AnswerCode::kOk);
}

TEST(SessionsTest, AnswersThatAreTooLargeToKeepAreNotGiven) {
  MachineDriver log;
  const SessionId session = log.Open();
  log.Put("big", std::string(kKvValueBytesMax, 'x'));
  int given = 0;
  for (uint64_t sequence = 1; sequence <= 10; ++sequence) {
    const Answer answer =
        log.Apply(KvTxn{{}, {{"big", KvGet{}}}, {}}, RequestId{session, sequence, 0});
    if (answer.code == AnswerCode::kOk) ++given;
  }
  EXPECT_EQ(given, kReplyBytesMax / (kKvValueBytesMax + 100));
  // The owner says what it has, and there is room again.
  EXPECT_EQ(log.Apply(KvTxn{{}, {{"big", KvGet{}}}, {}}, RequestId{session, 11, 11}).code,
            AnswerCode::kOk);
}

}  // namespace
}  // namespace z4j::consensus
