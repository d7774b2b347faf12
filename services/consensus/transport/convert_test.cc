#include "services/consensus/transport/convert.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/base/rng.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/limits.h"
#include "services/consensus/transport/handshake.h"

namespace z4j::consensus {
namespace {

using testing::HasSubstr;

// Another one in each run; Z4J_SEED repeats one.
uint64_t Seed() {
  const char* given = std::getenv("Z4J_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

std::string RandomBytes(Rng& rng, size_t size_max) {
  std::string bytes(rng.Below(size_max + 1), '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng.Next());
  return bytes;
}

// Small, large and absent ones.
uint64_t Number(Rng& rng) { return rng.Chance(1, 4) ? 0 : rng.Next() >> rng.Below(64); }

MessageBody RandomBody(Rng& rng, size_t kind) {
  switch (kind) {
    case 0:
      return VoteRequest{rng.Chance(1, 2), {Number(rng)}, {Number(rng)}, rng.Chance(1, 2)};
    case 1:
      return VoteReply{rng.Chance(1, 2), rng.Chance(1, 2)};
    case 2: {
      AppendRequest append{.prev_index = {Number(rng) >> 1},
                           .prev_term = {Number(rng)},
                           .entries = {},
                           .commit = {Number(rng)},
                           .send_id = Number(rng),
                           .read_context = Number(rng)};
      for (uint64_t i = rng.Below(5); i > 0; --i) {
        append.entries.push_back({.term = {1 + (Number(rng) >> 1)},
                                  .index = append.prev_index + (append.entries.size() + 1),
                                  .kind = static_cast<EntryKind>(rng.Between(1, 3)),
                                  .data = MakePayload(RandomBytes(rng, 100))});
      }
      return append;
    }
    case 3:
      return AppendReply{rng.Chance(1, 2), {Number(rng)}, {Number(rng)}, {Number(rng)},
                         {Number(rng)},    Number(rng),   Number(rng),   {Number(rng)}};
    case 4: {
      SnapshotMeta meta{.index = {1 + (Number(rng) >> 1)},
                        .term = {1 + (Number(rng) >> 1)},
                        .config = {},
                        .config_index = {Number(rng)}};
      const NodeId voter{1 + rng.Below(9)};
      meta.config.voters = {voter};
      meta.config.members = {{voter, {"host:7100", {rng.Next()}}}};
      return InstallSnapshot{meta, Number(rng)};
    }
    case 5:
      return TimeoutNow{};
    case 6:
      return ReadRequest{Number(rng)};
    default:
      return ReadReply{Number(rng), {Number(rng)}};
  }
}

Message RandomMessage(Rng& rng) {
  static_assert(std::variant_size_v<MessageBody> == 8);
  return {.cluster = {rng.Next()},
          .from = {1 + rng.Below(9)},
          .incarnation = {rng.Next()},
          .to = {1 + rng.Below(9)},
          .term = {Number(rng)},
          .body = RandomBody(rng, rng.Below(8))};
}

// Every field of a message in words, so that two can be compared.
struct BodyText {
  std::string operator()(const VoteRequest& b) const {
    return absl::StrCat("vote ", b.pre, " ", b.last_index.value, " ", b.last_term.value, " ",
                        b.transfer);
  }
  std::string operator()(const VoteReply& b) const {
    return absl::StrCat("voted ", b.pre, " ", b.granted);
  }
  std::string operator()(const AppendRequest& b) const {
    std::string text = absl::StrCat("append ", b.prev_index.value, " ", b.prev_term.value, " ",
                                    b.commit.value, " ", b.send_id, " ", b.read_context);
    for (const Entry& e : b.entries) {
      absl::StrAppend(&text, " [", e.term.value, " ", e.index.value, " ", e.kind, " ", *e.data,
                      "]");
    }
    return text;
  }
  std::string operator()(const AppendReply& b) const {
    return absl::StrCat("appended ", b.rejected, " ", b.match.value, " ", b.rejected_prev.value,
                        " ", b.hint_index.value) +
           absl::StrCat(" ", b.hint_term.value, " ", b.send_id, " ", b.read_context, " ",
                        b.applied.value);
  }
  std::string operator()(const InstallSnapshot& b) const {
    const auto& [voter, member] = *b.meta.config.members.begin();
    return absl::StrCat("install ", b.meta.index.value, " ", b.meta.term.value, " ",
                        b.meta.config_index.value, " ", b.send_id) +
           absl::StrCat(" ", b.meta.config.IsVoter(voter), " ", member.address, " ",
                        member.incarnation.value);
  }
  std::string operator()(const TimeoutNow&) const { return "timeout now"; }
  std::string operator()(const ReadRequest& b) const { return absl::StrCat("read ", b.context); }
  std::string operator()(const ReadReply& b) const {
    return absl::StrCat("read ", b.context, " at ", b.index.value);
  }
};

std::string Text(const Message& m) {
  return absl::StrCat(m.cluster.value, " ", m.from.value, " ", m.incarnation.value, " ", m.to.value,
                      " ") +
         absl::StrCat(m.term.value, " ", std::visit(BodyText{}, m.body));
}

TEST(ConvertTest, AMessageArrivesAsItWasSent) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(absl::StrCat("Z4J_SEED=", seed));
  Rng rng(seed);
  for (int i = 0; i < 2000; ++i) {
    const Message message = RandomMessage(rng);
    pb::Message wire;
    SetMessage(message, &wire);
    pb::Message read;
    ASSERT_TRUE(read.ParseFromString(wire.SerializeAsString()));
    const absl::StatusOr<Message> back = TakeMessage(std::move(read));
    ASSERT_OK(back);
    ASSERT_EQ(Text(*back), Text(message));
  }
}

// Whatever passes is a message that this node could send as well.
TEST(ConvertTest, NoBytesBreakTheReader) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(absl::StrCat("Z4J_SEED=", seed));
  Rng rng(seed);
  int taken = 0, refused = 0;
  for (int i = 0; i < 5000; ++i) {
    pb::Message wire;
    SetMessage(RandomMessage(rng), &wire);
    std::string bytes = wire.SerializeAsString();
    for (uint64_t n = rng.Below(4); n > 0; --n) {
      bytes[rng.Below(bytes.size())] = static_cast<char>(rng.Next());
    }
    if (rng.Chance(1, 4)) bytes.resize(rng.Below(bytes.size()));
    if (rng.Chance(1, 10)) bytes = RandomBytes(rng, 200);
    pb::Message read;
    if (!read.ParseFromString(bytes)) continue;
    const absl::StatusOr<Message> message = TakeMessage(std::move(read));
    if (!message.ok()) {
      ASSERT_THAT(message, StatusIs(absl::StatusCode::kInvalidArgument));
      ++refused;
      continue;
    }
    ++taken;
    pb::Message again;
    SetMessage(*message, &again);
    EXPECT_OK(TakeMessage(std::move(again)));
  }
  EXPECT_GT(taken, 0);
  EXPECT_GT(refused, 0);
}

class MalformedTest : public testing::Test {
 protected:
  MalformedTest() {
    wire_.set_from(1);
    wire_.set_to(2);
  }
  void ExpectRefused(const std::string& field) {
    EXPECT_THAT(TakeMessage(pb::Message(wire_)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field)));
  }
  pb::Message wire_;
};

TEST_F(MalformedTest, AMessageWithoutABodyIsRefused) { ExpectRefused("message.body"); }

TEST_F(MalformedTest, AMessageFromNobodyIsRefused) {
  wire_.mutable_timeout_now();
  wire_.set_from(0);
  ExpectRefused("message.from");
}

TEST_F(MalformedTest, EntriesWithAGapAreRefused) {
  wire_.mutable_append_request()->set_prev_index(4);
  pb::Entry* entry = wire_.mutable_append_request()->add_entries();
  entry->set_term(1);
  entry->set_kind(pb::ENTRY_KIND_COMMAND);
  entry->set_index(6);
  ExpectRefused("entries.index");
  entry->set_index(5);
  EXPECT_OK(TakeMessage(pb::Message(wire_)));
}

TEST_F(MalformedTest, AnUnknownKindOfEntryIsRefused) {
  pb::Entry* entry = wire_.mutable_append_request()->add_entries();
  entry->set_term(1);
  entry->set_index(1);
  entry->set_kind(static_cast<pb::EntryKind>(9));
  ExpectRefused("entries.kind");
}

TEST_F(MalformedTest, ATooLargeEntryIsRefused) {
  pb::Entry* entry = wire_.mutable_append_request()->add_entries();
  entry->set_term(1);
  entry->set_index(1);
  entry->set_kind(pb::ENTRY_KIND_COMMAND);
  entry->set_data(std::string(kEntryBytesMax + 1, 'x'));
  ExpectRefused("entries.data");
}

TEST_F(MalformedTest, ASnapshotWithABrokenConfigurationIsRefused) {
  wire_.mutable_install_snapshot()->mutable_meta()->set_index(1);
  wire_.mutable_install_snapshot()->mutable_meta()->set_term(1);
  wire_.mutable_install_snapshot()->mutable_meta()->set_config("none");
  ExpectRefused("meta.config");
}

class HandshakeTest : public testing::Test {
 protected:
  const Self self_{.identity = {.cluster = {7}, .id = {1}, .incarnation = {11}},
                   .election_timeout = absl::Milliseconds(1500),
                   .version = "1"};
  Self other_{.identity = {.cluster = {7}, .id = {2}, .incarnation = {22}},
              .election_timeout = absl::Milliseconds(1500),
              .version = "2"};
};

TEST_F(HandshakeTest, NodesOfOneClusterKnowEachOther) {
  const absl::StatusOr<NodeIdentity> who = CheckHello(HelloFrame(other_), self_);
  ASSERT_OK(who);
  EXPECT_EQ(*who, other_.identity);
}

TEST_F(HandshakeTest, OtherElectionTimeoutsAreRefusedForTheyBreakLeases) {
  other_.election_timeout = absl::Milliseconds(1501);
  EXPECT_THAT(CheckHello(HelloFrame(other_), self_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("election timeouts")));
}

TEST_F(HandshakeTest, ANewerNodeThatStillSpeaksOurProtocolIsWelcome) {
  pb::PeerFrame frame = HelloFrame(other_);
  frame.mutable_hello()->set_protocol_version(9);
  EXPECT_OK(CheckHello(frame, self_));
  frame.mutable_hello()->set_protocol_version_min(2);
  EXPECT_THAT(CheckHello(frame, self_), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(HandshakeTest, TwoNodesOfOneNumberRefuseEachOther) {
  other_.identity.id = {1};
  EXPECT_THAT(CheckHello(HelloFrame(other_), self_),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(HandshakeTest, NobodySpeaksForAnother) {
  Message message{
      .cluster = {7}, .from = {2}, .incarnation = {22}, .to = {1}, .term = {1}, .body = {}};
  EXPECT_OK(CheckEnvelope(message, other_.identity, self_.identity));
  message.from = {3};
  EXPECT_THAT(CheckEnvelope(message, other_.identity, self_.identity),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace z4j::consensus
