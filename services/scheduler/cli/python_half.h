#ifndef Z4J_SCHEDULER_CLI_PYTHON_HALF_H_
#define Z4J_SCHEDULER_CLI_PYTHON_HALF_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

// `python -m z4j_adapters`, which reads and writes with the libraries of the user's own
// environment.
namespace z4j::scheduler {

// The command that runs `verb` ("import", "export" or "watch") of it with `words` in `python`.
std::vector<std::string> PythonHalf(const std::string& python, const std::string& verb,
                                    const std::vector<std::string>& words);

// Why it ended with `exit_code` without a last line; `lines` is how many it wrote. INVALID_ARGUMENT
// with the remedy if our package is not installed there, else UNAVAILABLE.
absl::Status EndedEarly(const std::string& python, const std::string& verb, int exit_code,
                        int64_t lines);

// Prints what it says to `words` and --help.
absl::Status ShowHelpOf(const std::string& python, const std::string& verb,
                        std::vector<std::string> words);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_PYTHON_HALF_H_
