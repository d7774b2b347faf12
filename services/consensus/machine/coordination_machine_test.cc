#include "services/consensus/machine/coordination_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/limits.h"
#include "services/consensus/machine/testing/machine_driver.h"
#include "services/consensus/machine/wire.h"

namespace z4j::consensus {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr ClaimKind kLock = ClaimKind::kLock;
constexpr ClaimKind kElection = ClaimKind::kElection;

// A log with something of everything in its state.
MachineDriver Lived() {
  MachineDriver log;
  const SessionId a = log.Open(), b = log.Open();
  log.Join(kElection, a, "tick", absl::InfiniteDuration(), "a:1");
  log.Join(kElection, b, "tick", absl::InfiniteDuration(), "b:1");
  log.Join(kLock, b, "job");
  log.Advance(absl::Seconds(1));
  log.Join(kLock, a, "job", absl::Seconds(30));
  log.Put("k", "1");
  log.Put("k", "2");
  log.Txn({{}, {{"k", KvDelete{}}, {"l", KvPut{"3"}}}, {}});
  log.Apply(RenewSessions{{a}});
  log.Apply(SetEpoch{{3}});
  return log;
}

TEST(CoordinationMachineTest, AStateComesBackFromItsBytes) {
  const MachineDriver log = Lived();
  CoordinationMachine other;
  ASSERT_OK(other.Load(log.machine.Save()));
  EXPECT_EQ(other.Save(), log.machine.Save());
  EXPECT_EQ(other.Hash(), log.machine.Hash());
  EXPECT_EQ(other.applied(), log.index);
  EXPECT_EQ(other.epoch(), Epoch{3});
  EXPECT_EQ(other.now(), log.time);
  EXPECT_EQ(other.NextDeadline(), log.machine.NextDeadline());
  EXPECT_EQ(other.kv().bytes(), log.machine.kv().bytes());
}

TEST(CoordinationMachineTest, AnEmptyStateComesBackToo) {
  CoordinationMachine lived = Lived().machine;
  ASSERT_OK(lived.Load(CoordinationMachine().Save()));
  EXPECT_EQ(lived.Save(), CoordinationMachine().Save());
}

TEST(CoordinationMachineTest, BytesThatWereHarmedAreDataLossAndChangeNothing) {
  const MachineDriver log = Lived();
  const std::string good = log.machine.Save();
  CoordinationMachine other;
  const auto refuse = [&other](const std::string& bytes) {
    EXPECT_THAT(other.Load(bytes), StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_EQ(other.Save(), CoordinationMachine().Save());
    EXPECT_THAT(other.TakeEvents(), IsEmpty());
  };
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= 1 << (i % 8);
    refuse(bad);
    refuse(good.substr(0, i));
  }
  refuse(good + '\0');
}

// What the checksum does not see: a state that never was is refused, or is at least a whole one.
TEST(CoordinationMachineTest, HarmUnderAGoodChecksumIsRefusedOrLivedWith) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const MachineDriver log = Lived();
  const std::string good = log.machine.Save().substr(0, log.machine.Save().size() - 8);
  int loaded = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    for (int n = random() % 3; n >= 0; --n) bytes[random() % bytes.size()] = random();
    const uint64_t hash = HashBytes(bytes);
    for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<char>(hash >> shift));
    MachineDriver other;
    if (!other.machine.Load(bytes).ok()) continue;
    ++loaded;
    ASSERT_EQ(other.machine.Save(), bytes);
    other.index = other.machine.applied();
    if (other.index.value > kIndexMask - 100) continue;
    const std::map<SessionId, Session> sessions = other.machine.sessions().all();
    for (const auto& [id, session] : sessions) other.Apply(CloseSession{id});
    EXPECT_EQ(other.machine.claims(kLock).places(), 0);
    EXPECT_EQ(other.machine.claims(kElection).places(), 0);
    EXPECT_THAT(other.machine.sessions().all(), IsEmpty());
  }
  EXPECT_GT(loaded, 1000);  // Many bytes are values, times and the like.
}

TEST(CoordinationMachineTest, AfterALoadWhoeverWaitsIsToldToLookAgain) {
  CoordinationMachine other;
  ASSERT_OK(other.Load(Lived().machine.Save()));
  const std::vector<Event> events = other.TakeEvents();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_TRUE(std::holds_alternative<StateReplaced>(events[0]));
}

TEST(CoordinationMachineTest, EventsThatNobodyTakesAreReplacedByAHint) {
  MachineDriver log;
  for (size_t i = 0; i <= kEventsMax; ++i) log.Put("k", "v");
  const std::vector<Event> events = log.machine.TakeEvents();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_TRUE(std::holds_alternative<StateReplaced>(events[0]));
}

// How far the state has come is stored with it, so a restart that replays too much does no harm.
TEST(CoordinationMachineTest, R24AnEntryThatWasAppliedBeforeChangesNothing) {
  MachineDriver log;
  const SessionId session = log.Open();
  std::vector<std::string> entries;
  for (int i = 0; i < 20; ++i) {
    entries.push_back(EncodeCommand(
        {log.time, log.Next(session), KvTxn{{}, {{"k", KvPut{std::to_string(i)}}}, {}}}));
  }
  const Index before = log.index;
  for (int i = 0; i < 10; ++i) log.ApplyBytes(entries[i]);
  CoordinationMachine restarted;
  ASSERT_OK(restarted.Load(log.machine.Save()));
  for (int i = 0; i < 10; ++i) {
    const std::string answer = restarted.Apply(before + (i + 1), entries[i]);
    EXPECT_EQ(DecodeAnswer(answer)->code, AnswerCode::kApplied);
  }
  EXPECT_EQ(restarted.Save(), log.machine.Save());
  for (int i = 10; i < 20; ++i) {
    log.ApplyBytes(entries[i]);
    restarted.Apply(log.index, entries[i]);
  }
  EXPECT_EQ(restarted.Save(), log.machine.Save());
}

