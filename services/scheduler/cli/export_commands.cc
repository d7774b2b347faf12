#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "services/base/cli/finish_with_code.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/client.h"
#include "services/scheduler/cli/commands.h"
#include "services/scheduler/cli/export_file.h"
#include "services/scheduler/cli/export_own.h"
#include "services/scheduler/cli/export_report.h"
#include "services/scheduler/cli/import_process.h"
#include "services/scheduler/cli/python_half.h"
#include "services/scheduler/cli/stored_schedules.h"
#include "services/scheduler/cli/values.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/transfer/limits.h"
#include "services/scheduler/transfer/plan.h"
#include "z4j/scheduler/v1/cluster.grpc.pb.h"

namespace z4j::scheduler {
namespace {

struct ExportVerb {
  ClientOptions options;
  ExportOptions run;
  std::string output, only, engine;
  std::vector<std::string> labels, drop;
  int prove = -1;  // Not given.
  bool any_phase = false, force = false, target_help = false;
};

absl::Status CheckFlags(const ExportVerb& verb) {
  if (verb.run.to.empty()) {
    return FieldError("--to", "is required: celery, rq, apscheduler, cron, …, json or yaml");
  }
  for (const char* form : {"table", "json", "yaml"}) {
    if (verb.output != form) continue;
    return FieldError("--output", absl::StrCat("names the file to write; -o ", form,
                                               " says in which form to report"));
  }
  if (!IsOwnForm(verb.run.to)) return absl::OkStatus();
  if (!verb.run.passed.empty()) return FieldError(verb.run.passed[0], "is not known here");
  if (!verb.drop.empty()) {
    return FieldError("--drop", absl::StrCat("--to ", verb.run.to, " holds everything"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ToExport>> Fetch(const ExportVerb& verb) {
  v1::ScheduleFilter filter;
  filter.set_engine(verb.engine);
  ASSIGN_OR_RETURN(const auto labels, ParsePairs("--label", verb.labels));
  filter.mutable_labels()->insert(labels.begin(), labels.end());
  std::vector<ToExport> found;
  const auto keep = [&](v1::Schedule&& message) {
    Schedule schedule = StoredAsCore(message, verb.options.project);
    if (!IsWanted(schedule.name, verb.only)) return;
    found.push_back({std::move(message), std::move(schedule)});
  };
  RETURN_IF_ERROR(ForEachStored(verb.options, filter, "reading schedules", keep));
  return found;
}

// This scheduler, as the source of what is exported.
absl::StatusOr<SourceInfo> ThisScheduler(const ClientOptions& options) {
  ASSIGN_OR_RETURN(const auto stub, StubOf<v1::ClusterService>(options));
  v1::GetStatusResponse status;
  RETURN_IF_ERROR(Invoke(options, [&](grpc::ClientContext& context) {
    return stub->GetStatus(&context, {}, &status);
  }));
  return SourceInfo{kOwnKind,
                    status.version(),
                    absl::StrCat(options.server, "/", ParentName(options)),
                    {},
                    TzdataVersion()};
}

absl::StatusOr<Exported> Write(const ExportVerb& verb, const std::vector<ToExport>& given,
                               const std::string& path) {
  if (!IsOwnForm(verb.run.to)) return RunExport(verb.run, given, path);
  ASSIGN_OR_RETURN(const SourceInfo source, ThisScheduler(verb.options));
  return WriteOwnForm(verb.run, source, given, path);
}

absl::Status Export(ExportVerb& verb, int& exit_code) {
  RETURN_IF_ERROR(CheckFlags(verb));
  const bool is_own = IsOwnForm(verb.run.to);
  verb.run.now = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  verb.run.prove = verb.prove >= 0 ? verb.prove : is_own ? 0 : kProveUsually;
  if (!verb.drop.empty()) {
    verb.run.passed.insert(verb.run.passed.end(), {"--drop", absl::StrJoin(verb.drop, ",")});
  }
  if (verb.any_phase) verb.run.passed.push_back("--any-phase");
  ASSIGN_OR_RETURN(
      ExportFile file,
      ExportFile::Open(verb.output, is_own ? "schedules" : "schedules.py", verb.force));
  ExportOutcome outcome;
  outcome.file = verb.output;
  outcome.tzdata = TzdataVersion();
  outcome.is_proved = !is_own && verb.run.prove > 0;
  ASSIGN_OR_RETURN(outcome.given, Fetch(verb));
  ASSIGN_OR_RETURN(outcome.exported, Write(verb, outcome.given, file.path()));
  if (IsWritten(outcome)) RETURN_IF_ERROR(file.Commit());
  PrintExport(verb.options, outcome);
  exit_code = ExitCodeOf(TotalsOf(outcome));
  return absl::OkStatus();
}

absl::Status ShowTargetHelp(const ExportVerb& verb) {
  if (IsOwnForm(verb.run.to)) {
    std::cout << "--to " << verb.run.to << " has no flags of its own; import --file reads it.\n";
    return absl::OkStatus();
  }
  std::vector<std::string> words;
  if (!verb.run.to.empty()) words = {"--to", verb.run.to};
  return ShowHelpOf(PythonPath(verb.run.python), "export", std::move(words));
}

constexpr char kTeaches[] =
    R"(Targets (--to): celery, django-celery-beat, redbeat, rq, rq-scheduler, apscheduler, huey, arq,
taskiq, dramatiq-crontab, periodiq, cron, as far as the installed z4j-adapters has them; json and
yaml are this scheduler's own form.  One text file is written, which you can read, review and commit;
nothing is ever written into another scheduler's store, and nothing changes here.  Flags that are not
listed above go to the writer of the target; --target-help lists them.

  1. In your project's virtualenv:      pip install z4j-adapters
  2. See what becomes of each:          z4j-scheduler export --to celery --output beat.py
  3. Pause here what moved:             z4j-scheduler schedule pause …
  4. Start the other scheduler with it; the file says how.

  z4j-scheduler export --to celery --target-help               the flags of one target
  z4j-scheduler export --to cron --only 'backup-*'             only these, on standard output
  z4j-scheduler export --to celery --drop overlap,jitter …     without what it has no place for
  z4j-scheduler export --to celery --any-phase …               intervals may begin anew
  z4j-scheduler export --to json --output all.jsonl            to another server of ours:
  z4j-scheduler import --file all.jsonl --server other:7801

What the target cannot hold exactly is refused, with the reason and what to do.  The file is loaded
with the target's own library, and the due times that this library tells are compared with ours:
the next --prove of each, and those around the next change of the clock both ways.  What differs is
refused, too, so that the file never holds it.  The file appears when it is complete, or not at all.

Exit codes: 0 all is in the file; 1 something is refused; 2 and above an error: nothing was written.
)";

void AddFlags(CLI::App& verb, ExportVerb& to) {
  verb.add_option("--to", to.run.to, "What to write for; see below");
  verb.add_option("--output", to.output, "The file to write; default: standard output");
  verb.add_flag("--force", to.force, "Replace that file");
  verb.add_option("--only", to.only, "Only names that match this shell pattern");
  verb.add_option("--label", to.labels, "Only with this label, key=value; repeatable");
  verb.add_option("--engine", to.engine, "Only this engine's");
  verb.add_option("--prove", to.prove,
                  absl::StrCat("Compare so many next fires of each with the target's own library "
                               "[",
                               kProveUsually, "]; 0: none.  json, yaml: write so many along [0]"))
      ->check(CLI::Range(0, kProveMax));
  verb.add_option("--drop", to.drop, "Leave these fields out: overlap, jitter, run-retry, …")
      ->delimiter(',');
  verb.add_flag("--any-phase", to.any_phase,
                "Intervals may begin when the other scheduler starts, where it holds no phase");
  verb.add_option("--python", to.run.python,
                  "Python that has the target's library; the active virtualenv's, else python3");
  verb.add_flag("--target-help", to.target_help, "Explains the flags of one target");
}

}  // namespace

void AddExportCommand(CLI::App& app, int& exit_code) {
  const auto verb = std::make_shared<ExportVerb>();
  CLI::App& command = *app.add_subcommand(
      "export", "Writes schedules for Celery, RQ, APScheduler, cron, …, with proof");
  command.footer(kTeaches);
  AddClientOptions(command, verb->options);
  // Elsewhere --output is the long form of -o; here it is the file.
  command.remove_option(command.get_option("-o"));
  command.add_option("-o", verb->options.output, "How to report: table, json or yaml")
      ->check(CLI::IsMember({"table", "json", "yaml"}))
      ->capture_default_str();
  AddFlags(command, *verb);
  // What is not ours is the writer's, and not the program's to refuse.
  command.fallthrough(false);
  command.allow_extras();
  command.callback([verb, &command, &exit_code] {
    verb->run.passed = command.remaining();
    exit_code = verb->target_help ? Finish([&] { return ShowTargetHelp(*verb); })
                                  : FinishWithCode([&](int& code) { return Export(*verb, code); });
  });
}

}  // namespace z4j::scheduler
