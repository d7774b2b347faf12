#include "services/scheduler/audit/export.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kTimeFormat[] = "%Y-%m-%dT%H:%M:%E6SZ";

// Reads members of one line; the first fault is kept.
class LineReader {
 public:
  explicit LineReader(absl::string_view line)
      : json_(Json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false)) {
    if (!json_.is_object()) Fail("it is no JSON object");
  }

  std::string Text(const char* name) {
    const auto found = json_.is_object() ? json_.find(name) : json_.end();
    if (found == json_.end() || !found->is_string()) {
      Fail(absl::StrCat("'", name, "' is no string"));
      return "";
    }
    return found->get<std::string>();
  }
  int64_t Number(const char* name) {
    const auto found = json_.is_object() ? json_.find(name) : json_.end();
    if (found == json_.end() || !found->is_number_integer()) {
      Fail(absl::StrCat("'", name, "' is no integer"));
      return 0;
    }
    return found->get<int64_t>();
  }
  std::string Hex(const char* name) {
    const std::string hex = Text(name);
    const std::string bytes = absl::HexStringToBytes(hex);
    if (absl::BytesToHexString(bytes) != hex) {
      Fail(absl::StrCat("'", name, "' is not hexadecimal"));
    }
    return bytes;
  }
  absl::Time Time(const char* name) {
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(kTimeFormat, Text(name), absl::UTCTimeZone(), &time, &error)) {
      Fail(absl::StrCat("'", name, "' is no time in UTC"));
    }
    return time;
  }
  void Fail(std::string why) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(std::move(why));
  }
  const absl::Status& status() const { return status_; }

 private:
  Json json_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<std::string> ExportEntryLine(const AuditEntry& entry) {
  const Json json = {
      {"seq", entry.seq},
      {"at", absl::FormatTime(kTimeFormat, entry.at, absl::UTCTimeZone())},
      {"actor", entry.actor},
      {"source", entry.source},
      {"action", entry.action},
      {"resource", entry.resource},
      {"schedule_id", entry.schedule.ToString()},
      {"before", entry.before},
      {"after", entry.after},
      {"request_id", entry.request_id},
      {"key_id", entry.key_id},
      {"previous_mac", absl::BytesToHexString(entry.previous_mac)},
      {"mac", absl::BytesToHexString(entry.mac)},
  };
  try {
    return json.dump();
  } catch (const nlohmann::json::exception&) {
    return absl::DataLossError(
        absl::StrCat("audit entry ", entry.seq, " holds text that is not UTF-8"));
  }
}

std::string ExportHeadLine(const AuditHead& head) {
  const Json json = {
      {"entries", head.seq},
      {"mac", absl::BytesToHexString(head.mac)},
      {"seal", absl::BytesToHexString(head.seal)},
      {"key_id", head.key_id},
  };
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<AuditEntry> ParseEntryLine(absl::string_view line) {
  LineReader reader(line);
  AuditEntry entry;
  entry.seq = reader.Number("seq");
  entry.at = reader.Time("at");
  entry.actor = reader.Text("actor");
  entry.source = reader.Text("source");
  entry.action = reader.Text("action");
  entry.resource = reader.Text("resource");
  const absl::StatusOr<Uuid> id = Uuid::Parse(reader.Text("schedule_id"));
  if (id.ok()) {
    entry.schedule = {*id};
  } else {
    reader.Fail("'schedule_id' is no UUID");
  }
  entry.before = reader.Text("before");
  entry.after = reader.Text("after");
  entry.request_id = reader.Text("request_id");
  entry.key_id = reader.Text("key_id");
  entry.previous_mac = reader.Hex("previous_mac");
  entry.mac = reader.Hex("mac");
  RETURN_IF_ERROR(reader.status());
  return entry;
}

absl::StatusOr<AuditHead> ParseHeadLine(absl::string_view line) {
  LineReader reader(line);
  AuditHead head;
  head.seq = reader.Number("entries");
  head.mac = reader.Hex("mac");
  head.seal = reader.Hex("seal");
  head.key_id = reader.Text("key_id");
  RETURN_IF_ERROR(reader.status());
  return head;
}

absl::StatusOr<AuditVerdict> VerifyExport(std::istream& lines, const Keyring& keys,
                                          std::optional<AuditBookmark> bookmark) {
  std::string line;
  int64_t line_number = 1;
  const auto at_line = [&line_number](const absl::Status& status) {
    return absl::InvalidArgumentError(
        absl::StrCat("line ", line_number, " of the export: ", status.message()));
  };
  std::getline(lines, line);
  const absl::StatusOr<AuditHead> head = ParseHeadLine(line);
  if (!head.ok()) return at_line(head.status());

  ChainVerifier verifier(keys, *head, std::move(bookmark));
  while (std::getline(lines, line)) {
    ++line_number;
    if (line.empty()) continue;
    const absl::StatusOr<AuditEntry> entry = ParseEntryLine(line);
    if (!entry.ok()) return at_line(entry.status());
    if (!verifier.Add(*entry)) break;
    if (entry->seq > head->seq) verifier.NotePastHead(entry->seq);
  }
  return verifier.Finish();
}

}  // namespace z4j::scheduler
