#include "services/scheduler/cli/export_run.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "services/base/cli/output.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/import_process.h"
#include "services/scheduler/cli/progress.h"
#include "services/scheduler/cli/python_half.h"
#include "services/scheduler/cli/transfer_text.h"
#include "services/scheduler/transfer/export_line.h"
#include "services/scheduler/transfer/limits.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// `schedule` from now on: what is left of its max_fires.
Schedule FromNowOn(const ToExport& given) {
  Schedule schedule = given.schedule;
  if (schedule.max_fires > given.message.fires()) schedule.max_fires -= given.message.fires();
  return schedule;
}

class ExportRun {
 public:
  ExportRun(const ExportOptions& options, const std::vector<ToExport>& given,
            const std::string& path)
      : options_(options), given_(given), path_(path), left_(given.size(), true) {
    for (int i = 0; i < given.size(); ++i) by_name_.emplace(given[i].schedule.name, i);
  }

  absl::StatusOr<Exported> Run() {
    for (int pass = 0; pass < kExportPassesMax; ++pass) {
      ASSIGN_OR_RETURN(Exported result, RunPass());
      bool all_proved = true;
      for (const ExportedSchedule& one : result.schedules) {
        if (!one.proof.has_value() || one.proof->is_identical()) continue;
        all_proved = false;
        Refuse(one);
      }
      if (!all_proved) continue;
      std::move(refused_.begin(), refused_.end(), std::back_inserter(result.refusals));
      Sort(result);
      return result;
    }
    return absl::FailedPreconditionError(absl::StrCat(
        "--to ", options_.to, ": other schedules differ each time that some are left out; nothing ",
        "was written; export them in parts, with --only"));
  }

