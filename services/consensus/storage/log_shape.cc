#include "services/consensus/storage/log_shape.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace z4j::consensus {

absl::Status LogShape::Apply(const Write& write, const std::optional<SnapshotMeta>& newest) {
  LogShape after = *this;
  if (write.snapshot.has_value()) {
    const Index index = write.snapshot->index;
    if (!newest.has_value() || newest->index < index) {
      return absl::FailedPreconditionError(
          absl::StrCat("the snapshot at ", index.value, " was not committed"));
    }
    after.first = after.next = index + 1;
  }
  if (write.truncate_from.has_value()) {
    const Index from = *write.truncate_from;
    if (from > after.next || from < after.first) {
      return absl::InvalidArgumentError(absl::StrCat("truncation from ", from.value,
                                                     " of a log from ", after.first.value, " to ",
                                                     (after.next - 1).value));
    }
    after.next = from;
  }
  for (const Entry& entry : write.entries) {
    if (entry.index != after.next) {
      return absl::InvalidArgumentError(
          absl::StrCat("entry ", entry.index.value, " where ", after.next.value, " is next"));
    }
    after.next = after.next + 1;
  }
  *this = after;
  return absl::OkStatus();
}

Index LogShape::LastBefore(const Write& write) const {
  if (write.snapshot.has_value()) return write.snapshot->index;
  return write.truncate_from.value_or(next) - 1;
}

absl::Status LogShape::Compact(Index keep, const std::optional<SnapshotMeta>& newest) {
  if (keep <= first) return absl::OkStatus();
  if (!newest.has_value() || newest->index + 1 < keep) {
    return absl::FailedPreconditionError(
        absl::StrCat("no durable snapshot stands for the entries before ", keep.value));
  }
  if (keep > next) {
    return absl::InvalidArgumentError(
        absl::StrCat("entry ", keep.value, " is to be kept and ", next.value, " is next"));
  }
  first = keep;
  return absl::OkStatus();
}

}  // namespace z4j::consensus
