#include "services/consensus/machine/codec.h"

#include <gtest/gtest.h>

#include <random>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/machine/wire.h"

namespace z4j::consensus {
namespace {

const RequestId kRequest = {SessionId{77}, 3, 2};

// One of each type, with every field set.
std::vector<Envelope> EveryCommand() {
  const KvTxn txn = {{{"a", Revision{9}}, {"b", std::string("\x00value", 6)}},
                     {{"a", KvPut{"x"}}, {"b", KvGet{}}},
                     {{"c", KvDelete{}}}};
  return {{{1}, {}, OpenSession{5, absl::Milliseconds(300), "worker-1"}},
          {{2}, {}, CloseSession{{6}}},
          {{3}, {}, RenewSessions{{{1}, {2}, {300}}}},
          {{4}, {}, ExpireSession{{6}, 12}},
          {{5}, {}, BeginLeadership{}},
          {{6}, {}, Tick{}},
          {{7}, {}, SetEpoch{{2}}},
          {{8}, kRequest, Enter{ClaimKind::kElection, "tick", "host:1", absl::InfiniteDuration()}},
          {{9}, {}, Leave{ClaimKind::kLock, "job", {41}}},
          {{10}, kRequest, Release{ClaimKind::kLock, "job", {42}, {43}}},
          {{11}, {{RequestId::Client{8}, 1, 0}}, ForceRelease{ClaimKind::kLock, "job", {42}}},
          {{12}, kRequest, Proclaim{"tick", {42}, "host:2"}},
          {{uint64_t{1} << 62}, {{RequestId::Client{8}, 1, 0}}, txn}};
}

TEST(CodecTest, EveryCommandComesBackAsItWas) {
  for (const Envelope& envelope : EveryCommand()) {
    ASSERT_OK_AND_ASSIGN(const Envelope back, DecodeCommand(EncodeCommand(envelope)));
    EXPECT_EQ(back, envelope);
  }
  EXPECT_EQ(EveryCommand().size(), std::variant_size_v<Command>);
}

TEST(CodecTest, EveryAnswerComesBackAsItWas) {
  const KvEntry entry = {"k", "v", {1}, {2}};
  const std::vector<Answer> answers = {
      {AnswerCode::kInvalid, {7}, "name has 0 bytes", {}},
      {AnswerCode::kOk, {8}, "", SessionOpened{{8}, absl::Seconds(1), {3}}},
      {AnswerCode::kOk, {9}, "", Entered{{9}, {10}}},
      {AnswerCode::kOk, {9}, "", Done{true}},
      {AnswerCode::kOk, {9}, "", TxnDone{true, {entry, std::nullopt}}}};
  for (const Answer& answer : answers) {
    ASSERT_OK_AND_ASSIGN(const Answer back, DecodeAnswer(EncodeAnswer(answer)));
    EXPECT_EQ(back, answer);
  }
}

TEST(CodecTest, RefusesBytesThatAreCutOrTooLong) {
  for (const Envelope& envelope : EveryCommand()) {
    const std::string bytes = EncodeCommand(envelope);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(DecodeCommand(bytes.substr(0, size)).ok()) << size << " of " << bytes.size();
    }
    EXPECT_THAT(DecodeCommand(bytes + '\0'), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(CodecTest, RefusesAnotherVersionAndAnUnknownType) {
  std::string bytes = EncodeCommand({{6}, {}, Tick{}});
  EXPECT_EQ(bytes, std::string("\x01\x06\x00\x05", 4));  // Version, time, no request, type.
  bytes[3] = static_cast<char>(std::variant_size_v<Command>);
  EXPECT_FALSE(DecodeCommand(bytes).ok());
  bytes[3] = 5;
  bytes[0] = 2;
  EXPECT_FALSE(DecodeCommand(bytes).ok());
}

TEST(CodecTest, RefusesASecondWayToWriteTheSame) {
  EXPECT_FALSE(DecodeCommand(std::string("\x01\x86\x00\x00\x05", 5)).ok());  // 6 in two bytes.
  EXPECT_FALSE(DecodeCommand(std::string("\x01\x06\x02\x05", 4)).ok());      // A bool of 2.
  Reader wide("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");                   // 2^64 and more.
  wide.Number();
  EXPECT_FALSE(wide.ok());
  Reader unsorted(std::string_view("\x02\x02\x00\x01\x00", 5));
  unsorted.Get<std::map<uint64_t, bool>>();
  EXPECT_FALSE(unsorted.ok());
}

// Whatever decodes is the one encoding of what it decodes to.
TEST(CodecTest, AnyBytesAreRefusedOrComeBackAsTheyWere) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  int read = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::vector<Envelope> commands = EveryCommand();
    std::string bytes = EncodeCommand(commands[random() % commands.size()]);
    for (int n = random() % 3; n >= 0; --n) bytes[random() % bytes.size()] = random();
    const absl::StatusOr<Envelope> envelope = DecodeCommand(bytes);
    if (!envelope.ok()) continue;
    ++read;
    ASSERT_EQ(EncodeCommand(*envelope), bytes);
  }
  EXPECT_GT(read, 1000);
}

TEST(CodecTest, ALengthBeyondTheBytesAllocatesNothing) {
  EXPECT_FALSE(DecodeCommand(std::string("\x01\x00\x00\x02\xff\xff\xff\xff\x0f\x01", 10)).ok());
}

}  // namespace
}  // namespace z4j::consensus
