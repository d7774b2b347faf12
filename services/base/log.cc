#include "services/base/log.h"

#include <atomic>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace z4j {
namespace {

std::atomic<LogFormat> g_format = LogFormat::kText;
std::atomic<LogLevel> g_least = LogLevel::kInfo;

absl::string_view NameOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

std::string Quoted(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out += '"';
}

}  // namespace

std::string FormatLogLine(LogFormat format, LogLevel level, absl::string_view time,
                          absl::string_view message, LogFields fields) {
  if (format == LogFormat::kJson) {
    std::string line = absl::StrCat("{\"time\":\"", time, "\",\"level\":\"", NameOf(level),
                                    "\",\"message\":", Quoted(message));
    for (const LogField& field : fields) {
      absl::StrAppend(&line, ",", Quoted(field.name), ":", Quoted(field.value));
    }
    return line += "}";
  }
  std::string line = absl::StrFormat("%s %-7s %s", time, NameOf(level), message);
  for (const LogField& field : fields) {
    const bool plain = field.value.find_first_of(" \"\n\r\t\\") == std::string::npos;
    absl::StrAppend(&line, " ", field.name, "=", plain ? field.value : Quoted(field.value));
  }
  return line;
}

void ConfigureLog(LogFormat format, LogLevel least) {
  g_format = format;
  g_least = least;
}

void Log(LogLevel level, absl::string_view message, LogFields fields) {
  if (level < g_least) return;
  const std::string time =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  const std::string line = FormatLogLine(g_format, level, time, message, fields) + "\n";
  // One write, so that lines of different threads do not mix.
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace z4j
