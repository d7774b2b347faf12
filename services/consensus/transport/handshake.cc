#include "services/consensus/transport/handshake.h"

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"

namespace z4j::consensus {

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

}  // namespace z4j::consensus
