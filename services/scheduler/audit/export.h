#ifndef Z4J_SCHEDULER_AUDIT_EXPORT_H_
#define Z4J_SCHEDULER_AUDIT_EXPORT_H_

#include <istream>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/scheduler/audit/chain.h"
#include "services/scheduler/audit/verify.h"
#include "services/scheduler/store/schedule_store.h"

// An audit chain as a text file, for archives and for verifying where no server is: JSON lines, the
// head first, then every entry from 1 to the head's seq.  MACs are hexadecimal, times RFC 3339 in
// UTC with microseconds; `before` and `after` are strings, because the chain covers their bytes.
namespace z4j::scheduler {

// One line each, without the line feed.  DATA_LOSS if a text of `entry` is not UTF-8.
absl::StatusOr<std::string> ExportEntryLine(const AuditEntry& entry);
std::string ExportHeadLine(const AuditHead& head);

// INVALID_ARGUMENT if `line` is not as the functions above write it.
absl::StatusOr<AuditEntry> ParseEntryLine(absl::string_view line);
absl::StatusOr<AuditHead> ParseHeadLine(absl::string_view line);

// Verifies an export.  INVALID_ARGUMENT, naming the line, if it is no export; a bad chain is a
// verdict.
absl::StatusOr<AuditVerdict> VerifyExport(std::istream& lines, const Keyring& keys,
                                          std::optional<AuditBookmark> bookmark = std::nullopt);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_AUDIT_EXPORT_H_
