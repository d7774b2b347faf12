#include "services/consensus/transport/handshake.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/check.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/consensus/transport/limits.h"

namespace z4j::consensus {
namespace {

constexpr char kLabel[] = "z4j.raft.v1 greeting 1";

// Numbers have eight bytes and texts are preceded by their length, so that no two greetings read
// the same.
void AppendNumber(uint64_t number, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(number >> shift));
}
void AppendText(std::string_view text, std::string* out) {
  AppendNumber(text.size(), out);
  out->append(text);
}

// All that a Hello says, but its proof.
void AppendHello(const pb::Hello& hello, std::string* out) {
  AppendNumber(hello.cluster(), out);
  AppendNumber(hello.node(), out);
  AppendNumber(hello.incarnation(), out);
  AppendNumber(hello.protocol_version(), out);
  AppendNumber(hello.protocol_version_min(), out);
  AppendNumber(static_cast<uint64_t>(hello.election_timeout().seconds()), out);
  AppendNumber(static_cast<uint64_t>(hello.election_timeout().nanos()), out);
  AppendText(hello.version(), out);
  AppendText(hello.challenge().secret_id(), out);
  AppendText(hello.challenge().nonce(), out);
}

}  // namespace

pb::PeerFrame HelloFrame(const Self& self) {
  pb::PeerFrame frame;
  pb::Hello* hello = frame.mutable_hello();
  hello->set_cluster(self.identity.cluster.value);
  hello->set_node(self.identity.id.value);
  hello->set_incarnation(self.identity.incarnation.value);
  hello->set_protocol_version(kPeerProtocolVersion);
  hello->set_protocol_version_min(kPeerProtocolVersion);
  const int64_t nanos = absl::ToInt64Nanoseconds(self.election_timeout);
  hello->mutable_election_timeout()->set_seconds(nanos / 1'000'000'000);
  hello->mutable_election_timeout()->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  hello->set_version(self.version);
  return frame;
}

absl::StatusOr<NodeIdentity> CheckHello(const pb::PeerFrame& frame, const Self& self) {
  if (!frame.has_hello()) return absl::InvalidArgumentError("the first frame must be Hello");
  const pb::Hello& hello = frame.hello();
  if (hello.node() == 0) return FieldError("hello.node", "must be > 0");
  if (hello.version().size() > kPeerVersionBytesMax) {
    return FieldError("hello.version", absl::StrCat("at most ", kPeerVersionBytesMax, " bytes"));
  }
  if (hello.cluster() != self.identity.cluster.value) {
    return absl::FailedPreconditionError("the nodes belong to different clusters");
  }
  if (hello.node() == self.identity.id.value) {
    return absl::FailedPreconditionError(
        absl::StrCat("both say that they are node ", hello.node()));
  }
  if (hello.protocol_version() < kPeerProtocolVersion ||
      hello.protocol_version_min() > kPeerProtocolVersion) {
    return absl::FailedPreconditionError(absl::StrCat("one speaks protocol ", kPeerProtocolVersion,
                                                      ", the other ", hello.protocol_version_min(),
                                                      " to ", hello.protocol_version()));
  }
  const absl::Duration timeout = absl::Seconds(hello.election_timeout().seconds()) +
                                 absl::Nanoseconds(hello.election_timeout().nanos());
  if (timeout != self.election_timeout) {
    return absl::FailedPreconditionError(
        absl::StrCat("the election timeouts differ: ", absl::FormatDuration(self.election_timeout),
                     " and ", absl::FormatDuration(timeout)));
  }
  return NodeIdentity{
      .cluster = {hello.cluster()}, .id = {hello.node()}, .incarnation = {hello.incarnation()}};
}

absl::Status CheckEnvelope(const Message& message, const NodeIdentity& peer,
                           const NodeIdentity& self) {
  if (message.cluster != self.cluster) return FieldError("message.cluster", "is another one");
  if (message.to != self.id) {
    return FieldError("message.to", absl::StrCat(message.to.value, " is not node ", self.id.value));
  }
  if (message.from != peer.id || message.incarnation != peer.incarnation) {
    return FieldError("message.from", absl::StrCat("node ", peer.id.value, " speaks for node ",
                                                   message.from.value, ", or for another disk"));
  }
  return absl::OkStatus();
}

Handshake::Handshake(Side side, PeerCall call, const Self& self, std::string nonce)
    : side_(side), call_(call), self_(self), nonce_(std::move(nonce)), hello_(HelloFrame(self)) {
  if (self_.secrets == nullptr) return;
  Z4J_CHECK(nonce_.size() == kNonceBytes);
  pb::Challenge* challenge = hello_.mutable_hello()->mutable_challenge();
  challenge->set_nonce(nonce_);
  if (side_ == Side::kDialer) challenge->set_secret_id(self_.secrets->current().id);
}

pb::PeerFrame Handshake::Begin() {
  Z4J_CHECK(side_ == Side::kDialer);
  return hello_;
}

absl::StatusOr<std::optional<pb::PeerFrame>> Handshake::Take(const pb::PeerFrame& frame) {
  Z4J_CHECK(!done_);
  if (!peer_.id) return TakeHello(frame);
  if (!frame.has_proof() ||
      !EqualInConstantTime(frame.proof().proof(), ProofUnder(keys_.dialer_proof))) {
    return absl::UnauthenticatedError(
        absl::StrCat("node ", peer_.id.value, " does not prove to hold the secret"));
  }
  Finish();
  return std::nullopt;
}

absl::StatusOr<std::optional<pb::PeerFrame>> Handshake::TakeHello(const pb::PeerFrame& frame) {
  ASSIGN_OR_RETURN(const NodeIdentity peer, CheckHello(frame, self_));
  const pb::Hello& theirs = frame.hello();
  ASSIGN_OR_RETURN(const PeerSecret* secret, Agree(theirs));
  const bool dialer = side_ == Side::kDialer;
  peer_ = peer;
  if (secret == nullptr) {
    Finish();
    return dialer ? std::nullopt : std::optional(hello_);
  }
  pb::Challenge* own = hello_.mutable_hello()->mutable_challenge();
  own->set_secret_id(secret->id);
  Derive(*secret, dialer ? hello_.hello() : theirs, dialer ? theirs : hello_.hello());
  if (!dialer) {
    own->set_proof(ProofUnder(keys_.listener_proof));
    return hello_;
  }
  if (!EqualInConstantTime(theirs.challenge().proof(), ProofUnder(keys_.listener_proof))) {
    return absl::UnauthenticatedError(
        absl::StrCat("node ", peer_.id.value, " does not prove to hold the secret"));
  }
  pb::PeerFrame reply;
  reply.mutable_proof()->set_proof(ProofUnder(keys_.dialer_proof));
  Finish();
  return reply;
}

absl::StatusOr<const PeerSecret*> Handshake::Agree(const pb::Hello& theirs) const {
  if (self_.secrets == nullptr) {
    if (!theirs.has_challenge()) return nullptr;
    return absl::UnauthenticatedError("the peer asks for a secret, and this node has none");
  }
  if (!theirs.has_challenge()) {
    return absl::UnauthenticatedError("the peer does not use the secret");
  }
  const pb::Challenge& challenge = theirs.challenge();
  if (challenge.nonce().size() != kNonceBytes) {
    return FieldError("hello.challenge.nonce", absl::StrCat("has ", kNonceBytes, " bytes"));
  }
  if (side_ == Side::kDialer) {
    const PeerSecret& current = self_.secrets->current();
    if (challenge.secret_id() == current.id) return &current;
  } else if (const PeerSecret* known = self_.secrets->Find(challenge.secret_id())) {
    return known;
  }
  return absl::UnauthenticatedError(absl::StrCat(
      "the peer uses the secret '", absl::CHexEscape(challenge.secret_id().substr(0, 64)),
      "', which this node does not know"));
}

void Handshake::Derive(const PeerSecret& secret, const pb::Hello& dialer,
                       const pb::Hello& listener) {
  transcript_.clear();
  AppendText(kLabel, &transcript_);
  AppendNumber(static_cast<uint64_t>(call_), &transcript_);
  AppendHello(dialer, &transcript_);
  AppendHello(listener, &transcript_);
  const std::string material = HkdfSha256(secret.key, Sha256Of(transcript_), kLabel, 4 * kMacBytes);
  keys_ = {.dialer_proof = material.substr(0 * kMacBytes, kMacBytes),
           .listener_proof = material.substr(1 * kMacBytes, kMacBytes),
           .dialer_seal = material.substr(2 * kMacBytes, kMacBytes),
           .listener_seal = material.substr(3 * kMacBytes, kMacBytes)};
}

std::string Handshake::ProofUnder(const std::string& key) const {
  return HmacSha256(key).Of(transcript_);
}

void Handshake::Finish() {
  done_ = true;
  if (keys_.dialer_seal.empty()) return;
  const bool dialer = side_ == Side::kDialer;
  sealer_ = FrameSealer(dialer ? keys_.dialer_seal : keys_.listener_seal);
  opener_ = FrameOpener(dialer ? keys_.listener_seal : keys_.dialer_seal);
}

}  // namespace z4j::consensus
