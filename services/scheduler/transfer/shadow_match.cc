#include "services/scheduler/transfer/shadow_match.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "services/scheduler/transfer/shadow_align.h"

namespace z4j::scheduler {
namespace {

using Call = std::tuple<std::string, std::string, std::string>;  // Task, args, kwargs.

// Schedules that run the same, as far as jobs tell, with their fires and jobs.
struct Group {
  Call call;
  int leader = 0;  // Another group that it became one with, or itself.
  std::vector<int> fires, jobs;
  absl::Duration reach;
};

class Matcher {
 public:
  Matcher(absl::Span<const ShadowSchedule> schedules, absl::Span<const ShadowFire> fires,
          absl::Span<const SeenJob> jobs, const ShadowWindow& window)
      : schedules_(schedules), fires_(fires), jobs_(jobs), window_(window) {
    result_.lines.resize(schedules.size());
  }

  ShadowComparison Compare() {
    MakeGroups();
    std::vector<int> group_of(jobs_.size(), -1);
    for (int i = 0; i < jobs_.size(); ++i) group_of[i] = GroupOf(jobs_[i]);
    // Only now is it known which groups are one.
    for (int i = 0; i < jobs_.size(); ++i) {
      if (group_of[i] >= 0) groups_[Leader(group_of[i])].jobs.push_back(i);
    }
    for (int i = 0; i < fires_.size(); ++i) {
      const ShadowFire& fire = fires_[i];
      const absl::Duration reach = schedules_[fire.schedule].reach;
      if (fire.due < window_.begin - reach || fire.due > window_.end + reach) continue;
      groups_[Leader(group_of_[fire.schedule])].fires.push_back(i);
    }
    for (int i = 0; i < schedules_.size(); ++i) {
      Group& group = groups_[Leader(group_of_[i])];
      group.reach = std::max(group.reach, schedules_[i].reach);
    }
    for (Group& group : groups_) CompareGroup(group);
    for (ShadowLine& line : result_.lines) {
      std::sort(line.missing.begin(), line.missing.end());
      std::sort(line.extra.begin(), line.extra.end());
    }
    return std::move(result_);
  }

 private:
  void MakeGroups() {
    for (const ShadowSchedule& schedule : schedules_) {
      Call call = {schedule.task, OneSpelling(schedule.args), OneSpelling(schedule.kwargs)};
      const int next = static_cast<int>(groups_.size());
      const auto [found, is_new] = by_call_.try_emplace(call, next);
      if (is_new) groups_.push_back({std::move(call), next, {}, {}, {}});
      group_of_.push_back(found->second);
    }
  }

  int Leader(int group) {
    while (groups_[group].leader != group) group = groups_[group].leader;
    return group;
  }

  // The group that a job belongs to, or -1.  Groups that it does not tell apart become one.
  int GroupOf(const SeenJob& job) {
    int found = -1;
    bool is_named = false;
    auto at = by_call_.lower_bound({job.task, "", ""});
    if (job.args.has_value() && job.kwargs.has_value()) {
      const auto exact =
          by_call_.find({job.task, OneSpelling(*job.args), OneSpelling(*job.kwargs)});
      if (exact != by_call_.end()) return exact->second;
      is_named = at != by_call_.end() && std::get<0>(at->first) == job.task;
      at = by_call_.end();
    }
    for (; at != by_call_.end() && std::get<0>(at->first) == job.task; ++at) {
      is_named = true;
      const auto& [task, args, kwargs] = at->first;
      if (job.args.has_value() && OneSpelling(*job.args) != args) continue;
      if (job.kwargs.has_value() && OneSpelling(*job.kwargs) != kwargs) continue;
      const int group = Leader(at->second);
      if (found < 0) found = group;
      groups_[group].leader = found;
    }
    if (found < 0) ++(is_named ? result_.other_arguments : result_.unscheduled);
    return found;
  }

