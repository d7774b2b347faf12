#include "services/consensus/machine/codec.h"

#include "services/consensus/machine/wire.h"

namespace z4j::consensus {
namespace {

constexpr uint8_t kVersion = 1;

template <typename T>
std::string Encode(const T& value) {
  Writer writer;
  writer.Byte(kVersion);
  writer.Put(value);
  return writer.Take();
}

template <typename T>
absl::StatusOr<T> Decode(std::string_view bytes, const char* what) {
  Reader reader(bytes);
  const uint8_t version = reader.Byte();
  T value = reader.Get<T>();
  if (version != kVersion || !reader.done()) return absl::InvalidArgumentError(what);
  return value;
}

}  // namespace

std::string EncodeCommand(const Envelope& envelope) { return Encode(envelope); }
absl::StatusOr<Envelope> DecodeCommand(std::string_view bytes) {
  return Decode<Envelope>(bytes, "these bytes are no command of this version");
}

std::string EncodeAnswer(const Answer& answer) { return Encode(answer); }
absl::StatusOr<Answer> DecodeAnswer(std::string_view bytes) {
  return Decode<Answer>(bytes, "these bytes are no answer of this version");
}

}  // namespace z4j::consensus