 private:
  // One run of the Python half, with those that are left.
  absl::StatusOr<Exported> RunPass() {
    const File input(std::tmpfile());
    if (input == nullptr) return absl::InternalError("cannot make a temporary file");
    RETURN_IF_ERROR(WriteInput(*input));
    const std::string python = PythonPath(options_.python);
    std::vector<std::string> words = {
        "--to",     options_.to,
        "--output", path_,
        "--at",     absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", options_.now, absl::UTCTimeZone())};
    words.insert(words.end(), options_.passed.begin(), options_.passed.end());
    ASSIGN_OR_RETURN(Child child,
                     Child::Start(PythonHalf(python, "export", words), fileno(input.get())));
    result_ = {};
    told_.assign(given_.size(), false);
    ended_ = false;
    lines_ = 0;
    Progress progress("writing");
    RETURN_IF_ERROR(
        ForEachLine(child.output(), [&](const std::string& text) { return Take(text, progress); }));
    const int code = child.Wait();
    if (!ended_) return EndedEarly(python, "export", code, lines_);
    RETURN_IF_ERROR(CheckAllTold());
    return std::move(result_);
  }

  absl::Status WriteInput(std::FILE& file) {
    for (int i = 0; i < given_.size(); ++i) {
      if (!left_[i]) continue;
      ExportAsk ask = {options_.now, given_[i].message.fires(), AskedOf(i), options_.prove};
      absl::StatusOr<Json> line = ExportFields(given_[i].schedule, ask);
      if (!line.ok()) {  // It is quarantined, and stays here.
        left_[i] = false;
        refused_.push_back({given_[i].schedule.name, "R9_NOT_VALID",
                            std::string(line.status().message()), "edit it first", ""});
        continue;
      }
      (*line)["type"] = "schedule";
      (*line)["id"] = given_[i].schedule.name;
      (*line)["schedule"] = Json::parse(ToJson(given_[i].message));
      std::fputs((line->dump() + "\n").c_str(), &file);
    }
    std::fputs("{\"type\":\"end\"}\n", &file);
    if (std::fflush(&file) != 0 || std::ferror(&file)) {
      return absl::InternalError("cannot write a temporary file; is its disk full?");
    }
    std::rewind(&file);
    return absl::OkStatus();
  }

  // After which instants due times are asked for.
  std::vector<absl::Time> AskedOf(int index) const {
    if (options_.prove == 0) return {};
    const Schedule schedule = FromNowOn(given_[index]);
    const auto fires = NextFires({schedule}, options_.now, options_.prove);
    if (!fires.ok()) return {};
    std::vector<absl::Time> asked = {options_.now};
    if (fires->size() < options_.prove) return asked;  // It ends before.
    const auto further = ProofsAtChanges(schedule, options_.now, fires->back());
    asked.insert(asked.end(), further.begin(), further.end());
    return asked;
  }

  absl::Status Take(const std::string& text, Progress& progress) {
    if (text.empty()) return absl::OkStatus();
    ++lines_;
    ASSIGN_OR_RETURN(ExportLine line, ParseExportLine(text));
    if (auto* exported = std::get_if<ExportedLine>(&line)) {
      ASSIGN_OR_RETURN(const int index, IndexOf(exported->id));
      return Keep(index, std::move(*exported));
    }
    if (auto* refusal = std::get_if<Refusal>(&line)) {
      RETURN_IF_ERROR(IndexOf(refusal->object).status());
      result_.refusals.push_back(std::move(*refusal));
    } else if (const auto* made = std::get_if<ProgressLine>(&line)) {
      progress.Show(made->done, made->total.value_or(given_.size()));
    } else if (auto* target = std::get_if<TargetInfo>(&line)) {
      result_.target = std::move(*target);
    } else if (const auto* error = std::get_if<ErrorLine>(&line)) {
      return StatusOf(*error);
    } else {
      ended_ = true;
    }
    return absl::OkStatus();
  }

  // Which one an answer is about; each is told of once.
  absl::StatusOr<int> IndexOf(const std::string& id) {
    const auto found = by_name_.find(id);
    if (found == by_name_.end() || !left_[found->second] || told_[found->second]) {
      return absl::InternalError(absl::StrCat("z4j-adapter export told of '", id,
                                              "', which it was not given, or twice; nothing was ",
                                              "written; report this"));
    }
    told_[found->second] = true;
    return found->second;
  }

  absl::Status Keep(int index, ExportedLine line) {
    ExportedSchedule kept = {index, std::move(line.keys), std::move(line.becomes),
                             std::move(line.notes), std::nullopt};
    if (line.fires.has_value() && options_.prove > 0) {
      ASSIGN_OR_RETURN(kept.proof, ProofOf(index, *line.fires));
    }
    result_.schedules.push_back(std::move(kept));
    return absl::OkStatus();
  }

  absl::StatusOr<Proof> ProofOf(int index, const std::vector<std::vector<absl::Time>>& fires) {
    const std::vector<absl::Time> asked = AskedOf(index);
    if (fires.size() != asked.size()) {
      return absl::InternalError(
          "z4j-adapter export answered another question; use z4j-adapters "
          "and z4j-scheduler of the same version");
    }
    const Schedule schedule = FromNowOn(given_[index]);
    Proof whole;
    for (int i = 0; i < asked.size(); ++i) {
      ASSIGN_OR_RETURN(Proof part,
                       Prove({schedule}, asked[i], fires[i], options_.prove, result_.target.ends));
      whole.compared += part.compared;
      whole.apart_max = std::max(whole.apart_max, part.apart_max);
      if (whole.is_identical()) whole.differ = std::move(part.differ);
    }
    return whole;
  }

  absl::Status CheckAllTold() const {
    for (int i = 0; i < given_.size(); ++i) {
      if (left_[i] && !told_[i]) {
        return absl::InternalError(absl::StrCat("z4j-adapter export said nothing of '",
                                                given_[i].schedule.name,
                                                "'; nothing was written; report this"));
      }
    }
    return absl::OkStatus();
  }

  void Refuse(const ExportedSchedule& differing) {
    left_[differing.index] = false;
    const Schedule& schedule = given_[differing.index].schedule;
    refused_.push_back(
        {schedule.name, "R9_DIFFERS",
         absl::StrCat("as ", differing.becomes, " it would fire at other times: ",
                      DifferenceText(differing.proof->differ[0], schedule.time_zone)),
         "change here what the rule names, or leave it here", ""});
  }

  // In the order in which they were given.
  void Sort(Exported& result) const {
    std::sort(result.schedules.begin(), result.schedules.end(),
              [](const auto& a, const auto& b) { return a.index < b.index; });
    std::sort(result.refusals.begin(), result.refusals.end(), [this](const auto& a, const auto& b) {
      return by_name_.at(a.object) < by_name_.at(b.object);
    });
  }

  const ExportOptions& options_;
  const std::vector<ToExport>& given_;
  const std::string& path_;
  absl::flat_hash_map<std::string, int> by_name_;
  std::vector<bool> left_;        // Whether each is still to be written.
  std::vector<Refusal> refused_;  // Of those that are not.
  std::vector<bool> told_;        // Of each, in the present pass.
  Exported result_;
  bool ended_ = false;
  int64_t lines_ = 0;
};

}  // namespace

absl::StatusOr<Exported> RunExport(const ExportOptions& options, const std::vector<ToExport>& given,
                                   const std::string& path) {
  return ExportRun(options, given, path).Run();
}

}  // namespace z4j::scheduler
