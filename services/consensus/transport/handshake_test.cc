#include "services/consensus/transport/handshake.h"

#include <gmock/gmock.h>

#include <functional>
#include <vector>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/transport/limits.h"

namespace z4j::consensus {
namespace {

using Side = Handshake::Side;

constexpr char kSecretA[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
constexpr char kSecretB[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

Self Node(uint64_t id, std::vector<PeerSecret> secrets = {}) {
  Self self{.identity = {.cluster = {7}, .id = {id}, .incarnation = {100 + id}},
            .election_timeout = absl::Milliseconds(150),
            .version = "1.2.3",
            .secrets = nullptr};
  if (!secrets.empty()) {
    self.secrets = std::make_shared<PeerSecrets>(*PeerSecrets::Create(std::move(secrets)));
  }
  return self;
}

// Node 1 dials node 2; `tamper` sees, and may change, each frame on its way.
class Greeting {
 public:
  Greeting(Self one, Self two, PeerCall call = PeerCall::kStream,
           PeerCall other_call = PeerCall::kStream, char nonce = 'n')
      : one_(std::move(one)),
        two_(std::move(two)),
        dialer(Side::kDialer, call, one_, std::string(kNonceBytes, nonce)),
        listener(Side::kListener, other_call, two_, std::string(kNonceBytes, nonce + 1)) {}

  absl::Status Run() {
    pb::PeerFrame frame = dialer.Begin();
    bool to_listener = true;
    while (true) {
      if (tamper) tamper(&frame);
      frames.push_back(frame);
      auto reply = (to_listener ? listener : dialer).Take(frame);
      if (!reply.ok()) return reply.status();
      if (!reply->has_value()) return absl::OkStatus();
      frame = **std::move(reply);
      to_listener = !to_listener;
    }
  }

 private:
  const Self one_, two_;

 public:
  Handshake dialer, listener;
  std::function<void(pb::PeerFrame*)> tamper;
  std::vector<pb::PeerFrame> frames;  // As they arrived.
};

pb::PeerFrame Saying(uint64_t term) {
  pb::PeerFrame frame;
  frame.mutable_message()->set_term(term);
  return frame;
}
// What arrives of it; 0: nothing.
uint64_t Open(FrameOpener& opener, pb::PeerFrame frame) {
  return opener.Open(&frame).ok() ? frame.message().term() : 0;
}
pb::PeerFrame Sealed(FrameSealer& sealer, uint64_t term) {
  pb::PeerFrame frame = Saying(term);
  sealer.Seal(&frame);
  return frame;
}

TEST(GreetingTest, WithoutASecretBothSayWhoTheyAre) {
  Greeting greeting(Node(1), Node(2));
  ASSERT_OK(greeting.Run());
  EXPECT_EQ(greeting.frames.size(), 2);
  ASSERT_TRUE(greeting.dialer.done() && greeting.listener.done());
  EXPECT_EQ(greeting.dialer.peer().id, NodeId{2});
  EXPECT_EQ(greeting.listener.peer().id, NodeId{1});
  EXPECT_EQ(greeting.listener.peer().incarnation, Incarnation{101});
  EXPECT_TRUE(Sealed(greeting.dialer.sealer(), 5).has_message());  // As it is.
  EXPECT_EQ(Open(greeting.listener.opener(), Saying(5)), 5);
}

class SecretTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(greeting_.Run()); }
  Greeting greeting_{Node(1, {{"a", kSecretA}}), Node(2, {{"a", kSecretA}})};
  FrameSealer& sealer_ = greeting_.dialer.sealer();
  FrameOpener& opener_ = greeting_.listener.opener();
};

TEST_F(SecretTest, BothProveThatTheyHoldIt) {
  EXPECT_EQ(greeting_.frames.size(), 3);
  ASSERT_TRUE(greeting_.dialer.done() && greeting_.listener.done());
  EXPECT_EQ(greeting_.frames[1].hello().challenge().proof().size(), kMacBytes);
  EXPECT_EQ(greeting_.frames[2].proof().proof().size(), kMacBytes);
  EXPECT_NE(greeting_.frames[1].hello().challenge().proof(), greeting_.frames[2].proof().proof());
}

TEST_F(SecretTest, WhatIsSealedArrivesInBothDirections) {
  for (uint64_t i = 1; i <= 100; ++i) {
    ASSERT_EQ(Open(opener_, Sealed(sealer_, i)), i);
    ASSERT_EQ(Open(greeting_.dialer.opener(), Sealed(greeting_.listener.sealer(), i)), i);
  }
}

TEST_F(SecretTest, AFrameTwiceIsRefused) {
  const pb::PeerFrame frame = Sealed(sealer_, 1);
  EXPECT_EQ(Open(opener_, frame), 1);
  EXPECT_EQ(Open(opener_, frame), 0);
}

TEST_F(SecretTest, AMissingFrameIsNoticed) {
  Sealed(sealer_, 1);
  EXPECT_EQ(Open(opener_, Sealed(sealer_, 2)), 0);
}

TEST_F(SecretTest, FramesInAnotherOrderAreRefused) {
  const pb::PeerFrame first = Sealed(sealer_, 1), second = Sealed(sealer_, 2);
  EXPECT_EQ(Open(opener_, second), 0);
  pb::PeerFrame renamed = second;
  renamed.mutable_sealed()->set_sequence(1);
  EXPECT_EQ(Open(opener_, renamed), 0);
}

TEST_F(SecretTest, AnyChangedByteIsNoticed) {
  const pb::PeerFrame whole = Sealed(sealer_, 1);
  for (size_t i = 0; i < whole.sealed().frame().size(); ++i) {
    pb::PeerFrame frame = whole;
    (*frame.mutable_sealed()->mutable_frame())[i] ^= 1;
    EXPECT_EQ(Open(opener_, frame), 0) << i;
  }
  for (size_t i = 0; i < kMacBytes; ++i) {
    pb::PeerFrame frame = whole;
    (*frame.mutable_sealed()->mutable_mac())[i] ^= '\x80';
    EXPECT_EQ(Open(opener_, frame), 0) << i;
    frame = whole;
    frame.mutable_sealed()->mutable_mac()->resize(i);
    EXPECT_EQ(Open(opener_, frame), 0) << i;
  }
  pb::PeerFrame longer = whole;
  longer.mutable_sealed()->mutable_frame()->push_back('\0');
  EXPECT_EQ(Open(opener_, longer), 0);
  EXPECT_EQ(Open(opener_, whole), 1);
}

TEST_F(SecretTest, AFrameSentBackIsNoneOfTheOthers) {
  const pb::PeerFrame own = Sealed(sealer_, 1);
  EXPECT_EQ(Open(greeting_.dialer.opener(), own), 0);
}

TEST_F(SecretTest, AFrameOfAnotherCallIsRefused) {
  Greeting other(Node(1, {{"a", kSecretA}}), Node(2, {{"a", kSecretA}}), PeerCall::kStream,
                 PeerCall::kStream, 'x');
  ASSERT_OK(other.Run());
  EXPECT_EQ(Open(opener_, Sealed(other.dialer.sealer(), 1)), 0);
}

TEST_F(SecretTest, AnUnsealedFrameIsRefused) { EXPECT_EQ(Open(opener_, Saying(1)), 0); }

TEST(GreetingTest, ASealedFrameWhereNoneIsExpectedIsRefused) {
  Greeting sealed(Node(1, {{"a", kSecretA}}), Node(2, {{"a", kSecretA}}));
  ASSERT_OK(sealed.Run());
  Greeting plain(Node(1), Node(2));
  ASSERT_OK(plain.Run());
  pb::PeerFrame frame = Sealed(sealed.dialer.sealer(), 1);
  EXPECT_THAT(plain.listener.opener().Open(&frame), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(GreetingTest, AnotherSecretUnderTheSameNameIsRefused) {
  Greeting greeting(Node(1, {{"a", kSecretA}}), Node(2, {{"a", kSecretB}}));
  EXPECT_THAT(greeting.Run(), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_EQ(greeting.frames.size(), 2);  // The dialer noticed, and has proven nothing.
  EXPECT_FALSE(greeting.listener.done());
}

// Who does not hold the secret and claims to be satisfied.
TEST(GreetingTest, ADialerWithoutTheSecretIsRefused) {
  const Self two = Node(2, {{"a", kSecretA}}), liar = Node(1, {{"a", kSecretB}});
  Handshake listener(Side::kListener, PeerCall::kStream, two, std::string(kNonceBytes, 'l'));
  Handshake dialer(Side::kDialer, PeerCall::kStream, liar, std::string(kNonceBytes, 'd'));
  ASSERT_OK_AND_ASSIGN(const auto hello, listener.Take(dialer.Begin()));
  pb::PeerFrame proof;
  for (const std::string& guess :
       {std::string(), std::string(kMacBytes, '\0'), hello->hello().challenge().proof()}) {
    proof.mutable_proof()->set_proof(guess);
    EXPECT_THAT(listener.Take(proof), StatusIs(absl::StatusCode::kUnauthenticated));
    EXPECT_FALSE(listener.done());
  }
  EXPECT_THAT(listener.Take(Saying(1)), StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST(GreetingTest, ASecretOnOneSideAloneIsRefused) {
  EXPECT_THAT(Greeting(Node(1, {{"a", kSecretA}}), Node(2)).Run(),
              StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(Greeting(Node(1), Node(2, {{"a", kSecretA}})).Run(),
              StatusIs(absl::StatusCode::kUnauthenticated));
  // Nor may somebody in between take the challenge away.
  Greeting stripped(Node(1, {{"a", kSecretA}}), Node(2));
  stripped.tamper = [](pb::PeerFrame* frame) { frame->mutable_hello()->clear_challenge(); };
  EXPECT_THAT(stripped.Run(), StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST(GreetingTest, WhatWasSaidInAnEarlierCallProvesNothing) {
  Greeting earlier(Node(1, {{"a", kSecretA}}), Node(2, {{"a", kSecretA}}));
  ASSERT_OK(earlier.Run());
  const Self two = Node(2, {{"a", kSecretA}});
  Handshake listener(Side::kListener, PeerCall::kStream, two, std::string(kNonceBytes, 'x'));
  ASSERT_OK(listener.Take(earlier.frames[0]));
  EXPECT_THAT(listener.Take(earlier.frames[2]), StatusIs(absl::StatusCode::kUnauthenticated));
  const Self one = Node(1, {{"a", kSecretA}});
  Handshake dialer(Side::kDialer, PeerCall::kStream, one, std::string(kNonceBytes, 'y'));
  dialer.Begin();
  EXPECT_THAT(dialer.Take(earlier.frames[1]), StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST(GreetingTest, AStreamsProofOpensNoSnapshot) {
  EXPECT_THAT(Greeting(Node(1, {{"a", kSecretA}}), Node(2, {{"a", kSecretA}}), PeerCall::kStream,
                       PeerCall::kSnapshot)
                  .Run(),
              StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST(GreetingTest, NothingThatAHelloSaysCanBeChangedOnItsWay) {
  const std::vector<std::function<void(pb::Hello*)>> changes = {
      [](pb::Hello* hello) { hello->set_node(hello->node() + 5); },
      [](pb::Hello* hello) { hello->set_incarnation(1); },
      [](pb::Hello* hello) { hello->set_protocol_version(2); },
      [](pb::Hello* hello) { hello->set_protocol_version_min(0); },
      [](pb::Hello* hello) { hello->set_version("0.0.1"); },
      [](pb::Hello* hello) { (*hello->mutable_challenge()->mutable_nonce())[0] ^= 1; },
      [](pb::Hello* hello) { hello->mutable_challenge()->set_secret_id("b"); },
  };
  for (size_t change = 0; change < changes.size(); ++change) {
    for (const uint64_t whose : {1, 2}) {
      Greeting greeting(Node(1, {{"a", kSecretA}, {"b", kSecretB}}),
                        Node(2, {{"a", kSecretA}, {"b", kSecretB}}));
      greeting.tamper = [&](pb::PeerFrame* frame) {
        if (frame->hello().node() == whose) changes[change](frame->mutable_hello());
      };
      EXPECT_THAT(greeting.Run(), StatusIs(absl::StatusCode::kUnauthenticated))
          << "change " << change << " of node " << whose;
    }
  }
}

TEST(GreetingTest, AHelloSentBackIsRefused) {
  const Self one = Node(1, {{"a", kSecretA}});
  Handshake dialer(Side::kDialer, PeerCall::kStream, one, std::string(kNonceBytes, 'n'));
  EXPECT_THAT(dialer.Take(dialer.Begin()), StatusIs(absl::StatusCode::kFailedPrecondition));
}

// Each node goes through these files in turn, one node at a time.
TEST(GreetingTest, ASecretIsExchangedWithoutAnyoneBeingShutOut) {
  const std::vector<std::vector<PeerSecret>> steps = {
      {{"a", kSecretA}},
      {{"a", kSecretA}, {"b", kSecretB}},
      {{"b", kSecretB}, {"a", kSecretA}},
      {{"b", kSecretB}},
  };
  for (size_t step = 0; step + 1 < steps.size(); ++step) {
    for (const auto& [one, two] : {std::pair(step, step + 1), {step + 1, step}, {step, step}}) {
      EXPECT_OK(Greeting(Node(1, steps[one]), Node(2, steps[two])).Run()) << one << " " << two;
    }
  }
  // A step left out shuts out.
  EXPECT_FALSE(Greeting(Node(1, steps[0]), Node(2, steps[3])).Run().ok());
}

TEST(GreetingTest, AHugeVersionTextIsRefused) {
  Greeting greeting(Node(1), Node(2));
  greeting.tamper = [](pb::PeerFrame* frame) {
    frame->mutable_hello()->set_version(std::string(kPeerVersionBytesMax + 1, 'v'));
  };
  EXPECT_THAT(greeting.Run(), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace z4j::consensus
