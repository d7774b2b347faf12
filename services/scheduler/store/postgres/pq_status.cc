#include "services/scheduler/store/postgres/pq_status.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace z4j::scheduler::pq {
namespace {

constexpr char kSqlStatePayload[] = "z4j.sqlstate";

// Our own, raised by require_leader() (store/migrations/postgres).
constexpr absl::string_view kFenced = "Z4J01";
constexpr absl::string_view kTooEarly = "Z4J02";

// Appendix A of PostgreSQL's manual.  What is not listed has an unknown outcome.
absl::StatusCode CodeOf(absl::string_view state) {
  if (state == "53100" || state == "53200" || state == "54000") {  // Disk full, out of memory.
    return absl::StatusCode::kResourceExhausted;
  }
  if (state == "XX001" || state == "XX002") return absl::StatusCode::kDataLoss;
  if (state == "23505") return absl::StatusCode::kAlreadyExists;
  if (state == kFenced) return absl::StatusCode::kAborted;
  if (state == kTooEarly) return absl::StatusCode::kFailedPrecondition;
  const absl::string_view group = state.substr(0, 2);
  if (group == "22" || group == "23") return absl::StatusCode::kInvalidArgument;
  // Undefined tables and columns, missing rights, wrong use of transactions, other logins.
  if (group == "42" || group == "28" || group == "3D" || group == "3F" || group == "0A") {
    return absl::StatusCode::kFailedPrecondition;
  }
  return absl::StatusCode::kUnavailable;
}

absl::string_view Field(const PGresult* result, int field) {
  const char* text = PQresultErrorField(result, field);
  return text == nullptr ? "" : text;
}

}  // namespace

absl::Status ResultError(const PGresult* result) {
  const absl::string_view state = Field(result, PG_DIAG_SQLSTATE);
  const absl::string_view message = Field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (state.empty()) {
    return absl::UnavailableError(
        absl::StrCat("postgres: ", message.empty() ? "the connection broke" : message));
  }
  absl::Status status(CodeOf(state), absl::StrCat("postgres: ", message, " (", state, ")"));
  status.SetPayload(kSqlStatePayload, absl::Cord(state));
  return status;
}

std::string SqlStateOf(const absl::Status& status) {
  const absl::optional<absl::Cord> state = status.GetPayload(kSqlStatePayload);
  return state.has_value() ? std::string(*state) : "";
}

bool IsConflict(const absl::Status& status) {
  const std::string state = SqlStateOf(status);
  return state == "40001" || state == "40P01";
}

}  // namespace z4j::scheduler::pq
