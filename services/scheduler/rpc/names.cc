#include "services/scheduler/rpc/names.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/text_rules.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

// Splits "projects/a/schedules/b" by `form` "projects/{project}/schedules/{schedule}" into a, b.
absl::StatusOr<std::vector<std::string>> Match(absl::string_view text, absl::string_view field,
                                               absl::string_view form) {
  const std::vector<absl::string_view> given = absl::StrSplit(text, '/');
  const std::vector<absl::string_view> wanted = absl::StrSplit(form, '/');
  std::vector<std::string> ids;
  bool matches = given.size() == wanted.size();
  for (size_t i = 0; matches && i < given.size(); ++i) {
    if (wanted[i].front() == '{') {
      ids.emplace_back(given[i]);
      matches = !given[i].empty();
    } else {
      matches = given[i] == wanted[i];
    }
  }
  if (!matches) {
    return FieldError(field, absl::StrCat("'", text.substr(0, 300), "' must be ", form));
  }
  // What no store can hold must not reach one, not even as a key to look for: in a group commit it
  // would spoil the transaction of others.
  const std::string fault = CheckText(text, 1, kResourceNameCharsMax, TextShape::kOneLine);
  if (!fault.empty()) return FieldError(field, absl::StrCat(Quoted(text), " ", fault));
  return ids;
}

}  // namespace

absl::StatusOr<std::string> ParseProject(absl::string_view text, absl::string_view field) {
  ASSIGN_OR_RETURN(std::vector<std::string> ids, Match(text, field, "projects/{project}"));
  return ids[0];
}

absl::StatusOr<ScheduleKey> ParseScheduleName(absl::string_view text, absl::string_view field) {
  ASSIGN_OR_RETURN(std::vector<std::string> ids,
                   Match(text, field, "projects/{project}/schedules/{schedule}"));
  return ScheduleKey{ids[0], ids[1]};
}

absl::StatusOr<FireName> ParseFireName(absl::string_view text, absl::string_view field) {
  ASSIGN_OR_RETURN(std::vector<std::string> ids,
                   Match(text, field, "projects/{project}/schedules/{schedule}/fires/{fire}"));
  const absl::StatusOr<Uuid> id = Uuid::Parse(ids[2]);
  if (!id.ok()) return FieldError(field, id.status().message());
  return FireName{{ids[0], ids[1]}, {*id}};
}

std::string FireResourceName(const ScheduleKey& schedule, FireId id) {
  return absl::StrCat("projects/", schedule.project, "/schedules/", schedule.name, "/fires/",
                      id.ToString());
}

}  // namespace z4j::scheduler
