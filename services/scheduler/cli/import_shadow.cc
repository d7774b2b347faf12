#include "services/scheduler/cli/import_shadow.h"

#include <signal.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/import_process.h"
#include "services/scheduler/cli/import_shadow_fires.h"
#include "services/scheduler/cli/progress.h"
#include "services/scheduler/cli/python_half.h"
#include "services/scheduler/transfer/limits.h"

namespace z4j::scheduler {
namespace {

constexpr absl::Duration kLookEvery = absl::Seconds(1);
// Over so many jobs and due times together the progress counts them, and compares only at the end.
constexpr int kComparedOnTheWayMax = 100'000;

volatile sig_atomic_t asked_to_stop = 0;

// The first Ctrl-C ends the watch; the second one, or one after it, the program.
class StopOnSignal {
 public:
  StopOnSignal() {
    struct sigaction stop = {};
    stop.sa_handler = [](int) { asked_to_stop = 1; };
    stop.sa_flags = SA_RESETHAND;  // And no SA_RESTART: it shall end a wait.
    for (int i = 0; i < 2; ++i) sigaction(kSignals[i], &stop, &before_[i]);
  }
  ~StopOnSignal() {
    for (int i = 0; i < 2; ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }
  bool IsAsked() const { return asked_to_stop != 0; }

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM};
  struct sigaction before_[2];
};

// Fire ids are version 5 UUIDs, which no other scheduler gives its jobs: such a job is our own.
bool IsOurs(const std::string& id) {
  return (id.size() == 36 && id[14] == '5') || (id.size() == 32 && id[12] == '5');
}

std::string ShortText(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Seconds(1)));
}

class Run {
 public:
  Run(const ClientOptions& options, const ShadowOptions& shadow, ShadowFires fires)
      : options_(options), shadow_(shadow), fires_(std::move(fires)) {}

  absl::StatusOr<ShadowOutcome> Do() {
    const StopOnSignal stop;
    const std::string python = PythonPath(shadow_.python);
    ASSIGN_OR_RETURN(Child child, Child::Start(Command(python)));
    const absl::Status watched = Watch(child.output(), stop);
    outcome_.is_interrupted = stop.IsAsked();
    if (!is_watching_) {
      if (outcome_.is_interrupted) return absl::CancelledError("nothing was watched");
      RETURN_IF_ERROR(watched);
    }
    if (!watched.ok()) {
      outcome_.broken = watched;
    } else if (!has_ended_ && !outcome_.is_interrupted) {
      outcome_.broken = EndedEarly(python, "watch", child.Wait(), is_watching_ ? 1 : 0);
    }
    if (!is_watching_) return outcome_.broken;
    if (!has_ended_) outcome_.window.end = absl::Now();
    RETURN_IF_ERROR(FetchAll());
    Compare();
    return std::move(outcome_);
  }

 private:
  std::vector<std::string> Command(const std::string& python) const {
    const absl::Duration whole = shadow_.watch_for + shadow_.tolerance;
    std::vector<std::string> words = {"--from", shadow_.which.kind, "--for",
                                      absl::StrCat(absl::ToDoubleSeconds(whole))};
    if (!shadow_.watcher.empty()) words.insert(words.end(), {"--watch", shadow_.watcher});
    words.insert(words.end(), shadow_.passed.begin(), shadow_.passed.end());
    return PythonHalf(python, "watch", words);
  }

  absl::Status Watch(int descriptor, const StopOnSignal& stop) {
    LineStream lines(descriptor);
    Progress progress("watching,");
    bool has_more = true;
    while (has_more && !stop.IsAsked()) {
      ASSIGN_OR_RETURN(
          has_more, lines.Take(kLookEvery, [this](const std::string& text) { return Hear(text); }));
      if (is_watching_ && !has_ended_) ShowProgress(progress);
    }
    return absl::OkStatus();
  }

