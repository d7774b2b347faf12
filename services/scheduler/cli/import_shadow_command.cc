#include <memory>
#include <utility>

#include "services/base/cli/finish_with_code.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/import_shadow.h"
#include "services/scheduler/cli/import_verb.h"
#include "services/scheduler/cli/values.h"
#include "services/scheduler/rpc/convert.h"

namespace z4j::scheduler {
namespace {

absl::Status Shadow(ImportVerb& verb, int& exit_code) {
  if (verb.read.from.empty()) return FieldError("--from", "is required: celery, rq, …");
  ShadowOptions shadow;
  ASSIGN_OR_RETURN(shadow.which, ChosenBy(verb));
  shadow.python = verb.read.python;
  shadow.watcher = verb.watcher;
  shadow.passed = verb.read.passed;
  ASSIGN_OR_RETURN(const auto watch_for, ParseDuration("--for", verb.watch_for));
  ASSIGN_OR_RETURN(const auto tolerance, ParseDuration("--tolerance", verb.tolerance));
  Faults faults;
  shadow.watch_for = ToDuration(watch_for, "--for", faults);
  shadow.tolerance = ToDuration(tolerance, "--tolerance", faults);
  if (shadow.watch_for <= absl::ZeroDuration()) return FieldError("--for", "is not above zero");
  if (shadow.tolerance <= absl::ZeroDuration()) {
    return FieldError("--tolerance", "is not above zero");
  }
  ASSIGN_OR_RETURN(const ShadowOutcome outcome, RunShadow(verb.options, shadow));
  exit_code = PrintShadow(verb.options, outcome);
  return outcome.broken;
}

constexpr char kTeachesShadow[] =
    R"(Watches what the old scheduler really sends, and compares it with what the schedules in shadow
record here.  Nothing is taken from its queues, and nothing is changed there.

  1. z4j-scheduler import --from celery --celery-app proj.celery:app --apply --shadow
  2. z4j-scheduler import shadow --from celery --celery-app proj.celery:app --for 24h
  3. Stop the old scheduler, then: z4j-scheduler import cutover --from celery

Flags that are not listed go to the watcher; --from celery --source-help explains them, and what has
to be turned on there (Celery: workers with -E).  --from, --only and --label choose schedules as for
import.

A due time and a job of the same task with the same arguments match if they are at most --tolerance
apart; of an interval that its source counts from the last run, at most a period apart.  What is so
near to an end of the watch is never missing or extra: it goes on by --tolerance after --for.

Exit codes: 0 all matched; 1 something is missing or extra, or nothing came due; 2 and above an error.
)";

}  // namespace

void AddImportShadow(CLI::App& parent, std::shared_ptr<ImportVerb> verb, int& exit_code) {
  CLI::App* command = parent.add_subcommand(
      "shadow", "Compares what the old scheduler sends with what ours records");
  command->add_option("--for", verb->watch_for, "How long to watch: 30s, 24h")
      ->capture_default_str();
  command->add_option("--tolerance", verb->tolerance, "How far a job may be from its due time")
      ->capture_default_str();
  command->add_option("--watch", verb->watcher,
                      "What to watch, where the source alone does not say it: celery, rq, …");
  command->add_option("--locator", verb->locator, "Only what came from there; see 'source'");
  command->footer(kTeachesShadow);
  command->fallthrough();
  command->callback([verb, &parent, &exit_code] {
    verb->read.passed = parent.remaining();
    if (verb->source_help) {
      if (!verb->watcher.empty()) {
        verb->read.passed.insert(verb->read.passed.end(), {"--watch", verb->watcher});
      }
      exit_code = Finish([&] { return ShowSourceHelp(verb->read, "watch"); });
    } else {
      exit_code = FinishWithCode([&](int& code) { return Shadow(*verb, code); });
    }
  });
}

}  // namespace z4j::scheduler
