#include "services/base/cli/command.h"

#include <iostream>

#include "absl/synchronization/mutex.h"
#include "services/base/field_error.h"

namespace z4j {

int ExitCodeOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return kExitUnauthenticated;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return kExitConflict;
    case absl::StatusCode::kFailedPrecondition:
      return kExitPrecondition;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnavailable;
    case absl::StatusCode::kDataLoss:
    default:
      return kExitFailure;
  }
}

void PrintError(absl::string_view begin, const absl::Status& status) {
  const std::vector<FieldViolation> violations = FieldViolationsOf(status);
  if (violations.empty()) std::cerr << begin << status.message() << "\n";
  for (const FieldViolation& violation : violations) {
    std::cerr << begin << violation.field << ": " << violation.description << "\n";
  }
}

int Finish(absl::FunctionRef<absl::Status()> verb) {
  const absl::Status status = verb();
  if (!status.ok()) PrintError("error: ", status);
  return ExitCodeOf(status.code());
}

int RunProgram(CLI::App& app, absl::Span<const AddCommands> groups, int argc, char** argv) {
  // Debian's Abseil looks for cycles at every lock, also of gRPC's, and ends the process over one
  // that might come to be.  The tests keep that.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  app.require_subcommand(1);
  int exit_code = kExitOk;
  for (AddCommands add : groups) add(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // CLI11's way to report usage, also --help.
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return exit_code;
}

}  // namespace z4j
