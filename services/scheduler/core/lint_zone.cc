#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "services/scheduler/core/cron_parse.h"
#include "services/scheduler/core/dst_note.h"
#include "services/scheduler/core/lint_rules.h"
#include "services/scheduler/core/zone.h"

namespace z4j::scheduler {
namespace {

constexpr int kMinutesPerDay = 24 * 60;
constexpr absl::Duration kTick = absl::Microseconds(1);
constexpr absl::Duration kAhead = absl::Hours(24 * 400);  // Each change that a year has.

// A change of the clock: wall seconds [low, high) are removed or come twice.
struct Change {
  bool is_gap;
  int64_t low, high;
};

// Those of the next year and a bit.
std::vector<Change> ChangesAfter(const Zone& zone, absl::Time now) {
  std::vector<Change> changes;
  const auto& segments = zone.segments();
  const int64_t end = absl::ToUnixSeconds(now + kAhead);
  for (size_t i = zone.IndexAt(absl::ToUnixSeconds(now)) + 1; i < segments.size(); ++i) {
    if (segments[i].start >= end) break;
    const int64_t before = segments[i].start + segments[i - 1].offset;
    const int64_t after = segments[i].start + segments[i].offset;
    changes.push_back({before < after, std::min(before, after), std::max(before, after)});
  }
  return changes;
}

std::string GapText(GapPolicy gap) {
  switch (gap) {
    case GapPolicy::kShift:
      return "due as much later (gap SHIFT)";
    case GapPolicy::kSkip:
      return "not due then (gap SKIP)";
    case GapPolicy::kNextValid:
      break;
  }
  return "due when they have (gap NEXT_VALID)";
}

std::string FoldText(FoldPolicy fold) {
  switch (fold) {
    case FoldPolicy::kSecond:
      return "due at the second (fold SECOND)";
    case FoldPolicy::kBoth:
      return "due at both (fold BOTH)";
    case FoldPolicy::kFirst:
    case FoldPolicy::kAuto:
      break;
  }
  return "due at the first (fold FIRST)";
}

// What the change does to the wall times of the spec; empty if there are none in it.
std::string TextOf(const Change& change, const Recurrence& walls, const Schedule& schedule) {
  const absl::Time from = absl::FromUnixSeconds(change.low) - kTick;
  const int64_t count = walls.CountBetween(from, absl::FromUnixSeconds(change.high) - kTick);
  if (count == 0) return "";
  const absl::Time wall = walls.NextAfter(from);
  const std::string which =
      absl::StrCat(absl::FormatTime("%H:%M", wall, absl::UTCTimeZone()),
                   count > 1 ? absl::StrCat(" and ", count - 1, " more") : "");
  const std::string day = absl::FormatTime("%Y-%m-%d", wall, absl::UTCTimeZone());
  const bool is_one = count == 1;
  if (change.is_gap) {
    return absl::StrCat(which, is_one ? " is" : " are", " left out when clocks go forward on ", day,
                        ": ", GapText(schedule.gap));
  }
  return absl::StrCat(which, is_one ? " comes" : " come", " twice when clocks go back on ", day,
                      ": ", FoldText(schedule.fold));
}

// The one minute of the day at which it comes due; nullopt if there is not just one.
std::optional<int> MinuteOfDay(const Schedule& schedule) {
  if (const auto* cron = std::get_if<CronSpec>(&schedule.spec)) {
    const auto fields = ParseCron(*cron);
    if (!fields.ok() || std::popcount(fields->hours) != 1 || std::popcount(fields->minutes) != 1) {
      return std::nullopt;
    }
    return std::countr_zero(fields->hours) * 60 + std::countr_zero(fields->minutes);
  }
  if (const auto* calendar = std::get_if<CalendarIntervalSpec>(&schedule.spec)) {
    return calendar->at_second / 60;
  }
  return std::nullopt;
}

// The times of the day, in minutes, that a text mentions as "9am", "9:30 pm" or "21:30".
std::vector<int> TimesIn(absl::string_view text) {
  std::vector<int> times;
  const auto digit_at = [&](size_t i) { return i < text.size() && absl::ascii_isdigit(text[i]); };
  for (size_t i = 0; i < text.size(); ++i) {
    if (!digit_at(i) || (i > 0 && absl::ascii_isalnum(text[i - 1]))) continue;
    int hour = text[i] - '0', minute = 0;
    size_t end = i + 1;
    if (digit_at(end)) hour = hour * 10 + (text[end++] - '0');
    bool is_time = false;
    if (end < text.size() && text[end] == ':' && digit_at(end + 1) && digit_at(end + 2)) {
      minute = (text[end + 1] - '0') * 10 + (text[end + 2] - '0');
      end += 3;
      is_time = true;
    }
    size_t half = end;
    if (half < text.size() && text[half] == ' ') ++half;
    const std::string word = absl::AsciiStrToLower(text.substr(std::min(half, text.size()), 2));
    const bool ends = half + 2 >= text.size() || !absl::ascii_isalnum(text[half + 2]);
    if ((word == "am" || word == "pm") && ends && 1 <= hour && hour <= 12) {
      hour = hour % 12 + (word == "pm" ? 12 : 0);
      is_time = true;
    }
    if (is_time && hour < 24 && minute < 60) times.push_back(hour * 60 + minute);
    i = end - 1;
  }
  return times;
}

bool HasWord(absl::string_view text, const std::string& word) {
  const std::string lower = absl::AsciiStrToLower(text);
  for (size_t at = lower.find(word); at != std::string::npos; at = lower.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool begins = at == 0 || !absl::ascii_isalnum(lower[at - 1]);
    if (begins && (end == lower.size() || !absl::ascii_isalnum(lower[end]))) return true;
  }
  return false;
}

std::string TimeText(int minute) { return absl::StrFormat("%02d:%02d", minute / 60, minute % 60); }

}  // namespace

void LintDst(const Schedule& schedule, absl::Time now, LintNotes* notes) {
  if (const auto* cron = std::get_if<CronSpec>(&schedule.spec)) {
    // What runs all day long has times in each change, and nobody minds.
    const auto fields = ParseCron(*cron);
    if (!fields.ok() || fields->is_hour_open) return;
  }
  const auto walls = CompileWallTimes(schedule);
  const auto zone = Zone::Load(schedule.time_zone);
  if (!walls.ok() || *walls == nullptr || !zone.ok()) return;
  std::string gap, fold;  // The first of each.
  for (const Change& change : ChangesAfter(**zone, now)) {
    std::string& text = change.is_gap ? gap : fold;
    if (text.empty()) text = TextOf(change, **walls, schedule);
  }
  if (gap.empty() && fold.empty()) return;
  notes->push_back({"DST_TIME", "spec",
                    absl::StrCat(gap, gap.empty() || fold.empty() ? "" : "; ", fold),
                    "choose a time that clocks do not change over, or set gap and fold to what is "
                    "meant"});
}

void LintUtcHours(const Schedule& schedule, absl::Time now, LintNotes* notes) {
  const std::optional<int> own = MinuteOfDay(schedule);
  const auto zone = Zone::Load(schedule.time_zone);
  if (!own.has_value() || !zone.ok()) return;
  const std::string text = absl::StrCat(schedule.name, " ", schedule.description);
  const std::vector<int> times = TimesIn(text);
  const auto mentions = [&](int minute) {
    return std::find(times.begin(), times.end(), (minute + 2 * kMinutesPerDay) % kMinutesPerDay) !=
           times.end();
  };
  const bool speaks_of_utc = HasWord(text, "utc") || HasWord(text, "gmt");
  const absl::TimeZone shown = ShownZone(schedule.time_zone);
  bool is_shifted = false, is_told_in_utc = false, has_offset = false;
  int meant = 0;
  for (const absl::Time at : {now, now + absl::Hours(24 * 91), now + absl::Hours(24 * 182)}) {
    const int offset = shown.At(at).offset / 60;
    if (offset == 0) continue;
    has_offset = true;
    if (mentions(*own - offset)) is_told_in_utc = true;
    if (mentions(*own + offset)) {
      is_shifted = true;
      meant = (*own + offset + 2 * kMinutesPerDay) % kMinutesPerDay;
    }
  }
  const std::string here = absl::StrCat(TimeText(*own), " in ", schedule.time_zone);
  if (speaks_of_utc && has_offset && !is_told_in_utc) {
    notes->push_back({"UTC_HOURS", "time_zone",
                      absl::StrCat("name or description speak of UTC, and it runs at ", here),
                      "if the time is meant in UTC set time_zone to \"UTC\""});
  } else if (!speaks_of_utc && is_shifted && !mentions(*own)) {
    notes->push_back({"UTC_HOURS", "time_zone",
                      absl::StrCat("name or description say ", TimeText(meant), ", which is ",
                                   TimeText(*own), " in UTC, and it runs at ", here),
                      absl::StrCat("write ", TimeText(meant), ", or set time_zone to \"UTC\"")});
  }
}

}  // namespace z4j::scheduler
