#ifndef Z4J_BASE_UUID_H_
#define Z4J_BASE_UUID_H_

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace z4j {

// 128 bits as RFC 4122 lays them out.  All zero is "none".
struct Uuid {
  std::array<uint8_t, 16> bytes{};

  // A random one (version 4) from the system's random source.
  static Uuid Random();
  // The name-based one (version 5, SHA-1) of `name` in `space`: the same in, the same out.
  static Uuid FromName(const Uuid& space, absl::string_view name);
  // Reads 32 hexadecimal digits, with or without the four hyphens.  INVALID_ARGUMENT otherwise.
  static absl::StatusOr<Uuid> Parse(absl::string_view text);
  // Reads exactly 16 raw bytes.  INVALID_ARGUMENT otherwise.
  static absl::StatusOr<Uuid> FromBytes(absl::string_view bytes);

  bool is_zero() const { return *this == Uuid{}; }
  // "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
  std::string ToString() const;
  // The 16 raw bytes.
  std::string ToBytes() const;

  friend auto operator<=>(const Uuid&, const Uuid&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Uuid& id) {
    return H::combine(std::move(h), id.bytes);
  }
};

// Uuids of different things do not mix: StrongUuid<struct ScheduleTag> is no StrongUuid<struct
// FireTag>.
template <typename Tag>
struct StrongUuid {
  Uuid value;

  std::string ToString() const { return value.ToString(); }
  friend auto operator<=>(const StrongUuid&, const StrongUuid&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const StrongUuid& id) {
    return H::combine(std::move(h), id.value);
  }
};

}  // namespace z4j

#endif  // Z4J_BASE_UUID_H_
