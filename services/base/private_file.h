#ifndef Z4J_BASE_PRIVATE_FILE_H_
#define Z4J_BASE_PRIVATE_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace z4j {

// The contents of a small file that holds secrets; `what` names it in messages, which never repeat
// any of it.
//   NOT_FOUND            there is none.
//   FAILED_PRECONDITION  others than its owner may read or write it; it is no file; unreadable.
//   INVALID_ARGUMENT     longer than `bytes_max`.
absl::StatusOr<std::string> ReadPrivateFile(const std::string& path, absl::string_view what,
                                            size_t bytes_max);

}  // namespace z4j

#endif  // Z4J_BASE_PRIVATE_FILE_H_
