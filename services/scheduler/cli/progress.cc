#include "services/scheduler/cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace z4j::scheduler {
namespace {

constexpr int kBarCells = 30;
constexpr absl::Duration kShowEvery = absl::Milliseconds(100);

}  // namespace

Progress::Progress(std::string verb)
    : verb_(std::move(verb)), is_terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (shown_) std::cerr << "\r\033[K" << std::flush;
}

void Progress::Show(int64_t done, int64_t total) {
  std::string words = absl::StrCat(done);
  if (total > 0) {
    const int cells = static_cast<int>(std::min(done, total) * kBarCells / total);
    absl::StrAppend(&words, " of ", total, " [", std::string(cells, '#'),
                    std::string(kBarCells - cells, '.'), "]");
  }
  Say(words);
}

void Progress::Say(const std::string& words) {
  if (!is_terminal_ || absl::Now() < next_) return;
  next_ = absl::Now() + kShowEvery;
  shown_ = true;
  std::cerr << absl::StrCat("\r\033[K", verb_, " ", words) << std::flush;
}

}  // namespace z4j::scheduler
