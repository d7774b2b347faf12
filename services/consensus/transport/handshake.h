#ifndef Z4J_CONSENSUS_TRANSPORT_HANDSHAKE_H_
#define Z4J_CONSENSUS_TRANSPORT_HANDSHAKE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/consensus/raft/message.h"
#include "services/consensus/storage/log_storage.h"
#include "services/consensus/transport/peer_secrets.h"
#include "services/consensus/transport/sealed_frames.h"
#include "z4j/raft/v1/raft.pb.h"

// What two nodes tell each other before anything else.  Pure.
namespace z4j::consensus {

namespace pb = ::z4j::raft::v1;

inline constexpr uint32_t kPeerProtocolVersion = 1;

// What this node says of itself.
struct Self {
  NodeIdentity identity;
  absl::Duration election_timeout;
  std::string version = {};                              // Of the program, for people.
  std::shared_ptr<const PeerSecrets> secrets = nullptr;  // Null: no proof is asked for or given.
};

// Without a challenge.
pb::PeerFrame HelloFrame(const Self& self);

// Who the other one is, if the two may talk.
//   INVALID_ARGUMENT     it is no Hello, or names no node.
//   FAILED_PRECONDITION  another cluster, protocol or election timeout; this very node.
absl::StatusOr<NodeIdentity> CheckHello(const pb::PeerFrame& frame, const Self& self);

// OK if `message` is from `peer`, for `self`.  INVALID_ARGUMENT.
absl::Status CheckEnvelope(const Message& message, const NodeIdentity& peer,
                           const NodeIdentity& self);

// To which call a greeting belongs; what is said in one proves nothing in another.
enum class PeerCall : uint8_t { kStream = 1, kSnapshot = 2 };

// One side of the greeting at the beginning of a call:
//
//   Handshake handshake(Handshake::Side::kDialer, PeerCall::kStream, self,
//   RandomBytes(kNonceBytes)); send handshake.Begin(); until handshake.done():  reply =
//   handshake.Take(frame);  send *reply, if there is one … from now on
//   handshake.sealer().Seal(&frame)  and  handshake.opener().Open(&frame)
//
// The dialed side does not Begin().  Both are done when either knows who the other is, by name and,
// if they share a secret, by proof; the dialer's last reply leaves before anything that is sealed.
class Handshake {
 public:
  enum class Side : uint8_t { kDialer, kListener };

  // `self` outlives this.  `nonce`: kNonceBytes that were never used before.
  Handshake(Side side, PeerCall call, const Self& self, std::string nonce);

  // The dialer's first frame.
  pb::PeerFrame Begin();

  // Takes the peer's next frame; returns what to answer, if anything.  After an error the call must
  // end.  Codes as CheckHello, and
  //   UNAUTHENTICATED  only one side has a secret, this one does not know the dialer's, or the
  //                    peer's proof is wrong.
  absl::StatusOr<std::optional<pb::PeerFrame>> Take(const pb::PeerFrame& frame);

  bool done() const { return done_; }
  // Who it says to be, from its Hello on; not to be believed before done().
  const NodeIdentity& peer() const { return peer_; }
  // Once done().
  FrameSealer& sealer() { return sealer_; }
  FrameOpener& opener() { return opener_; }

 private:
  struct Keys {
    std::string dialer_proof, listener_proof, dialer_seal, listener_seal;
  };

  absl::StatusOr<std::optional<pb::PeerFrame>> TakeHello(const pb::PeerFrame& frame);
  absl::StatusOr<const PeerSecret*> Agree(const pb::Hello& theirs) const;
  void Derive(const PeerSecret& secret, const pb::Hello& dialer, const pb::Hello& listener);
  void Finish();
  std::string ProofUnder(const std::string& key) const;

  const Side side_;
  const PeerCall call_;
  const Self& self_;
  const std::string nonce_;
  NodeIdentity peer_;
  bool done_ = false;
  pb::PeerFrame hello_;  // This side's.
  std::string transcript_;
  Keys keys_;  // Empty without a secret.
  FrameSealer sealer_;
  FrameOpener opener_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_HANDSHAKE_H_
