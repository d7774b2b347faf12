#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/cli/finish_with_code.h"
#include "services/base/clock.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/base/uuid.h"
#include "services/scheduler/cli/client.h"
#include "services/scheduler/cli/commands.h"
#include "services/scheduler/cli/import_cutover.h"
#include "services/scheduler/cli/import_read.h"
#include "services/scheduler/cli/import_report.h"
#include "services/scheduler/cli/import_verb.h"
#include "services/scheduler/cli/import_write.h"
#include "services/scheduler/cli/values.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/transfer/limits.h"

namespace z4j::scheduler {
namespace {

absl::Status CheckFlags(const ImportVerb& verb) {
  if (verb.read.from.empty() && verb.read.file.empty()) {
    return FieldError("--from", "is required: celery, rq, apscheduler, cron, …; or --file");
  }
  if (!verb.read.file.empty() && !verb.read.from.empty()) {
    return FieldError("--file", "already says what it was read from; leave --from out");
  }
  if (!verb.read.file.empty() && !verb.read.passed.empty()) {
    return FieldError(verb.read.passed[0], "is for the reader of a source, and --file needs none");
  }
  if (verb.apply && verb.dry_run) return FieldError("--dry-run", "contradicts --apply");
  if (verb.read.paused && verb.read.shadow) return FieldError("--shadow", "contradicts --paused");
  if (verb.write.import_id.size() > kImportIdCharsMax) {
    return FieldError("--import-id", absl::StrCat("has more than ", kImportIdCharsMax,
                                                  " characters; take a UUID"));
  }
  return absl::OkStatus();
}

// What the scheduler itself would refuse is refused in the plan.
absl::Status CheckPlan(const ClientOptions& options, ImportOutcome& outcome) {
  ASSIGN_OR_RETURN(const std::vector<Written> checked,
                   CheckCreates(options, outcome.reading, outcome.plans));
  for (int i = 0; i < outcome.plans.size(); ++i) {
    PlannedSchedule& plan = outcome.plans[i];
    for (const std::string& note : checked[i].notes) plan.notes.push_back({"NOTE", note});
    if (checked[i].status.ok()) continue;
    plan.action = ImportAction::kRefused;
    plan.why = std::string(checked[i].status.message());
  }
  return absl::OkStatus();
}

// An empty source is more likely a mistake than the wish to remove everything.
absl::Status CheckPrune(const Reading& reading) {
  if (!reading.schedules.empty() || !reading.refusals.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "--prune: the source has no schedule at all, so that all would be removed; if that is meant, "
      "remove them with 'schedule delete'");
}

absl::Status Import(ImportVerb& verb, int& exit_code) {
  RETURN_IF_ERROR(CheckFlags(verb));
  ASSIGN_OR_RETURN(verb.read.labels, ParsePairs("--label", verb.labels));
  verb.read.project = verb.options.project;
  verb.read.now = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  verb.policy.overwrite = verb.write.overwrite;
  ImportOutcome outcome;
  outcome.tzdata = TzdataVersion();
  outcome.is_proved = verb.read.prove > 0;
  ASSIGN_OR_RETURN(outcome.reading, ReadImport(verb.read));
  if (verb.apply && verb.write.prune) RETURN_IF_ERROR(CheckPrune(outcome.reading));
  ASSIGN_OR_RETURN(outcome.stored, FetchStored(verb.options, outcome.reading));
  std::vector<const Definition*> definitions;
  for (const ReadSchedule& schedule : outcome.reading.schedules) {
    definitions.push_back(&schedule.definition);
  }
  outcome.plans = PlanImport(outcome.reading.source, definitions, outcome.reading.refusals,
                             outcome.stored.schedules, verb.policy, verb.read.now);
  outcome.together = NotesTogether(definitions, outcome.plans, verb.read.now);
  if (verb.apply) {
    if (verb.write.import_id.empty()) verb.write.import_id = Uuid::Random().ToString();
    const MonoTime begin = SystemClock().MonoNow();
    ASSIGN_OR_RETURN(outcome.written, WriteImport(verb.options, outcome.reading, outcome.plans,
                                                  outcome.stored, verb.write));
    outcome.write_took = SystemClock().MonoNow() - begin;
    outcome.import_id = verb.write.import_id;
    outcome.is_applied = true;
    outcome.is_pruned = verb.write.prune;
  } else {
    RETURN_IF_ERROR(CheckPlan(verb.options, outcome));
  }
  auto& refusals = outcome.reading.refusals;
  refusals.erase(std::remove_if(refusals.begin(), refusals.end(),
                                [&](const Refusal& refusal) {
                                  return !IsWanted(refusal.object, verb.policy.only);
                                }),
                 refusals.end());
  PrintImport(verb.options, outcome);
  if (!verb.apply) std::cerr << "Nothing was written; --apply does what the plan says.\n";
  exit_code = ExitCodeOf(TotalsOf(outcome));
  return absl::OkStatus();
}

constexpr char kTeaches[] =
    R"(Sources (--from): celery, django-celery-beat, redbeat, rq, rq-scheduler, apscheduler, huey, arq,
taskiq, dramatiq, cron.  They are read in your own Python environment, where the library and your
code are; nothing is ever written there.  Flags that are not listed above go to the reader and say
where the source is; --source-help lists them.

