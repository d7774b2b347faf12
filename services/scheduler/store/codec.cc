#include "services/scheduler/store/codec.h"

#include <concepts>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/scheduler/core/civil_text.h"
#include "services/scheduler/core/json_text.h"
#include "services/scheduler/store/codec_fields.h"
#include "services/scheduler/store/codec_words.h"

namespace z4j::scheduler {
namespace {

using codec::Enum;
using codec::kInfiniteFuture;
using codec::kInfinitePast;
using codec::Nested;
using codec::Visit;
using codec::WordsOf;

// Appends an object, member after member.
class Writer {
 public:
  explicit Writer(std::string& to) : to_(to) {}

  void operator()(absl::string_view key, absl::string_view text) {
    if (text.empty()) return;
    Begin(key);
    AppendJsonText(to_, text);
  }
  template <std::integral N>
  void operator()(absl::string_view key, N number) {
    if (number == 0) return;
    Begin(key);
    absl::StrAppend(&to_, number);
  }
  void operator()(absl::string_view key, double number) {
    if (number == 0) return;
    Begin(key);
    to_ += nlohmann::json(number).dump();  // The shortest text that is this number.
  }
  void operator()(absl::string_view key, absl::Duration duration) {
    (*this)(key, absl::ToInt64Microseconds(duration));
  }
  void operator()(absl::string_view key, absl::Time time) {
    if (time == absl::InfinitePast()) return (*this)(key, kInfinitePast);
    if (time == absl::InfiniteFuture()) return (*this)(key, kInfiniteFuture);
    Begin(key);
    absl::StrAppend(&to_, absl::ToUnixMicros(time));
  }
  void operator()(absl::string_view key, absl::CivilDay date) { (*this)(key, DateText(date)); }
  void operator()(absl::string_view key, const ScheduleId& id) { (*this)(key, id.ToString()); }
  void operator()(absl::string_view key, const std::map<std::string, std::string>& map) {
    if (map.empty()) return;
    Begin(key);
    for (char before = '{'; const auto& [name, text] : map) {
      to_ += std::exchange(before, ',');
      AppendJsonText(to_, name);
      to_ += ':';
      AppendJsonText(to_, text);
    }
    to_ += '}';
  }
  void operator()(absl::string_view key, Enum auto value) { (*this)(key, TextOf(value)); }
  template <Enum E>
  void operator()(absl::string_view key, const std::vector<E>& values) {
    if (values.empty()) return;
    Begin(key);
    for (char before = '['; const E value : values) {
      to_ += std::exchange(before, ',');
      AppendJsonText(to_, TextOf(value));
    }
    to_ += ']';
  }
  template <typename T>
  void operator()(absl::string_view key, const std::optional<T>& value) {
    if (value) (*this)(key, *value);
  }
  void operator()(absl::string_view key, const Spec& spec) {
    Begin(key);
    std::visit([this](const auto& s) { Put(s); }, spec);
  }
  void operator()(absl::string_view key, const Nested auto& value) {
    Begin(key);
    Put(value);
  }

  // Appends all of `value`.
  void Put(const auto& value) {
    const char outer = std::exchange(before_, '{');
    Visit(*this, value);
    to_ += before_ == '{' ? "{}" : "}";
    before_ = outer;
  }

 private:
  void Begin(absl::string_view key) {
    to_ += std::exchange(before_, ',');
    to_ += '"';
    to_.append(key.data(), key.size());
    to_ += "\":";
  }
  static absl::string_view TextOf(Enum auto value) {
    for (const auto& word : WordsOf(value)) {
      if (word.value == value) return word.text;
    }
    return "";
  }

  std::string& to_;
  char before_ = '{';  // What stands before the next member.
};

}  // namespace

std::string EncodeSchedule(const Schedule& schedule) {
  std::string text;
  text.reserve(1024);
  Writer(text).Put(schedule);
  return text;
}

absl::string_view KindOf(const Spec& spec) {
  return std::visit([](const auto& s) { return codec::KindWord(s); }, spec);
}

int64_t ToMicros(absl::Time time) { return absl::ToUnixMicros(time); }  // Saturates at both ends.

absl::Time FromMicros(int64_t micros) {
  if (micros == std::numeric_limits<int64_t>::min()) return absl::InfinitePast();
  if (micros == std::numeric_limits<int64_t>::max()) return absl::InfiniteFuture();
  return absl::FromUnixMicros(micros);
}

}  // namespace z4j::scheduler
