// What the seal of a shared secret costs a frame between two nodes: one is serialized, parsed and
// taken apart again, with and without.  Both ends run on this thread, so half of the difference is
// one node's.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "services/consensus/transport/sealed_frames.h"

namespace z4j::consensus {
namespace {

constexpr int kRounds = 5;  // The best one counts: others had the processor, too.
constexpr size_t kBytesPerRound = 64 * 1024 * 1024;
constexpr int kFramesMax = 50'000;

double MicrosecondsOf(size_t payload, FrameSealer sealer, FrameOpener opener) {
  pb::PeerFrame original;
  original.mutable_message()->mutable_append_request()->add_entries()->set_data(
      std::string(payload, 'x'));
  const int frames = static_cast<int>(std::clamp<size_t>(kBytesPerRound / payload, 1, kFramesMax));
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < frames; ++i) {
    pb::PeerFrame frame = original;
    sealer.Seal(&frame);
    pb::PeerFrame read;
    if (!read.ParseFromString(frame.SerializeAsString()) || !opener.Open(&read).ok()) std::abort();
  }
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begun;
  return took.count() / frames;
}

double Best(size_t payload, bool sealed) {
  const std::string key(kMacBytes, 'k');
  double best = 1e9;
  for (int i = 0; i < kRounds; ++i) {
    best = std::min(best, sealed ? MicrosecondsOf(payload, FrameSealer(key), FrameOpener(key))
                                 : MicrosecondsOf(payload, {}, {}));
  }
  return best;
}

}  // namespace
}  // namespace z4j::consensus

int main() {
  std::printf("%10s %12s %12s\n", "bytes", "plain (us)", "sealed (us)");
  for (const size_t payload : {100, 1'000, 10'000, 100'000, 256'000}) {
    std::printf("%10zu %12.2f %12.2f\n", payload, z4j::consensus::Best(payload, false),
                z4j::consensus::Best(payload, true));
  }
}
