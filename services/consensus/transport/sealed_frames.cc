#include "services/consensus/transport/sealed_frames.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace z4j::consensus {
namespace {

std::string BigEndian(uint64_t number) {
  std::string bytes(8, '\0');
  for (int i = 7; i >= 0; --i, number >>= 8) bytes[i] = static_cast<char>(number);
  return bytes;
}

}  // namespace

void FrameSealer::Seal(pb::PeerFrame* frame) {
  if (!mac_.has_value()) return;
  pb::PeerFrame out;
  pb::SealedFrame* sealed = out.mutable_sealed();
  frame->SerializeToString(sealed->mutable_frame());
  sealed->set_sequence(++sealed_);
  sealed->set_mac(mac_->Of(BigEndian(sealed_), sealed->frame()));
  frame->Swap(&out);
}

absl::Status FrameOpener::Open(pb::PeerFrame* frame) {
  if (!mac_.has_value()) {
    return frame->has_sealed() ? absl::InvalidArgumentError("sealed, and no secret is used")
                               : absl::OkStatus();
  }
  if (!frame->has_sealed()) return absl::UnauthenticatedError("a frame is not sealed");
  const pb::SealedFrame& sealed = frame->sealed();
  // By its expected place, so that the MAC alone decides and a wrong number is never computed with.
  const std::string mac = mac_->Of(BigEndian(opened_ + 1), sealed.frame());
  if (sealed.sequence() != opened_ + 1 || !EqualInConstantTime(mac, sealed.mac())) {
    return absl::UnauthenticatedError(
        absl::StrCat("frame ", opened_ + 1, " is not what the peer sealed as such"));
  }
  ++opened_;
  pb::PeerFrame out;
  if (!out.ParseFromString(sealed.frame()) || out.has_sealed()) {
    return absl::InvalidArgumentError("no frame is sealed");
  }
  frame->Swap(&out);
  return absl::OkStatus();
}

}  // namespace z4j::consensus
