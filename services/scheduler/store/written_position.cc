#include "services/scheduler/store/written_position.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"

namespace z4j::scheduler {

std::string WrittenPosition(int64_t number) { return absl::StrCat(number); }

absl::StatusOr<int64_t> ParseWrittenPosition(const std::string& text) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number < 0 || WrittenPosition(number) != text) {
    return NoWrittenPosition();
  }
  return number;
}

absl::Status NoWrittenPosition() {
  return FieldError("resume_token",
                    "is no token of a watch of this database; list the fires and watch from now");
}

absl::Status WrittenTooOld() {
  return absl::AbortedError(
      "what was written after this resume_token is not known any more; list the fires and watch "
      "from now");
}

}  // namespace z4j::scheduler
