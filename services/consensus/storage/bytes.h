#ifndef Z4J_CONSENSUS_STORAGE_BYTES_H_
#define Z4J_CONSENSUS_STORAGE_BYTES_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

// Numbers in files: little-endian, at places that the format page names.
namespace z4j::consensus {

static_assert(std::endian::native == std::endian::little);

template <typename Number>
void PutAt(std::string& bytes, size_t at, Number value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}
template <typename Number>
void PutBack(std::string& bytes, Number value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}
// `at + sizeof(Number)` must be within `bytes`.
template <typename Number>
Number GetAt(std::string_view bytes, size_t at) {
  Number value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_BYTES_H_
