#include "services/scheduler/cli/import_read.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/cli/yaml.h"
#include "services/base/field_error.h"
#include "services/base/parallel_for.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/import_cutover.h"
#include "services/scheduler/cli/import_lines.h"
#include "services/scheduler/cli/import_process.h"
#include "services/scheduler/cli/progress.h"
#include "services/scheduler/cli/python_half.h"
#include "services/scheduler/transfer/limits.h"

namespace z4j::scheduler {
namespace {

// Reads one source, in one or several passes.
class Reader {
 public:
  explicit Reader(const ReadOptions& options) : options_(options) {}

  absl::StatusOr<Reading> Read() {
    RETURN_IF_ERROR(options_.file.empty() ? RunPass(options_.now) : ReadFile());
    if (options_.file.empty()) reading_.source.fires_after = options_.now;
    ProveGroups();
    if (options_.file.empty() && options_.prove > 0) RETURN_IF_ERROR(ProveChanges());
    if (reading_.source.fires_after == absl::InfinitePast()) {
      reading_.source.fires_after = options_.now;
    }
    for (ReadSchedule& schedule : reading_.schedules) Trim(schedule.definition);
    return std::move(reading_);
  }

 private:
  // One run of the Python half, for fires after `after`.
  absl::Status RunPass(absl::Time after) {
    after_ = after;
    const std::string python = PythonPath(options_.python);
    std::vector<std::string> words = {"--from", options_.from};
    words.insert(words.end(), options_.passed.begin(), options_.passed.end());
    if (options_.prove > 0) {
      words.insert(words.end(),
                   {"--fires", absl::StrCat(std::max(options_.prove, kFiresShown)), "--at",
                    absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", after, absl::UTCTimeZone())});
    }
    ASSIGN_OR_RETURN(Child child, Child::Start(PythonHalf(python, "import", words)));
    RETURN_IF_ERROR(TakeAll(child.output()));
    const int code = child.Wait();
    return ended_ ? absl::OkStatus() : EndedEarly(python, "import", code, lines_);
  }

  absl::Status ReadFile() {
    const int descriptor =
        options_.file == "-" ? STDIN_FILENO : open(options_.file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
      return FieldError("--file",
                        absl::StrCat("cannot open '", options_.file, "': ", std::strerror(errno)));
    }
    after_ = absl::InfinitePast();
    const bool is_yaml =
        absl::EndsWith(options_.file, ".yaml") || absl::EndsWith(options_.file, ".yml");
    const absl::Status taken = is_yaml ? TakeYaml(descriptor) : TakeAll(descriptor);
    if (descriptor != STDIN_FILENO) close(descriptor);
    RETURN_IF_ERROR(taken);
    if (ended_) return absl::OkStatus();
    return FieldError("--file", absl::StrCat("'", options_.file,
                                             "' ends without an end line: it is cut short, or no "
                                             "output of z4j-adapter import"));
  }

  // A list of what are lines otherwise.
  absl::Status TakeYaml(int descriptor) {
    std::string text;
    RETURN_IF_ERROR(ForEachLine(descriptor, [&](const std::string& line) {
      absl::StrAppend(&text, line, "\n");
      return absl::OkStatus();
    }));
    const auto list = ParseYaml(text);
    if (!list.ok()) return FieldError("--file", std::string(list.status().message()));
    Progress progress("reading");
    std::vector<std::string> lines;
    for (const nlohmann::json& line : *list) lines.push_back(line.dump());
    return TakeLines(lines, progress);
  }

  absl::Status TakeAll(int descriptor) {
    ended_ = false;
    lines_ = 0;
    Progress progress("reading");
    LineStream stream(descriptor);
    std::vector<std::string> lines;  // What was there to read at once.
    const auto take = [&](const std::string& text) {
      if (!text.empty()) lines.push_back(text);
      return absl::OkStatus();
    };
    for (bool has_more = true; has_more; lines.clear()) {
      const absl::StatusOr<bool> taken = stream.Take(absl::InfiniteDuration(), take);
      RETURN_IF_ERROR(TakeLines(lines, progress));
      ASSIGN_OR_RETURN(has_more, taken);
    }
    return absl::OkStatus();
  }

  // Takes lines in their order; several are parsed at a time.
  absl::Status TakeLines(const std::vector<std::string>& texts, Progress& progress) {
    std::vector<absl::StatusOr<ImportLine>> lines(texts.size(), absl::UnknownError(""));
    ParallelFor(texts.size(),
                [&](int i) { lines[i] = ParseImportLine(texts[i], options_.project); });
    for (absl::StatusOr<ImportLine>& line : lines) {
      ++lines_;
      RETURN_IF_ERROR(line.status());
      RETURN_IF_ERROR(TakeLine(*std::move(line), progress));
    }
    return absl::OkStatus();
  }

  absl::Status TakeLine(ImportLine line, Progress& progress) {
    if (const auto* made = std::get_if<ProgressLine>(&line)) {
      progress.Show(made->done, made->total.value_or(0));
    } else if (auto* found = std::get_if<FoundLine>(&line)) {
      return is_first_ ? Keep(std::move(*found)) : ProveAgain(found->definition);
    } else if (auto* refusal = std::get_if<Refusal>(&line)) {
      if (is_first_) reading_.refusals.push_back(std::move(*refusal));
    } else if (auto* source = std::get_if<SourceInfo>(&line)) {
      if (is_first_) reading_.source = std::move(*source);
    } else if (const auto* error = std::get_if<ErrorLine>(&line)) {
      return StatusOf(*error);
    } else {
      ended_ = true;
      if (is_first_) reading_.zones = std::move(std::get<EndLine>(line).zones);
    }
    return absl::OkStatus();
  }

  // A schedule of the first pass.
  absl::Status Keep(FoundLine found) {
    if (reading_.schedules.size() >= kImportSchedulesMax) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the source has more than ", kImportSchedulesMax, " schedules; import it in parts"));
    }
    Prepare(found);
    const int index = static_cast<int>(reading_.schedules.size());
    by_name_.emplace(found.definition.schedule.name, index);
    reading_.schedules.push_back({std::move(found.definition), std::move(found.message)});
    ReadSchedule& kept = reading_.schedules.back();
    if (!kept.definition.group.empty()) {
      std::vector<int>& members = groups_[kept.definition.group];
      kept.leads = members.empty();
      members.push_back(index);
    } else if (options_.prove > 0) {
      ProveOne(kept, {kept.definition.schedule}, kept.definition.fires);
      Trim(kept.definition);
    }
    return absl::OkStatus();
  }

  // Applies what the command line says to all schedules alike.
  void Prepare(FoundLine& found) {
    Schedule& schedule = found.definition.schedule;
    for (const auto& [key, value] : options_.labels) {
      schedule.labels[key] = value;
      (*found.message.mutable_labels())[key] = value;
    }
    if (schedule.state != ScheduleState::kPaused && options_.paused) {
      schedule.state = ScheduleState::kPaused;
      schedule.pause.emplace();
      schedule.pause->reason = PausedByImport(reading_.source.kind, reading_.source.locator);
      found.message.set_state(v1::Schedule::STATE_PAUSED);
      found.message.mutable_pause()->set_reason(schedule.pause->reason);
    } else if (schedule.state != ScheduleState::kPaused && options_.shadow) {
      schedule.state = ScheduleState::kShadow;
      found.message.set_state(v1::Schedule::STATE_SHADOW);
    }
  }

  static void Trim(Definition& definition) {
    if (definition.fires.has_value() && definition.fires->size() > kFiresShown) {
      definition.fires->resize(kFiresShown);
      definition.fires->shrink_to_fit();
    }
  }

  // Holds `fires` against `schedules`, and adds that to what is proved of `at`.
  void ProveOne(ReadSchedule& at, const std::vector<Schedule>& schedules,
                const std::optional<std::vector<absl::Time>>& fires) {
    if (at.definition.finished) return;
    if (!fires.has_value()) {
      // Where our own evaluator computed them, too, there is nothing that has to be proved.
      if (reading_.source.kind != kOwnKind) at.unproved = WithoutFires();
      return;
    }
    absl::Time after = after_;
    int wanted = std::max(options_.prove, kFiresShown);
    if (!options_.file.empty()) {
      after = reading_.source.fires_after;
      wanted = reading_.source.fires_wanted.value_or(0);
      if (after == absl::InfinitePast()) {  // It does not say from where on they are.
        if (fires->empty()) return;
        after = fires->front() - absl::Microseconds(1);
      }
    }
    absl::StatusOr<Proof> proof = Prove(schedules, after, *fires, wanted, reading_.source.ends);
    if (!proof.ok()) return;  // It is refused in the plan, with its reason.
    const bool has_ended = fires->empty() || fires->size() < wanted;
    at.proved_until = has_ended ? absl::InfiniteFuture() : fires->back();
    if (!at.proof.has_value()) {
      at.proof = *std::move(proof);
      return;
    }
    at.proof->compared += proof->compared;
    at.proof->apart_max = std::max(at.proof->apart_max, proof->apart_max);
    if (at.proof->is_identical()) at.proof->differ = std::move(proof->differ);
  }

  const char* WithoutFires() const {
    return options_.file.empty() ? "the source's library cannot say when it fires"
                                 : "the lines hold no fires: read them with --fires";
  }

  std::vector<Schedule> MembersOf(const ReadSchedule& schedule) const {
    const auto group = groups_.find(schedule.definition.group);
    if (group == groups_.end()) return {schedule.definition.schedule};
    std::vector<Schedule> members;
    for (const int i : group->second) {
      members.push_back(reading_.schedules[i].definition.schedule);
    }
    return members;
  }

  void ProveGroups() {
    if (options_.prove == 0) return;
    for (const auto& [name, members] : groups_) {
      ReadSchedule& first = reading_.schedules[members.front()];
      ProveOne(first, MembersOf(first), first.definition.fires);
    }
  }

  // Which schedules still need a proof across which changes of the clock, by when to begin.
  std::map<absl::Time, std::vector<int>> ChangesToProve() {
    std::map<absl::Time, std::vector<int>> passes;
    for (int i = 0; i < reading_.schedules.size(); ++i) {
      const ReadSchedule& schedule = reading_.schedules[i];
      if (!schedule.proof.has_value()) continue;
      for (const absl::Time begin :
           ProofsAtChanges(schedule.definition.schedule, options_.now, schedule.proved_until)) {
        passes[begin].push_back(i);
      }
    }
    return passes;
  }

  absl::Status ProveChanges() {
    is_first_ = false;
    int passes = 0;
    for (const auto& [begin, indexes] : ChangesToProve()) {
      if (++passes > kImportPassesMax) {
        for (const int i : indexes) {
          reading_.schedules[i].unproved =
              "not proved across every change of its clock: the "
              "source has too many zones";
        }
        continue;
      }
      again_ = {indexes.begin(), indexes.end()};
      RETURN_IF_ERROR(RunPass(begin));
    }
    return absl::OkStatus();
  }

  // A schedule of a later pass.
  absl::Status ProveAgain(const Definition& definition) {
    const auto found = by_name_.find(definition.schedule.name);
    if (found == by_name_.end() || !again_.contains(found->second)) return absl::OkStatus();
    ReadSchedule& kept = reading_.schedules[found->second];
    if (definition.schedule.source->digest != kept.message.source().digest()) {
      kept.unproved = "it was changed in the source while that was read; run this again";
    } else {
      ProveOne(kept, MembersOf(kept), definition.fires);
    }
    return absl::OkStatus();
  }

  const ReadOptions& options_;
  Reading reading_;
  absl::flat_hash_map<std::string, int> by_name_;
  std::map<std::string, std::vector<int>> groups_;  // Indexes of the schedules, in order.
  std::set<int> again_;                             // Those that the present pass is for.
  absl::Time after_ = absl::InfinitePast();
  bool is_first_ = true, ended_ = false;
  int64_t lines_ = 0;
};

}  // namespace

absl::Status ShowSourceHelp(const ReadOptions& options, const std::string& verb) {
  std::vector<std::string> words;
  if (!options.from.empty()) words = {"--from", options.from};
  words.insert(words.end(), options.passed.begin(), options.passed.end());
  return ShowHelpOf(PythonPath(options.python), verb, std::move(words));
}

absl::StatusOr<Reading> ReadImport(const ReadOptions& options) { return Reader(options).Read(); }

}  // namespace z4j::scheduler
