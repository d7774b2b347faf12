#ifndef Z4J_SCHEDULER_CORE_TEXT_RULES_H_
#define Z4J_SCHEDULER_CORE_TEXT_RULES_H_

#include <string>

#include "absl/strings/string_view.h"

// What texts may be, for validation.  A rule returns what is wrong in words that follow the value
// ("has 300 characters; …"), or an empty text.  Pure.
namespace z4j::scheduler {

// Whether lines and tabs are allowed.
enum class TextShape { kOneLine, kProse };

// Characters of UTF-8 `text`, min..max of them, and no control characters.
std::string CheckText(absl::string_view text, int chars_min, int chars_max, TextShape shape);

// The characters of an identifier: ASCII letters, digits and `others`.
bool HasOnly(absl::string_view text, absl::string_view others, bool upper_case);

// The key of a label or an option: 1 to kLabelCharsMax of those characters.
std::string CheckKey(absl::string_view key);

enum class JsonShape { kAny, kArray, kObject };

// One JSON text of that shape, in at most `bytes_max` bytes and kJsonDepthMax levels.
std::string CheckJson(absl::string_view text, JsonShape shape, int bytes_max);

// `text` in double quotes, as far as a message has room for it; anything that could garble a
// message is escaped.
std::string Quoted(absl::string_view text);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_TEXT_RULES_H_
