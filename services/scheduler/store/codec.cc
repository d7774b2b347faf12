#include "services/scheduler/store/codec.h"

#include <concepts>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/store/codec_fields.h"
#include "services/scheduler/store/codec_words.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;
using codec::Is;
using codec::Visit;
using codec::WordsOf;

constexpr char kInfinitePast[] = "infinite_past";
constexpr char kInfiniteFuture[] = "infinite_future";

template <typename T>
concept Enum = std::is_enum_v<T>;
// What is written as an object of its own.
template <typename T>
concept Nested = Is<T, RetryPolicy> || Is<T, RunRetry> || Is<T, ImportSource> || Is<T, Pause>;

// Fills a JSON object.
class Writer {
 public:
  Json object = Json::object();

  void operator()(const char* key, const std::string& text) {
    if (!text.empty()) object[key] = text;
  }
  template <typename N>
  requires std::integral<N> || std::floating_point<N>
  void operator()(const char* key, N number) {
    if (number != 0) object[key] = number;
  }
  void operator()(const char* key, absl::Duration duration) {
    (*this)(key, absl::ToInt64Microseconds(duration));
  }
  void operator()(const char* key, absl::Time time) {
    if (time == absl::InfinitePast()) {
      object[key] = kInfinitePast;
    } else if (time == absl::InfiniteFuture()) {
      object[key] = kInfiniteFuture;
    } else {
      object[key] = absl::ToUnixMicros(time);
    }
  }
  void operator()(const char* key, const ScheduleId& id) { object[key] = id.ToString(); }
  void operator()(const char* key, const std::map<std::string, std::string>& map) {
    if (!map.empty()) object[key] = map;
  }
  void operator()(const char* key, Enum auto value) {
    for (const auto& word : WordsOf(value)) {
      if (word.value == value) object[key] = word.text;
    }
  }
  template <typename T>
  void operator()(const char* key, const std::optional<T>& value) {
    if (value) (*this)(key, *value);
  }
  template <Enum E>
  void operator()(const char* key, const std::vector<E>& values) {
    if (values.empty()) return;
    Json& words = object[key] = Json::array();
    for (const E value : values) {
      for (const auto& word : WordsOf(value)) {
        if (word.value == value) words.push_back(word.text);
      }
    }
  }
  void operator()(const char* key, const Spec& spec) {
    Writer inner;
    inner("kind", std::string(KindOf(spec)));
    std::visit([&](const auto& s) { Visit(inner, s); }, spec);
    object[key] = std::move(inner.object);
  }
  void operator()(const char* key, const Nested auto& value) {
    Writer inner;
    Visit(inner, value);
    object[key] = std::move(inner.object);
  }
};

// Takes fields out of a JSON object.  Remembers the first key that is wrong, and how many it took,
// so that unknown keys are found.
class Reader {
 public:
  explicit Reader(Json& object) : object_(object) {
    if (!object_.is_object()) Fail("(all)", "is no object");
  }

