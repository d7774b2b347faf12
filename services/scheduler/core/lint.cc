#include "services/scheduler/core/lint.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/scheduler/core/calendar.h"
#include "services/scheduler/core/lint_rules.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/recurrence.h"
#include "services/scheduler/core/text_rules.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);
constexpr absl::Duration kFarAway = absl::Hours(24 * 3653);  // Ten years.
constexpr int kPeriodsSeen = 32;                             // To find the shortest.

std::string DayText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d", time, absl::UTCTimeZone());
}

// "timedelta(days=1, hours=2)" for "each day at 02:00".
void LintPeriod(const IntervalSpec& interval, LintNotes* notes) {
  const absl::Duration rest = interval.period % kDay;
  if (interval.period < kDay || rest == absl::ZeroDuration()) return;
  std::string fix = "for a time of the day use a cron, or a calendar interval";
  if (interval.period < 2 * kDay && rest % absl::Minutes(1) == absl::ZeroDuration()) {
    const int64_t minute = rest / absl::Minutes(1);
    fix = absl::StrFormat("for each day at %02d:%02d write the cron \"%d %d * * *\"", minute / 60,
                          minute % 60, minute % 60, minute / 60);
  }
  notes->push_back(
      {"DAYS_AND_HOURS", "spec.interval.period",
       absl::StrCat("every ", absl::FormatDuration(interval.period), ": each time of the day is ",
                    absl::FormatDuration(rest), " later than the one before"),
       fix});
}

void LintCalendar(const CalendarIntervalSpec& calendar, LintNotes* notes) {
  const int day = calendar.start_date.day();
  const int months = calendar.years * 12 + calendar.months;
  if (calendar.weeks != 0 || calendar.days != 0 || day <= 28) return;
  // Years alone keep the month: only 29 February is not in each.
  if (months % 12 == 0 && (calendar.start_date.month() != 2)) return;
  notes->push_back({"SHORT_MONTHS", "spec.calendar_interval.start_date",
                    absl::StrCat("day ", day, ": months without it are left out"),
                    "for the last day of each month use a cron with day_of_month L; or begin on "
                    "day 28 or before"});
}

// What is due next: nothing, or nothing for long.
void LintNext(const Schedule& schedule, absl::Time next, absl::Time now, LintNotes* notes) {
  const auto* cron = std::get_if<CronSpec>(&schedule.spec);
  const bool has_years = cron != nullptr && !cron->year.empty() && cron->year != "*";
  const std::string field = has_years ? "spec.cron.year" : "spec";
  if (next == absl::InfiniteFuture()) {
    if (schedule.state == ScheduleState::kFinished) return;
    const bool has_ended = schedule.end_at.has_value() && *schedule.end_at <= now;
    notes->push_back(
        {has_years && !has_ended ? "YEARS_PAST" : "NO_FIRE_LEFT", has_ended ? "end_time" : field,
         has_ended   ? absl::StrCat("ended on ", DayText(*schedule.end_at), " (UTC)")
         : has_years ? absl::StrCat("year ", Quoted(cron->year), ": none of it is still to come")
                     : std::string("never comes due again"),
         "delete it if it is done, or choose a time to come"});
  } else if (next > now + kFarAway) {
    notes->push_back({"FAR_AWAY", field,
                      absl::StrCat("comes due on ", DayText(next), " (UTC) and not before"),
                      "to switch a schedule off, pause it"});
  }
}

void LintExpiry(const Schedule& schedule, const Recurrence& recurrence, absl::Time next,
                LintNotes* notes) {
  if (schedule.expires <= absl::ZeroDuration() || next == absl::InfiniteFuture()) return;
  const std::string expires = absl::FormatDuration(schedule.expires);
  if (schedule.expires < kUsualQueueTime) {
    notes->push_back({"EXPIRES_SOON", "expires",
                      absl::StrCat("a fire that has waited ", expires,
                                   " is dropped: a queue that is a little behind runs nothing"),
                      absl::StrCat("allow at least ", absl::FormatDuration(kUsualQueueTime))});
    return;
  }
  absl::Duration period = absl::InfiniteDuration();
  absl::Time at = next;
  for (int i = 0; i < kPeriodsSeen; ++i) {
    const absl::Time later = recurrence.NextAfter(at);
    if (later == absl::InfiniteFuture()) break;
    period = std::min(period, later - at);
    at = later;
  }
  if (period == absl::InfiniteDuration() || schedule.expires >= period) return;
  notes->push_back(
      {"EXPIRES_BEFORE_NEXT", "expires",
       absl::StrCat("a fire that has waited ", expires, " is dropped, and the next one comes ",
                    absl::FormatDuration(period), " after it"),
       "if each run counts, let it expire when the next is due, or never"});
}

}  // namespace

std::string CronPath(const CronSpec& cron, const char* field) {
  return cron.expression.empty() ? absl::StrCat("spec.cron.", field) : "spec.cron.expression";
}

std::vector<LintNote> Lint(const Schedule& schedule, absl::Time now) {
  LintNotes notes;
  const auto recurrence = CompileRecurrence(schedule);
  if (!recurrence.ok()) return notes;
  if (const auto* cron = std::get_if<CronSpec>(&schedule.spec)) {
    LintCron(*cron, &notes);
    LintCronSteps(*cron, schedule.source.has_value() ? schedule.source->raw : "", &notes);
  } else if (const auto* interval = std::get_if<IntervalSpec>(&schedule.spec)) {
    LintPeriod(*interval, &notes);
  } else if (const auto* calendar = std::get_if<CalendarIntervalSpec>(&schedule.spec)) {
    LintCalendar(*calendar, &notes);
  }
  LintUtcHours(schedule, now, &notes);
  LintDst(schedule, now, &notes);
  const absl::Time next = NextDue(**recurrence, PolicyOf(schedule), {now, 0});
  LintNext(schedule, next, now, &notes);
  LintExpiry(schedule, **recurrence, next, &notes);
  return notes;
}

}  // namespace z4j::scheduler
