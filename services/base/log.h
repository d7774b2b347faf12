#ifndef Z4J_BASE_LOG_H_
#define Z4J_BASE_LOG_H_

#include <initializer_list>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

// One line per event on standard error: a short constant message, and what varies in fields, so
// that lines can be searched and counted.  Never log payloads (args, kwargs) or keys.
namespace z4j {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

struct LogField {
  LogField(absl::string_view name, const absl::AlphaNum& value)
      : name(name), value(value.Piece()) {}
  absl::string_view name;
  std::string value;
};
using LogFields = std::initializer_list<LogField>;

// Text from kInfo on unless this was called.  Thread-safe.
void ConfigureLog(LogFormat format, LogLevel least);

// LogInfo("leadership gained", {{"token", token.value}});  Thread-safe; never fails.
void Log(LogLevel level, absl::string_view message, LogFields fields = {});
inline void LogInfo(absl::string_view message, LogFields fields = {}) {
  Log(LogLevel::kInfo, message, fields);
}
inline void LogWarning(absl::string_view message, LogFields fields = {}) {
  Log(LogLevel::kWarning, message, fields);
}
inline void LogError(absl::string_view message, LogFields fields = {}) {
  Log(LogLevel::kError, message, fields);
}

// The line that Log writes, without the newline.  Pure, for tests.
std::string FormatLogLine(LogFormat format, LogLevel level, absl::string_view time,
                          absl::string_view message, LogFields fields);

}  // namespace z4j

#endif  // Z4J_BASE_LOG_H_