  void CompareGroup(Group& group) {
    std::sort(group.fires.begin(), group.fires.end(),
              [&](int a, int b) { return fires_[a].due < fires_[b].due; });
    std::sort(group.jobs.begin(), group.jobs.end(),
              [&](int a, int b) { return jobs_[a].at < jobs_[b].at; });
    std::vector<DueTime> dues;
    for (const int i : group.fires) {
      dues.push_back({fires_[i].due, schedules_[fires_[i].schedule].reach});
    }
    std::vector<absl::Time> seen;
    for (const int i : group.jobs) seen.push_back(jobs_[i].at);
    const std::vector<int> partner = AlignShadow(dues, seen);
    std::vector<bool> is_paired(seen.size(), false);
    for (int i = 0; i < dues.size(); ++i) {
      ShadowLine& line = result_.lines[fires_[group.fires[i]].schedule];
      if (partner[i] >= 0) {
        is_paired[partner[i]] = true;
        ++line.matched;
        line.apart.push_back(seen[partner[i]] - dues[i].at);
      } else if (!window_.Judges(dues[i].at, dues[i].reach)) {
        ++line.not_judged;
      } else if (IsDrift(seen, dues[i].at, schedules_[fires_[group.fires[i]].schedule])) {
        ++line.drifted;
      } else {
        line.missing.push_back(dues[i].at);
      }
    }
    for (int i = 0; i < seen.size(); ++i) {
      if (!is_paired[i]) AddExtra(group, seen[i]);
    }
  }

  // Whether jobs before and after `due` are as near to one another as its source has them.
  static bool IsDrift(const std::vector<absl::Time>& seen, absl::Time due,
                      const ShadowSchedule& schedule) {
    const auto next = std::upper_bound(seen.begin(), seen.end(), due);
    return next != seen.begin() && next != seen.end() &&
           *next - *(next - 1) <= schedule.between_max;
  }

  void AddExtra(const Group& group, absl::Time at) {
    ShadowLine& line = result_.lines[NearestSchedule(group, at)];
    if (window_.Judges(at, group.reach)) {
      line.extra.push_back(at);
    } else {
      ++line.not_judged;
    }
  }

  int NearestSchedule(const Group& group, absl::Time at) {
    const auto later = std::lower_bound(group.fires.begin(), group.fires.end(), at,
                                        [&](int i, absl::Time t) { return fires_[i].due < t; });
    if (group.fires.empty()) {
      for (int i = 0; i < schedules_.size(); ++i) {
        if (&groups_[Leader(group_of_[i])] == &group) return i;
      }
    }
    const bool has_later = later != group.fires.end(), has_earlier = later != group.fires.begin();
    if (has_later && has_earlier) {
      const bool is_later = fires_[*later].due - at < at - fires_[*(later - 1)].due;
      return fires_[is_later ? *later : *(later - 1)].schedule;
    }
    return fires_[has_later ? *later : *(later - 1)].schedule;
  }

  const absl::Span<const ShadowSchedule> schedules_;
  const absl::Span<const ShadowFire> fires_;
  const absl::Span<const SeenJob> jobs_;
  const ShadowWindow& window_;
  std::vector<Group> groups_;
  std::map<Call, int> by_call_;
  std::vector<int> group_of_;  // Of each schedule.
  ShadowComparison result_;
};

}  // namespace

bool ShadowWindow::Judges(absl::Time at, absl::Duration reach) const {
  const TimeSpan near = {at - reach, at + reach};
  return near.begin >= begin && near.end <= end &&
         std::none_of(gaps.begin(), gaps.end(), [&](const TimeSpan& gap) {
           return gap.begin <= near.end && gap.end >= near.begin;
         });
}

ShadowComparison CompareShadow(absl::Span<const ShadowSchedule> schedules,
                               absl::Span<const ShadowFire> fires, absl::Span<const SeenJob> jobs,
                               const ShadowWindow& window) {
  return Matcher(schedules, fires, jobs, window).Compare();
}

absl::Duration ApartAt(std::vector<absl::Duration> apart, int percent) {
  if (apart.empty()) return absl::ZeroDuration();
  const auto at = apart.begin() + (apart.size() - 1) * percent / 100;
  std::nth_element(apart.begin(), at, apart.end(), [](absl::Duration a, absl::Duration b) {
    return absl::AbsDuration(a) < absl::AbsDuration(b);
  });
  return *at;
}

std::string OneSpelling(const std::string& json) {
  const auto value = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  return value.is_discarded() ? json : value.dump();
}

}  // namespace z4j::scheduler