  absl::Status Finish() {
    if (error_.empty() && taken_ != object_.size()) error_ = "holds an unknown key";
    if (error_.empty()) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("stored schedule: ", error_));
  }

  void operator()(const char* key, std::string& text) {
    text.clear();
    if (Json* value = Take(key)) {
      if (!value->is_string()) return Fail(key, "is no text");
      text = std::move(value->get_ref<std::string&>());
    }
  }
  template <std::integral N>
  void operator()(const char* key, N& number) {
    number = 0;
    const Json* value = Take(key);
    if (value == nullptr) return;
    if (!value->is_number_integer()) return Fail(key, "is no whole number");
    const bool fits = value->is_number_unsigned() ? std::in_range<N>(value->get<uint64_t>())
                                                  : std::in_range<N>(value->get<int64_t>());
    if (!fits) return Fail(key, "is too large");
    number = value->get<N>();
  }
  void operator()(const char* key, double& number) {
    number = 0;
    if (const Json* value = Take(key)) {
      if (!value->is_number()) return Fail(key, "is no number");
      number = value->get<double>();
    }
  }
  void operator()(const char* key, absl::Duration& duration) {
    int64_t micros = 0;
    (*this)(key, micros);
    duration = absl::Microseconds(micros);
  }
  void operator()(const char* key, absl::Time& time) {
    const Json* value = Find(key);
    if (value == nullptr) return Fail(key, "is missing");
    if (value->is_string()) {
      std::string text;
      (*this)(key, text);
      if (text != kInfinitePast && text != kInfiniteFuture) return Fail(key, "is no time");
      time = text == kInfinitePast ? absl::InfinitePast() : absl::InfiniteFuture();
      return;
    }
    int64_t micros = 0;
    (*this)(key, micros);
    time = absl::FromUnixMicros(micros);
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
    Json* value = Take(key);
    if (value == nullptr) return;
    if (!value->is_object()) return Fail(key, "is no map");
    for (auto& [name, text] : value->get_ref<Json::object_t&>()) {
      if (!text.is_string()) return Fail(key, "holds what is no text");
      map.emplace_hint(map.end(), name, std::move(text.get_ref<std::string&>()));
    }
  }
  void operator()(const char* key, Enum auto& value) {
    std::string text;
    (*this)(key, text);
    if (!ReadWord(text, value)) Fail(key, "is no word known here");
  }
  template <Enum E>
  void operator()(const char* key, std::vector<E>& values) {
    values.clear();
    const Json* value = Take(key);
    if (value == nullptr) return;
    if (!value->is_array()) return Fail(key, "is no list");
    for (const Json& word : *value) {
      const bool known =
          word.is_string() && ReadWord(word.get_ref<const std::string&>(), values.emplace_back());
      if (!known) return Fail(key, "holds what is no word known here");
    }
  }
  template <typename T>
  void operator()(const char* key, std::optional<T>& value) {
    value.reset();
    if (Find(key) != nullptr) (*this)(key, value.emplace());
  }
  void operator()(const char* key, Spec& spec) {
    Json* value = Take(key);
    if (value == nullptr) return Fail(key, "is missing");
    Reader inner(*value);
    std::string kind;
    inner("kind", kind);
    for (const Spec& one : {Spec(CronSpec()), Spec(IntervalSpec()), Spec(OneShotSpec()),
                            Spec(SolarSpec()), Spec(CalendarIntervalSpec())}) {
      if (KindOf(one) != kind) continue;
      spec = one;
      std::visit([&](auto& s) { Visit(inner, s); }, spec);
      return Join(key, inner);
    }
    Fail(key, "is of no kind known here");
  }
  void operator()(const char* key, Nested auto& nested) {
    Json* value = Take(key);
    if (value == nullptr) return Fail(key, "is missing");
    Reader inner(*value);
    Visit(inner, nested);
    Join(key, inner);
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
  Json* Find(const char* key) {
    if (!object_.is_object()) return nullptr;
    auto it = object_.find(key);
    return it == object_.end() ? nullptr : &*it;
  }
  Json* Take(const char* key) {
    Json* value = Find(key);
    if (value != nullptr) ++taken_;
    return value;
  }
  void Fail(absl::string_view key, absl::string_view what) {
    if (error_.empty()) error_ = absl::StrCat("key \"", key, "\" ", what);
  }
  void Join(const char* key, Reader& inner) {
    if (absl::Status status = inner.Finish(); !status.ok()) Fail(key, status.message());
  }

  Json& object_;
  size_t taken_ = 0;
  std::string error_;
};

}  // namespace

std::string EncodeSchedule(const Schedule& schedule) {
  Writer writer;
  Visit(writer, schedule);
  return writer.object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<Schedule> DecodeSchedule(absl::string_view text) {
  Json object = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) return absl::DataLossError("stored schedule: is no JSON");
  Reader reader(object);
  Schedule schedule;
  Visit(reader, schedule);
  RETURN_IF_ERROR(reader.Finish());
  return schedule;
}

absl::string_view KindOf(const Spec& spec) {
  constexpr absl::string_view kKinds[] = {"cron", "interval", "one_shot", "solar",
                                          "calendar_interval"};
  static_assert(std::variant_size_v<Spec> == std::size(kKinds));
  return kKinds[spec.index()];
}

int64_t ToMicros(absl::Time time) { return absl::ToUnixMicros(time); }  // Saturates at both ends.

absl::Time FromMicros(int64_t micros) {
  if (micros == std::numeric_limits<int64_t>::min()) return absl::InfinitePast();
  if (micros == std::numeric_limits<int64_t>::max()) return absl::InfiniteFuture();
  return absl::FromUnixMicros(micros);
}

}  // namespace z4j::scheduler
