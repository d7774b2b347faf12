#ifndef Z4J_SCHEDULER_CORE_JSON_TEXT_H_
#define Z4J_SCHEDULER_CORE_JSON_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

// One text in JSON that is written by hand, as nlohmann::json writes it: UTF-8 stays, what is none
// becomes U+FFFD.  Pure.
namespace z4j::scheduler {

// Appends `text` with its quotes and escapes.
void AppendJsonText(std::string& to, absl::string_view text);

// Takes the JSON text that `from` begins with, and moves `from` behind it.  False, and `from`
// stays, if there is none.
bool TakeJsonText(absl::string_view& from, std::string& text);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_JSON_TEXT_H_