TEST(CoordinationMachineTest, TokensGrowAcrossALoadAndAcrossARestoreFromABackup) {
  MachineDriver log;
  const SessionId a = log.Open(), b = log.Open();
  for (const char* name : {"x", "y", "z"}) {
    log.Join(kLock, a, name);
    log.Join(kLock, b, name);
  }
  log.machine.TakeEvents();
  log.Apply(CloseSession{a});  // Three grants: the last token is ahead of the index.
  const Token last = log.Take<Granted>().back().token;
  CoordinationMachine fresh;
  ASSERT_OK(fresh.Load(log.machine.Save()));
  log.machine = std::move(fresh);
  EXPECT_GT(TokenOf(log.Join(kLock, b, "w")), last);

  const std::string backup = log.machine.Save();
  const SessionId lost = log.Open();  // After the backup was made.
  const Token lost_token = TokenOf(log.Join(kLock, lost, "v"));
  ASSERT_OK(log.machine.Load(backup));
  log.index = log.machine.applied();
  log.Apply(SetEpoch{{2}});
  const SessionId c = log.Open();
  EXPECT_NE(c, lost);
  EXPECT_GT(TokenOf(log.Join(kLock, c, "v")), lost_token);
  EXPECT_EQ(log.machine.revision().value >> kEpochShift, 2);
}

TEST(CoordinationMachineTest, TheHashTellsApartWhatWasApplied) {
  MachineDriver one = Lived(), other = Lived();
  EXPECT_EQ(one.machine.Hash(), other.machine.Hash());
  one.Put("k", "1");
  other.Put("k", "2");
  EXPECT_NE(one.machine.Hash(), other.machine.Hash());
}

TEST(CoordinationMachineTest, ACommandOfANewerVersionChangesNothing) {
  MachineDriver log = Lived();
  const std::string before = log.machine.Save();
  std::string newer = EncodeCommand({{uint64_t{1} << 50}, {}, Tick{}});
  newer.back() = static_cast<char>(std::variant_size_v<Command>);
  EXPECT_EQ(log.ApplyBytes(newer).code, AnswerCode::kUnreadable);
  EXPECT_EQ(log.ApplyBytes("").code, AnswerCode::kUnreadable);
  EXPECT_EQ(log.machine.Save(), before);
}

TEST(CoordinationMachineTest, ACommandThatBreaksABoundChangesNothing) {
  MachineDriver log = Lived();
  const SessionId session = log.Open();
  const std::string before = log.machine.Save();
  const ClusterTime later = log.time + absl::Seconds(9);
  const std::vector<Envelope> bad = {
      {later, {}, OpenSession{0, absl::Seconds(1), ""}},
      {later, {}, OpenSession{1, absl::Seconds(1), std::string(257, 'x')}},
      {later, {}, Enter{kLock, "x", "", absl::Seconds(1)}},  // Without a session.
      {later, {{RequestId::Client{1}, 1, 0}}, Enter{kLock, "x", "", absl::Seconds(1)}},
      {later, {{session, 0, 0}}, Enter{kLock, "x", "", absl::Seconds(1)}},
      {later, {{session, 1, 2}}, Enter{kLock, "x", "", absl::Seconds(1)}},
      {later, {{session, 1, 0}}, Enter{kLock, "", "", absl::Seconds(1)}},
      {later, {{session, 1, 0}}, Enter{kLock, "x", "locks announce nothing", absl::Seconds(1)}},
      {later, {{session, 1, 0}}, Enter{kElection, "x", std::string(4097, 'x'), absl::Seconds(1)}},
      {later, {{session, 1, 0}}, Release{kLock, "x", Token{}, {}}},
      {later, {{session, 1, 0}}, Tick{}},
      {later, {{session, 1, 0}}, KvTxn{{}, std::vector<KvOperation>(33, {"k", KvGet{}}), {}}},
      {{kNever}, {}, Tick{}},
  };
  for (const Envelope& envelope : bad) {
    const Answer answer = log.ApplyBytes(EncodeCommand(envelope));
    EXPECT_EQ(answer.code, AnswerCode::kInvalid) << envelope.command.index();
    EXPECT_THAT(answer.detail, Not(IsEmpty()));
    EXPECT_THAT(CheckEnvelope(envelope), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_EQ(log.machine.Save(), before);
}

TEST(CoordinationMachineTest, RandomBytesChangeNothing) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  MachineDriver log = Lived();
  const std::string before = log.machine.Save();
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 40, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    const Answer answer = log.ApplyBytes(bytes);
    if (answer.code == AnswerCode::kUnreadable || answer.code == AnswerCode::kInvalid) ++refused;
  }
  // Random bytes begin with the version once in 256; what then decodes is as good as none.
  EXPECT_EQ(refused, 20'000);
  EXPECT_EQ(log.machine.Save(), before);
}

}  // namespace
}  // namespace z4j::consensus
