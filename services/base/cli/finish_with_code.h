#ifndef Z4J_BASE_CLI_FINISH_WITH_CODE_H_
#define Z4J_BASE_CLI_FINISH_WITH_CODE_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "services/base/cli/command.h"

namespace z4j {

// As Finish, for a verb whose own exit code, which it sets, says more than that it went well: that
// of an error is never kExitFailure, which is left to the verb.
inline int FinishWithCode(absl::FunctionRef<absl::Status(int& exit_code)> verb) {
  int exit_code = kExitOk;
  const int error = Finish([&] { return verb(exit_code); });
  if (error == kExitOk) return exit_code;
  return error == kExitFailure ? int{kExitUsage} : error;
}

}  // namespace z4j

#endif  // Z4J_BASE_CLI_FINISH_WITH_CODE_H_
