#include "services/scheduler/cli/python_half.h"

#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/import_process.h"

namespace z4j::scheduler {
namespace {

// An error with the remedy if that Python lacks our package.
absl::Status NotInstalled(const std::string& python) {
  const char* ask =
      "import importlib.util, sys; sys.exit(importlib.util.find_spec('z4j_adapters') is None)";
  absl::StatusOr<Child> probe = Child::Start({python, "-c", ask});
  if (!probe.ok() || probe->Wait() != 1) return absl::OkStatus();
  return FieldError("--python", absl::StrCat("z4j-adapters is not installed for ", python,
                                             "; run: ", python, " -m pip install z4j-adapters"));
}

}  // namespace

std::vector<std::string> PythonHalf(const std::string& python, const std::string& verb,
                                    const std::vector<std::string>& words) {
  std::vector<std::string> command = {python, "-m", "z4j_adapters", verb};
  command.insert(command.end(), words.begin(), words.end());
  return command;
}

absl::Status EndedEarly(const std::string& python, const std::string& verb, int exit_code,
                        int64_t lines) {
  const std::string code = absl::StrCat("(exit code ", exit_code, "); what it said stands above");
  if (lines > 0) {
    return absl::UnavailableError(
        absl::StrCat("the Python half of this ", verb, " ended amid its work ", code));
  }
  RETURN_IF_ERROR(NotInstalled(python));
  return absl::UnavailableError(
      absl::StrCat(python, " -m z4j_adapters ", verb, " ended without a word ", code));
}

absl::Status ShowHelpOf(const std::string& python, const std::string& verb,
                        std::vector<std::string> words) {
  words.push_back("--help");
  ASSIGN_OR_RETURN(Child child, Child::Start(PythonHalf(python, verb, words)));
  RETURN_IF_ERROR(ForEachLine(child.output(), [](const std::string& line) {
    std::cout << line << "\n";
    return absl::OkStatus();
  }));
  return child.Wait() == 0 ? absl::OkStatus() : NotInstalled(python);
}

}  // namespace z4j::scheduler
