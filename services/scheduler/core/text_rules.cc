#include "services/scheduler/core/text_rules.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

constexpr int kQuotedBytesMax = 60;

// Length of the UTF-8 character that `text` begins with; 0 if it begins with none (overlong forms
// and surrogates included).
int CharLength(absl::string_view text) {
  const auto byte = [&text](int i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  const int length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (length == 0 || lead > 0xf4 || length > text.size()) return 0;
  for (int i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (lead == 0xe0 && byte(1) < 0xa0) return 0;
  if (lead == 0xed && byte(1) > 0x9f) return 0;
  if (lead == 0xf0 && byte(1) < 0x90) return 0;
  if (lead == 0xf4 && byte(1) > 0x8f) return 0;
  return length;
}

}  // namespace

std::string CheckText(absl::string_view text, int chars_min, int chars_max, TextShape shape) {
  int chars = 0;
  for (absl::string_view rest = text; !rest.empty(); ++chars) {
    const int length = CharLength(rest);
    if (length == 0) return "is not valid UTF-8; send it in that encoding";
    const char c = rest[0];
    const bool is_layout = c == '\n' || c == '\r' || c == '\t';
    if (absl::ascii_iscntrl(c) && !(is_layout && shape == TextShape::kProse)) {
      return absl::StrCat("holds a control character (", absl::Hex(c, absl::kZeroPad2),
                          " hex) at position ", chars + 1, "; leave it out");
    }
    rest.remove_prefix(length);
  }
  if (chars == 0 && chars_min > 0) return "is empty; it must be given";
  if (chars > chars_max) {
    return absl::StrCat("has ", chars, " characters; at most ", chars_max, " are allowed");
  }
  return "";
}

bool HasOnly(absl::string_view text, absl::string_view others, bool upper_case) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) ||
           (upper_case && absl::ascii_isupper(c)) || others.find(c) != absl::string_view::npos;
  });
}

std::string CheckKey(absl::string_view key) {
  if (!key.empty() && key.size() <= kLabelCharsMax && HasOnly(key, "-_./", true) &&
      absl::ascii_isalnum(key.front())) {
    return "";
  }
  return absl::StrCat("is no key; write 1 to ", kLabelCharsMax,
                      " letters, digits and any of - _ . / and begin with a letter or digit");
}

std::string CheckJson(absl::string_view text, JsonShape shape, int bytes_max) {
  if (text.size() > bytes_max) {
    return absl::StrCat("has ", text.size(), " bytes; at most ", bytes_max,
                        " are allowed (pass a reference to larger data)");
  }
  int depth_max = 0;
  using Event = nlohmann::json::parse_event_t;
  const auto note_depth = [&depth_max](int depth, Event event, const auto&) {
    const bool opens = event == Event::array_start || event == Event::object_start;
    if (opens) depth_max = std::max(depth_max, depth + 1);
    return true;
  };
  const auto json = nlohmann::json::parse(text.begin(), text.end(), note_depth,
                                          /*allow_exceptions=*/false);
  if (json.is_discarded()) return "is not valid JSON; check quotes, commas and brackets";
  if (depth_max > kJsonDepthMax) {
    return absl::StrCat("nests ", depth_max, " levels deep; at most ", kJsonDepthMax,
                        " are allowed");
  }
  if (shape == JsonShape::kArray && !json.is_array()) {
    return absl::StrCat("is a JSON ", json.type_name(), "; write an array such as [1, \"a\"]");
  }
  if (shape == JsonShape::kObject && !json.is_object()) {
    return absl::StrCat("is a JSON ", json.type_name(), "; write an object such as {\"key\": 1}");
  }
  return "";
}

std::string Quoted(absl::string_view text) {
  const bool is_long = text.size() > kQuotedBytesMax;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kQuotedBytesMax)),
                      is_long ? "…\"" : "\"");
}

}  // namespace z4j::scheduler
