#include <algorithm>
#include <charconv>
#include <concepts>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/civil_text.h"
#include "services/scheduler/core/json_text.h"
#include "services/scheduler/store/codec.h"
#include "services/scheduler/store/codec_fields.h"

namespace z4j::scheduler {
namespace {

using codec::Enum;
using codec::kInfiniteFuture;
using codec::kInfinitePast;
using codec::Nested;
using codec::Visit;
using codec::WordsOf;

// Takes members in the order in which Writer appends them.  Keeps the first fault, and reads
// nothing behind it.
class Reader {
 public:
  explicit Reader(absl::string_view text) : rest_(text) {}

  absl::Status Finish() {
    if (error_.empty() && !rest_.empty()) error_ = "goes on behind its end";
    if (error_.empty()) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("stored schedule: ", error_));
  }

  void operator()(const char* key, std::string& text) {
    text.clear();
    if (Take(key) && !TakeJsonText(rest_, text)) Fail(key, "is no text");
  }
  void operator()(const char* key, const char* word) {
    std::string text;
    (*this)(key, text);
    if (text != word) Fail(key, "is another one");
  }
  template <typename N>
  requires std::integral<N> || std::floating_point<N>
  void operator()(const char* key, N& number) {
    number = 0;
    if (Take(key) && !TakeNumber(number)) Fail(key, "is no number that fits here");
  }
  void operator()(const char* key, absl::Duration& duration) {
    int64_t micros = 0;
    (*this)(key, micros);
    duration = absl::Microseconds(micros);
  }
  void operator()(const char* key, absl::Time& time) {
    if (!Need(key)) return;
    int64_t micros = 0;
    std::string text;
    if (TakeNumber(micros)) {
      time = absl::FromUnixMicros(micros);
    } else if (TakeJsonText(rest_, text) && (text == kInfinitePast || text == kInfiniteFuture)) {
      time = text == kInfinitePast ? absl::InfinitePast() : absl::InfiniteFuture();
    } else {
      Fail(key, "is no time");
    }
  }
  void operator()(const char* key, absl::CivilDay& date) {
    std::string text;
    (*this)(key, text);
    const std::optional<absl::CivilDay> read = ParseDate(text);
    if (!read.has_value()) return Fail(key, "is no date");
    date = *read;
  }
  void operator()(const char* key, ScheduleId& id) {
    std::string text;
    (*this)(key, text);
    absl::StatusOr<Uuid> uuid = Uuid::Parse(text);
    if (!uuid.ok()) return Fail(key, "is no id");
    id.value = *uuid;
  }
  void operator()(const char* key, std::map<std::string, std::string>& map) {
    map.clear();
    if (!Take(key)) return;
    bool is_fine = true;
    std::string name, text;
    for (char before = '{'; is_fine && TakeChar(std::exchange(before, ','));) {
      is_fine = TakeJsonText(rest_, name) && TakeChar(':') && TakeJsonText(rest_, text);
      map.emplace_hint(map.end(), std::move(name), std::move(text));
    }
    if (!is_fine || !TakeChar('}')) Fail(key, "is no map of texts");
  }
  void operator()(const char* key, Enum auto& value) {
    std::string text;
    (*this)(key, text);
    if (!ReadWord(text, value)) Fail(key, "is no word known here");
  }
  template <Enum E>
  void operator()(const char* key, std::vector<E>& values) {
    values.clear();
    if (!Take(key)) return;
    bool is_fine = true;
    std::string text;
    for (char before = '['; is_fine && TakeChar(std::exchange(before, ','));) {
      is_fine = TakeJsonText(rest_, text) && ReadWord(text, values.emplace_back());
    }
    if (!is_fine || !TakeChar(']')) Fail(key, "is no list of words known here");
  }
  template <typename T>
  void operator()(const char* key, std::optional<T>& value) {
    value.reset();
    if (IsNext(key)) (*this)(key, value.emplace());
  }
  void operator()(const char* key, Spec& spec) {
    if (!Need(key)) return;
    // Quotes within a text are escaped: this can only be the key.
    constexpr absl::string_view kKind = "\"kind\":";
    absl::string_view at = rest_.substr(std::min(rest_.find(kKind), rest_.size()));
    std::string kind;
    if (absl::ConsumePrefix(&at, kKind)) TakeJsonText(at, kind);
    for (const Spec& one : {Spec(CronSpec()), Spec(IntervalSpec()), Spec(OneShotSpec()),
                            Spec(SolarSpec()), Spec(CalendarIntervalSpec())}) {
      if (KindOf(one) != kind) continue;
      spec = one;
      return std::visit([&](auto& s) { TakeAll(key, s); }, spec);
    }
    Fail(key, "is of no kind known here");
  }
  void operator()(const char* key, Nested auto& nested) {
    if (Need(key)) TakeAll(key, nested);
  }

  // Takes all of `value`.
  void TakeAll(auto& value) {
    const char outer = std::exchange(before_, '{');
    Visit(*this, value);
    const bool is_at_end = (before_ != '{' || TakeChar('{')) && TakeChar('}');
    if (!is_at_end && error_.empty()) error_ = "holds an unknown key, or is cut short";
    before_ = outer;
  }

 private:
  static bool ReadWord(const std::string& text, Enum auto& value) {
    for (const auto& word : WordsOf(value)) {
      if (word.text != text) continue;
      value = word.value;
      return true;
    }
    return false;
  }
  void TakeAll(const char* key, auto& value) {
    TakeAll(value);
    if (!error_.empty()) error_ = absl::StrCat("key \"", key, "\": ", error_);
  }
  bool TakeChar(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool TakeNumber(auto& number) {
    const char* const end = rest_.data() + std::min(rest_.find_first_of(",}"), rest_.size());
    const std::from_chars_result read = std::from_chars(rest_.data(), end, number);
    if (read.ec != std::errc() || read.ptr != end) return false;
    rest_.remove_prefix(end - rest_.data());
    return true;
  }
  // Whether the next member is `key`.
  bool IsNext(absl::string_view key) const {
    return rest_.size() > key.size() + 4 && rest_[0] == before_ && rest_[1] == '"' &&
           rest_.substr(2, key.size()) == key && rest_.substr(2 + key.size(), 2) == "\":";
  }
  bool Take(absl::string_view key) {
    if (!IsNext(key)) return false;
    rest_.remove_prefix(key.size() + 4);
    before_ = ',';
    return true;
  }
  bool Need(absl::string_view key) {
    const bool is_there = Take(key);
    if (!is_there) Fail(key, "is missing where it belongs");
    return is_there;
  }
  void Fail(absl::string_view key, absl::string_view what) {
    if (error_.empty()) error_ = absl::StrCat("key \"", key, "\" ", what);
    rest_ = "";
  }

  absl::string_view rest_;
  char before_ = '{';  // What stands before the next member.
  std::string error_;
};

}  // namespace

absl::StatusOr<Schedule> DecodeSchedule(absl::string_view text) {
  Reader reader(text);
  Schedule schedule;
  reader.TakeAll(schedule);
  RETURN_IF_ERROR(reader.Finish());
  return schedule;
}

}  // namespace z4j::scheduler
