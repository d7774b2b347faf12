#ifndef Z4J_CONSENSUS_TRANSPORT_SEALED_FRAMES_H_
#define Z4J_CONSENSUS_TRANSPORT_SEALED_FRAMES_H_

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "services/consensus/transport/mac.h"
#include "z4j/raft/v1/raft.pb.h"

// One direction of a call, after the greeting.  Without a key frames pass as they are.  Pure; not
// thread-safe.
namespace z4j::consensus {

namespace pb = ::z4j::raft::v1;

class FrameSealer {
 public:
  FrameSealer() = default;
  explicit FrameSealer(std::string_view key) : mac_(key) {}

  // Frames are to be sent in the order in which they are sealed.
  void Seal(pb::PeerFrame* frame);

 private:
  std::optional<HmacSha256> mac_;
  uint64_t sealed_ = 0;
};

class FrameOpener {
 public:
  FrameOpener() = default;
  explicit FrameOpener(std::string_view key) : mac_(key) {}

  // Puts what was sealed into `frame`.  After an error the call must end.
  //   UNAUTHENTICATED   not sealed, not the next one, or not by who holds the key.
  //   INVALID_ARGUMENT  no frame is in it, or it is sealed and no secret is used.
  absl::Status Open(pb::PeerFrame* frame);

 private:
  std::optional<HmacSha256> mac_;
  uint64_t opened_ = 0;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_SEALED_FRAMES_H_
