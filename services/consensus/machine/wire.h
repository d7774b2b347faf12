#ifndef Z4J_CONSENSUS_MACHINE_WIRE_H_
#define Z4J_CONSENSUS_MACHINE_WIRE_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "services/consensus/machine/cluster_time.h"

// Values as bytes, one way only.
//
//   number           LEB128, no longer than needed; so are Duration (in µs; infinite: all ones),
//                    ClusterTime, Term, Index and the like
//   bool, optional   one byte, 0 or 1; then the value if there is one; so is a shared string
//   enumeration      one byte, at most Last(enumeration)
//   string           length, bytes
//   list             length, elements
//   map              length, keys and values, keys strictly ascending
//   variant          one byte, the alternative; then its value
//   struct           its Fields
namespace z4j::consensus {

template <typename T>
concept HasFields = requires(T& value) {
  T::Fields(value);
};
template <typename T>
concept IsNumberType = !HasFields<T> && requires(T value) {
  { value.value } -> std::convertible_to<uint64_t>;
};

template <typename T>
inline constexpr bool kIsOptional = false;
template <typename T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <typename T>
inline constexpr bool kIsList = false;
template <typename T>
inline constexpr bool kIsList<std::vector<T>> = true;
template <typename T>
inline constexpr bool kIsList<std::deque<T>> = true;
template <typename T>
inline constexpr bool kIsMap = false;
template <typename K, typename V>
inline constexpr bool kIsMap<std::map<K, V>> = true;
template <typename T>
inline constexpr bool kIsVariant = false;
template <typename... T>
inline constexpr bool kIsVariant<std::variant<T...>> = true;

using SharedString = std::shared_ptr<const std::string>;

class Writer {
 public:
  void Byte(uint8_t byte) { bytes_.push_back(static_cast<char>(byte)); }
  void Number(uint64_t number) {
    for (; number >= 0x80; number >>= 7) Byte(static_cast<uint8_t>(number) | 0x80);
    Byte(static_cast<uint8_t>(number));
  }
  void String(std::string_view text) {
    Number(text.size());
    Raw(text);
  }
  void Raw(std::string_view bytes) { bytes_.append(bytes); }

  template <typename T>
  void Put(const T& value) {
    if constexpr (HasFields<const T>) {
      std::apply([this](const auto&... field) { (this->Put(field), ...); }, T::Fields(value));
    } else if constexpr (std::is_same_v<T, bool> || std::is_enum_v<T>) {
      Byte(static_cast<uint8_t>(value));
    } else if constexpr (std::is_same_v<T, uint64_t>) {
      Number(value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      String(value);
    } else if constexpr (std::is_same_v<T, ClusterTime>) {
      Number(value.micros);
    } else if constexpr (std::is_same_v<T, absl::Duration>) {
      Number((ClusterTime{} + std::max(value, absl::ZeroDuration())).micros);
    } else if constexpr (std::is_same_v<T, SharedString>) {
      Put(value != nullptr);
      if (value != nullptr) String(*value);
    } else if constexpr (kIsOptional<T>) {
      Put(value.has_value());
      if (value.has_value()) Put(*value);
    } else if constexpr (kIsList<T>) {
      Number(value.size());
      for (const auto& element : value) Put(element);
    } else if constexpr (kIsMap<T>) {
      Number(value.size());
      for (const auto& [key, mapped] : value) {
        Put(key);
        Put(mapped);
      }
    } else if constexpr (kIsVariant<T>) {
      Byte(static_cast<uint8_t>(value.index()));
      std::visit([this](const auto& alternative) { this->Put(alternative); }, value);
    } else if constexpr (!std::is_same_v<T, std::monostate>) {
      static_assert(IsNumberType<T>);
      Number(value.value);
    }
  }

  void Reserve(size_t bytes) { bytes_.reserve(bytes); }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what Writer wrote.  After the first byte that it cannot have written, ok() is false and all
// that is read is worthless.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool done() const { return ok_ && bytes_.empty(); }  // Everything was read.

  uint8_t Byte() {
    if (bytes_.empty()) ok_ = false;
    if (!ok_) return 0;
    const auto byte = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  uint64_t Number();
  std::string_view String();

  template <typename T>
  T Get() {
    T value{};
    Fill(value);
    return value;
  }

  template <typename T>
  void Fill(T& value) {
    if constexpr (HasFields<T>) {
      std::apply([this](auto&... field) { (this->Fill(field), ...); }, T::Fields(value));
    } else if constexpr (std::is_same_v<T, bool>) {
      value = UpTo(1) == 1;
    } else if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(UpTo(static_cast<uint8_t>(Last(T{}))));
    } else if constexpr (std::is_same_v<T, uint64_t>) {
      value = Number();
    } else if constexpr (std::is_same_v<T, std::string>) {
      value = String();
    } else if constexpr (std::is_same_v<T, ClusterTime>) {
      value.micros = Number();
    } else if constexpr (std::is_same_v<T, absl::Duration>) {
      value = Duration();
    } else if constexpr (std::is_same_v<T, SharedString>) {
      value = UpTo(1) == 1 ? std::make_shared<const std::string>(String()) : nullptr;
    } else if constexpr (kIsOptional<T>) {
      if (UpTo(1) == 1) Fill(value.emplace());
    } else if constexpr (kIsList<T>) {
      for (uint64_t n = Number(); ok_ && n > 0; --n) Fill(value.emplace_back());
    } else if constexpr (kIsMap<T>) {
      FillMap(value);
    } else if constexpr (kIsVariant<T>) {
      FillVariant(value, UpTo(std::variant_size_v<T> - 1),
                  std::make_index_sequence<std::variant_size_v<T>>());
    } else if constexpr (!std::is_same_v<T, std::monostate>) {
      static_assert(IsNumberType<T>);
      value.value = Number();
    }
  }

 private:
  uint8_t UpTo(uint8_t max) {
    const uint8_t byte = Byte();
    if (byte > max) ok_ = false;
    return ok_ ? byte : 0;
  }
  absl::Duration Duration();

  template <typename K, typename V>
  void FillMap(std::map<K, V>& map) {
    for (uint64_t n = Number(); ok_ && n > 0; --n) {
      K key = Get<K>();
      if (!map.empty() && !(map.rbegin()->first < key)) ok_ = false;
      if (ok_) Fill(map.emplace_hint(map.end(), std::move(key), V{})->second);
    }
  }
  template <typename... T, size_t... I>
  void FillVariant(std::variant<T...>& variant, size_t index, std::index_sequence<I...>) {
    ((index == I ? Fill(variant.template emplace<I>()) : void()), ...);
  }

  std::string_view bytes_;
  bool ok_ = true;
};

// Equal for equal bytes, on every machine and in every version; tells apart what differs by
// accident, not by intent.
uint64_t HashBytes(std::string_view bytes);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_MACHINE_WIRE_H_