  1. In your project's virtualenv:      pip install z4j-adapters
  2. See the plan, with proof:          z4j-scheduler import --from celery --celery-app proj.celery:app
  3. Create everything paused:          z4j-scheduler import --from celery --celery-app proj.celery:app --apply --paused
     Or with --shadow for --paused: fires are recorded here, and none is sent.  Compare them with
     what the old one sends:           z4j-scheduler import shadow --from celery --for 24h …
  4. Stop the old scheduler, then:      z4j-scheduler import cutover --from celery
  5. If anything is wrong:              z4j-scheduler import rollback --from celery, and start the old one

  z4j-scheduler import --from cron --source-help               where that source can be
  z4j-scheduler import --from celery … --prove 1000            compare the next 1000 fires of each
  z4j-scheduler import --from celery … --only 'report-*'       only these
  z4j-scheduler import --from celery … --apply --prune         also remove what is gone there
  z4j-adapter import --from celery … >lines; z4j-scheduler import --file lines

Without --apply nothing is written.  The plan says create, update (changed in the source),
unchanged, conflict (edited here since: kept unless --overwrite), gone (removed with --prune),
finished (will never fire again: not created) or refused.  Running it twice changes nothing.

Exit codes: 0 all of it is exact; 1 something is refused, inexact, different in the proof or in
conflict; 2 and above an error; 8 something could not be written.  All pages: docs/migrating.
)";

void AddWhatIsRead(CLI::App& verb, ImportVerb& to) {
  verb.add_option("--from", to.read.from, "The scheduler to read; see below");
  verb.add_option("--file", to.read.file,
                  "Read what 'z4j-adapter import' or 'export --to json|yaml' wrote; -: stdin");
  verb.add_option("--python", to.read.python,
                  "Python that has your project's packages; the active virtualenv's, else python3");
  verb.add_flag("--source-help", to.source_help, "Explains the flags of one source");
  verb.add_option("--prove", to.read.prove,
                  "Compare so many next fires of each schedule with the source's own code; 0: none")
      ->check(CLI::Range(0, kProveMax))
      ->capture_default_str();
  verb.add_option("--only", to.policy.only, "Only ids that match this shell pattern");
}

void AddWhatIsWritten(CLI::App& verb, ImportVerb& to) {
  verb.add_flag("--apply", to.apply, "Do what the plan says");
  verb.add_flag("--dry-run", to.dry_run, "Only show the plan; so it is without --apply, too");
  verb.add_flag("--paused", to.read.paused, "Create all of them paused");
  verb.add_flag("--shadow", to.read.shadow, "Create them so that fires are recorded, not sent");
  verb.add_option("--label", to.labels, "Give all of them this label, key=value; repeatable");
  verb.add_flag("--overwrite", to.write.overwrite, "The source wins conflicts");
  verb.add_flag("--prune", to.write.prune, "Remove what this source no longer has");
  verb.add_option("--import-id", to.write.import_id,
                  "Names this import in the audit log; a new one by default");
}

absl::Status MoveOver(ImportVerb& verb, decltype(Cutover)& way, int& exit_code) {
  if (!verb.read.passed.empty()) return FieldError(verb.read.passed[0], "is not known here");
  ASSIGN_OR_RETURN(const CutoverOptions which, ChosenBy(verb));
  ASSIGN_OR_RETURN(const bool all_well, way(verb.options, which));
  exit_code = all_well ? kExitOk : kExitPartial;
  return absl::OkStatus();
}

void AddWay(CLI::App& parent, const char* name, const char* help, decltype(Cutover)& way,
            std::shared_ptr<ImportVerb> verb, int& exit_code) {
  CLI::App* command = parent.add_subcommand(name, help);
  command->add_option("--locator", verb->locator, "Only what came from there; see 'source'");
  command->footer("--from, --only, --label and --dry-run say which schedules, as for import.");
  command->fallthrough();
  command->callback([verb, &way, &parent, &exit_code] {
    verb->read.passed = parent.remaining();
    const int error = Finish([&] { return MoveOver(*verb, way, exit_code); });
    if (error != kExitOk) exit_code = error;
  });
}

}  // namespace

absl::StatusOr<CutoverOptions> ChosenBy(const ImportVerb& verb) {
  CutoverOptions which{verb.read.from, verb.locator, verb.policy.only, {}, verb.dry_run};
  ASSIGN_OR_RETURN(which.labels, ParsePairs("--label", verb.labels));
  return which;
}

void AddImportCommand(CLI::App& app, int& exit_code) {
  const auto verb = std::make_shared<ImportVerb>();
  CLI::App& command = *app.add_subcommand(
      "import", "Brings schedules over from Celery, RQ, APScheduler, cron, …, with proof");
  command.footer(kTeaches);
  AddClientOptions(command, verb->options);
  AddWhatIsRead(command, *verb);
  AddWhatIsWritten(command, *verb);
  // What is not ours is the reader's, and not the program's to refuse.
  command.fallthrough(false);
  command.allow_extras();
  AddImportShadow(command, verb, exit_code);
  AddWay(command, "cutover", "Lets what was imported in shadow or paused fire here", Cutover, verb,
         exit_code);
  AddWay(command, "rollback", "Puts what cutover let fire back into shadow or pause", Rollback,
         verb, exit_code);
  command.callback([verb, &command, &exit_code] {
    if (!command.get_subcommands().empty()) return;  // They run by themselves.
    verb->read.passed = command.remaining();
    exit_code = verb->source_help ? Finish([&] { return ShowSourceHelp(verb->read, "import"); })
                                  : FinishWithCode([&](int& code) { return Import(*verb, code); });
  });
}

}  // namespace z4j::scheduler
