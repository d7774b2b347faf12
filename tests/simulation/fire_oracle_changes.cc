// What must hold of the changes that users make, and of what comes after them; see fire_oracle.h.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/simulation/database.h"
#include "tests/simulation/fire_oracle.h"

namespace z4j::simulation {
namespace {

using scheduler::Fire;
using scheduler::FireReason;
using scheduler::FireState;
using scheduler::IntervalSpec;
using scheduler::Schedule;
using scheduler::ScheduleState;
using scheduler::StoredSchedule;

// The first due time after `watermark`.
absl::Time NextAfter(const Schedule& schedule, absl::Time watermark) {
  const auto& spec = std::get<IntervalSpec>(schedule.spec);
  if (watermark < spec.anchor) return spec.anchor;
  const absl::Duration since = watermark - spec.anchor;
  return spec.anchor + absl::Floor(since, spec.period) + spec.period;
}

// Why due times are left out that were not decided before a change.
FireReason ReasonFor(const Schedule& before, const Schedule& after) {
  if (before.state == ScheduleState::kPaused) return FireReason::kPaused;
  if (before.state == ScheduleState::kShadow) return FireReason::kShadow;
  if (after.state == ScheduleState::kPaused) return FireReason::kPaused;
  if (after.state == ScheduleState::kShadow) return FireReason::kShadow;
  return FireReason::kEdited;
}

}  // namespace

void FireOracle::Changed(const Stored& before, const Stored& after, const std::vector<Fire>& rows,
                         absl::Time now) {
  if (!after.has_value()) return Deleted(before->schedule);
  if (!before.has_value()) return Made(*after);
  Known& known = schedules_.at(after->schedule.id);
  world_.Trace(static_cast<uint64_t>(absl::ToUnixMicros(after->cursor.watermark)));
  world_.Tell([&] {
    return absl::StrCat(known.schedule.name, " is changed from state ", before->schedule.state,
                        " to ", after->schedule.state, " at ", TextOf(now), ", left behind up to ",
                        TextOf(after->cursor.watermark));
  });
  FireReason reason = ReasonFor(before->schedule, after->schedule);
  for (const Fire& row : rows) {
    // What was due between the end of a pause and the beginning of a shadow.
    const bool shadow = after->schedule.state == ScheduleState::kShadow;
    if (shadow && row.reason == FireReason::kShadow) reason = FireReason::kShadow;
    LeftOut(known, row, reason);
  }
  Edited(known, *before, *after, now);
}

void FireOracle::Made(const StoredSchedule& made) {
  const Schedule& schedule = made.schedule;
  world_.Tell([&] { return schedule.name + " is made"; });
  Known& known = schedules_[schedule.id];
  known.schedule = schedule;
  known.period = std::get<IntervalSpec>(schedule.spec).period;
  known.next = NextAfter(schedule, made.cursor.watermark);
  known.changed_at = Now();
  known.tasks = {{world_.now(), schedule.task}};
}

// Its PENDING fires are cancelled with it.
void FireOracle::Deleted(const Schedule& gone) {
  world_.Tell([&] { return gone.name + " is deleted"; });
  schedules_.erase(gone.id);
  std::erase_if(pending_, [&](const auto& one) {
    Row& row = rows_.at(one.second);
    if (row.key.schedule != gone.id) return false;
    row.settled = world_.now();
    return true;
  });
}

void FireOracle::LeftOut(Known& known, const Fire& row, FireReason reason) {
  Follows(known, row);
  if (row.state == FireState::kSkipped && row.reason == reason) return;
  Fail(absl::StrCat(known.schedule.name, ": a change leaves a row of state ", row.state,
                    " and reason ", row.reason, " up to ", TextOf(row.key.due_at)));
}

void FireOracle::Edited(Known& known, const StoredSchedule& before, const StoredSchedule& after,
                        absl::Time now) {
  const absl::Time watermark = after.cursor.watermark;
  if (watermark < before.cursor.watermark) {
    Fail(known.schedule.name + ": a change moves its watermark back");
  }
  if (known.next <= watermark) {
    Fail(absl::StrCat(known.schedule.name, ": a change leaves ", TextOf(known.next),
                      " without a row"));
  }
  // What came due before the change is not to be fired by what it came to; but after the end of a
  // pause all is fired.
  absl::Time done = now;
  const Schedule& was = before.schedule;
  const bool resumed = was.state == ScheduleState::kPaused && after.schedule.state != was.state;
  if (resumed) done = std::min(done, was.pause->until);
  const bool same = was.state == after.schedule.state && was.spec == after.schedule.spec;
  if (!same && watermark < done) {
    Fail(absl::StrCat(known.schedule.name, ": a change at ", TextOf(now),
                      " leaves what is due from ", TextOf(watermark), " on"));
  }
  if (was.task != after.schedule.task) known.tasks.emplace_back(world_.now(), after.schedule.task);
  known.changed_at = Now();
  known.schedule = after.schedule;
  known.period = std::get<IntervalSpec>(after.schedule.spec).period;
  known.next = NextAfter(after.schedule, watermark);
}

// A leader knows every edit that was made before it took over.
void FireOracle::CheckTask(const Known& known, Instant since, const std::string& task,
                           const std::string& what) {
  const auto runs = std::find_if(known.tasks.begin(), known.tasks.end(),
                                 [&](const auto& one) { return one.second == task; });
  if (runs == known.tasks.end()) return Fail(absl::StrCat(what, " with the task ", task));
  const auto next = runs + 1;
  if (next == known.tasks.end() || next->first >= since) return;
  Fail(absl::StrCat(what, " with the task ", task, ", which was another one when it took over"));
}

}  // namespace z4j::simulation