  absl::Status Hear(const std::string& text) {
    if (text.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(WatchLine line, ParseWatchLine(text));
    if (auto* watching = std::get_if<WatchingLine>(&line)) {
      Begin(std::move(*watching));
    } else if (auto* seen = std::get_if<SeenLine>(&line)) {
      return Keep(std::move(*seen));
    } else if (const auto* lost = std::get_if<LostLine>(&line)) {
      outcome_.window.gaps.push_back(lost->span);
    } else if (auto* warning = std::get_if<Note>(&line)) {
      std::cerr << "warning: " << warning->message << "\n";
      outcome_.warnings.push_back(std::move(*warning));
    } else if (const auto* end = std::get_if<WatchEndLine>(&line)) {
      has_ended_ = true;
      outcome_.window.end = end->at;
    } else if (const auto* error = std::get_if<ErrorLine>(&line)) {
      return absl::InvalidArgumentError(
          absl::StrCat(error->message, error->remedy.empty() ? "" : ": ", error->remedy));
    }
    return absl::OkStatus();
  }

  void Begin(WatchingLine watching) {
    is_watching_ = true;
    outcome_.window.begin = fetched_until_ = watching.at;
    const absl::Time until = watching.at + shadow_.watch_for + shadow_.tolerance;
    std::cerr << "Watching " << watching.watches << " at " << watching.locator << " until "
              << absl::FormatTime("%Y-%m-%d %H:%M:%SZ", until, absl::UTCTimeZone()) << ", for "
              << fires_.schedules().size() << " schedules in shadow.  Ctrl-C ends it before.\n";
    outcome_.watching = std::move(watching);
  }

  absl::Status Keep(SeenLine seen) {
    if (IsOurs(seen.id)) {
      ++outcome_.ours;
      return absl::OkStatus();
    }
    if (jobs_.size() >= kShadowJobsMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat("more than ", kShadowJobsMax, " jobs were seen; watch for a shorter time"));
    }
    jobs_.push_back(std::move(seen.job));
    return absl::OkStatus();
  }

  // Looks rarely enough to be no burden.  What fails here is tried again at the end.
  void ShowProgress(Progress& progress) {
    const absl::Time now = absl::Now();
    const absl::Duration whole = shadow_.watch_for + shadow_.tolerance;
    if (now >= look_at_) {
      look_at_ = now + std::max(kLookEvery, whole / 200);
      if (fires_.Fetch(options_, fetched_until_, now).ok()) fetched_until_ = now;
      if (fires_.fires().size() + jobs_.size() <= kComparedOnTheWayMax) {
        matched_ = 0;
        for (const ShadowLine& line : Compared(now).lines) matched_ += line.matched;
      }
    }
    progress.Say(absl::StrCat(ShortText(outcome_.window.begin + whole - now),
                              " to go: ", jobs_.size(), " jobs seen, ", fires_.fires().size(),
                              " due times recorded here, ", matched_, " matched"));
  }

  // What was fetched on the way may lack what was recorded late.
  absl::Status FetchAll() {
    const absl::Duration near = fires_.reach_max();
    RETURN_IF_ERROR(
        fires_.Fetch(options_, outcome_.window.begin - near, outcome_.window.end + near));
    for (const TimeSpan& span : fires_.counted()) outcome_.window.gaps.push_back(span);
    return absl::OkStatus();
  }

  ShadowComparison Compared(absl::Time end) const {
    ShadowWindow window = outcome_.window;
    window.end = end;
    return CompareShadow(fires_.schedules(), fires_.fires(), jobs_, window);
  }

  void Compare() {
    outcome_.comparison = Compared(outcome_.window.end);
    outcome_.schedules = fires_.schedules();
    outcome_.seen = static_cast<int64_t>(jobs_.size());
    outcome_.recorded = static_cast<int64_t>(fires_.fires().size());
  }

  const ClientOptions& options_;
  const ShadowOptions& shadow_;
  ShadowFires fires_;
  std::vector<SeenJob> jobs_;
  ShadowOutcome outcome_;
  bool is_watching_ = false, has_ended_ = false;
  absl::Time look_at_ = absl::InfinitePast(), fetched_until_;
  int64_t matched_ = 0;
};

}  // namespace

absl::StatusOr<ShadowOutcome> RunShadow(const ClientOptions& options, const ShadowOptions& shadow) {
  ASSIGN_OR_RETURN(ShadowFires fires, ShadowFires::Of(options, shadow));
  return Run(options, shadow, std::move(fires)).Do();
}

}  // namespace z4j::scheduler
