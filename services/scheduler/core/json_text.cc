#include "services/scheduler/core/json_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

// Written as it is, apart from quotes and backslashes.
bool IsPlain(char c) { return c >= 0x20 && static_cast<unsigned char>(c) < 0x80; }

bool IsEscaped(char c) { return c == '"' || c == '\\'; }

}  // namespace

void AppendJsonText(std::string& to, absl::string_view text) {
  const size_t start = to.size();
  to += '"';
  size_t begin = 0;  // Of what is not appended yet.
  for (size_t i = 0; i < text.size(); ++i) {
    if (IsPlain(text[i]) && !IsEscaped(text[i])) continue;
    if (!IsPlain(text[i])) {
      to.resize(start);
      to += Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
      return;
    }
    to.append(text.data() + begin, i - begin);
    to += '\\';
    begin = i;
  }
  to.append(text.data() + begin, text.size() - begin);
  to += '"';
}

bool TakeJsonText(absl::string_view& from, std::string& text) {
  if (from.empty() || from[0] != '"') return false;
  text.clear();
  bool is_plain = true;
  size_t begin = 1, end = 1;  // Of a piece without escapes.
  for (; end < from.size() && from[end] != '"'; ++end) {
    is_plain = is_plain && IsPlain(from[end]);
    if (from[end] != '\\') continue;
    if (++end == from.size()) return false;
    is_plain = is_plain && IsEscaped(from[end]);
    text.append(from.data() + begin, end - 1 - begin);
    begin = end;
  }
  if (end >= from.size()) return false;
  text.append(from.data() + begin, end - begin);
  if (!is_plain) {
    const Json read = Json::parse(from.begin(), from.begin() + end + 1, nullptr, false);
    if (!read.is_string()) return false;
    text = read.get<std::string>();
  }
  from.remove_prefix(end + 1);
  return true;
}

}  // namespace z4j::scheduler
