#include "services/consensus/machine/wire.h"

namespace z4j::consensus {

uint64_t Reader::Number() {
  uint64_t number = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint8_t byte = Byte();
    // The tenth byte has one bit left; and a last byte of 0 would be a second way to write it.
    if ((shift == 63 && byte > 1) || (shift > 0 && byte == 0)) ok_ = false;
    if (!ok_) return 0;
    number |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return number;
  }
  return 0;  // Not reached: the tenth byte has no continuation bit.
}

std::string_view Reader::String() {
  const uint64_t size = Number();
  if (size > bytes_.size()) ok_ = false;
  if (!ok_) return {};
  const std::string_view text = bytes_.substr(0, size);
  bytes_.remove_prefix(size);
  return text;
}

absl::Duration Reader::Duration() {
  const uint64_t micros = Number();
  if (micros == kNever.micros) return absl::InfiniteDuration();
  if (micros > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) ok_ = false;
  return ok_ ? absl::Microseconds(static_cast<int64_t>(micros)) : absl::ZeroDuration();
}

uint64_t HashBytes(std::string_view bytes) {
  const auto mix = [](uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0xff51afd7ed558ccd;
    return hash ^ (hash >> 32);
  };
  uint64_t hash = bytes.size();
  while (!bytes.empty()) {
    uint64_t word = 0;
    const size_t size = std::min(bytes.size(), sizeof(word));
    for (size_t i = 0; i < size; ++i) {  // Little-endian on every machine.
      word |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
    }
    hash = mix(hash, word);
    bytes.remove_prefix(size);
  }
  return mix(hash, 0);
}

}  // namespace z4j::consensus
