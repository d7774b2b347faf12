#ifndef Z4J_SCHEDULER_CLI_PROGRESS_H_
#define Z4J_SCHEDULER_CLI_PROGRESS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace z4j::scheduler {

// A line on standard error that says how far long work is; nothing if that is no terminal.  Removed
// when this goes.
class Progress {
 public:
  // `verb`: what is done: "reading".
  explicit Progress(std::string verb);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  // At most some times a second.  `total` 0: it is not known.
  void Show(int64_t done, int64_t total);
  // As Show, in words that follow the verb.
  void Say(const std::string& words);

 private:
  const std::string verb_;
  const bool is_terminal_;
  bool shown_ = false;
  absl::Time next_ = absl::InfinitePast();
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_PROGRESS_H_
