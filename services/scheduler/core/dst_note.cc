#include "services/scheduler/core/dst_note.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/zone.h"

namespace z4j::scheduler {
namespace {

constexpr absl::Duration kTick = absl::Microseconds(1);

// How far before a fire dropped ones are worth a note.
constexpr absl::Duration kLookBack = absl::Hours(24 * 366);

absl::Time AsUtc(absl::CivilSecond wall) { return absl::FromCivil(wall, absl::UTCTimeZone()); }

// "02:30", with seconds if there are any and the date if it is not `day`.
std::string WallText(absl::CivilSecond wall, absl::CivilDay day) {
  const char* time = wall.second() == 0 ? "%H:%M" : "%H:%M:%S";
  const std::string date = absl::CivilDay(wall) == day ? "" : "%Y-%m-%d ";
  return absl::FormatTime(absl::StrCat(date, time), AsUtc(wall), absl::UTCTimeZone());
}

// The first few of `walls` in [from, to), and how many more there are: "… do not exist".
std::string ListText(const Recurrence& walls, absl::CivilSecond from, absl::CivilSecond to,
                     absl::CivilDay day) {
  constexpr int kListed = 3;
  const absl::Time last = AsUtc(to) - kTick;
  absl::Time wall = AsUtc(from) - kTick;
  const int64_t count = walls.CountBetween(wall, last);
  std::vector<std::string> listed;
  while (listed.size() < std::min<int64_t>(count, kListed)) {
    wall = walls.NextAfter(wall);
    listed.push_back(WallText(absl::ToCivilSecond(wall, absl::UTCTimeZone()), day));
  }
  const int64_t more = count - static_cast<int64_t>(listed.size());
  return absl::StrCat(absl::StrJoin(listed, ", "),
                      more > 0 ? absl::StrCat(" and ", more, " more") : "",
                      count == 1 ? " does" : " do", " not exist");
}

// A change of the clock: what it shows next is not `from` but `to`.
struct Change {
  absl::Time at;
  absl::CivilSecond from, to;

  bool is_gap() const { return from < to; }
};

std::optional<Change> LastChangeAtOrBefore(const absl::TimeZone& zone, absl::Time time) {
  absl::TimeZone::CivilTransition change;
  if (!zone.PrevTransition(absl::FromUnixSeconds(absl::ToUnixSeconds(time) + 1), &change)) {
    return std::nullopt;
  }
  // The earlier of the two does not exist, or exists twice: its instant of change is this one's.
  return Change{zone.At(std::min(change.from, change.to)).trans, change.from, change.to};
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Recurrence>> CompileWallTimes(const Schedule& schedule) {
  Schedule in_utc = schedule;
  in_utc.time_zone = "UTC";
  if (auto* interval = std::get_if<IntervalSpec>(&in_utc.spec)) {
    if (interval->arithmetic == Arithmetic::kAbsolute) return nullptr;
    interval->anchor =
        AsUtc(absl::ToCivilSecond(AnchorOf(*interval, schedule), ShownZone(schedule.time_zone)));
  } else if (!std::holds_alternative<CronSpec>(in_utc.spec) &&
             !std::holds_alternative<CalendarIntervalSpec>(in_utc.spec)) {
    return nullptr;
  }
  return CompileRecurrence(in_utc);
}

absl::StatusOr<DstNotes> DstNotes::For(const Schedule& schedule) {
  DstNotes notes;
  notes.zone_ = ShownZone(schedule.time_zone);
  notes.gap_ = schedule.gap;
  ASSIGN_OR_RETURN(notes.wall_times_, CompileWallTimes(schedule));
  return notes;
}

std::string DstNotes::NoteOn(absl::Time previous, absl::Time due_at) const {
  std::string note = GapNote(previous, due_at);
  return note.empty() ? FoldNote(due_at) : note;
}

std::string DstNotes::GapNote(absl::Time previous, absl::Time due_at) const {
  const std::optional<Change> change = LastChangeAtOrBefore(zone_, due_at);
  if (wall_times_ == nullptr || !change.has_value()) return "";
  if (gap_ == GapPolicy::kSkip) return SkipNote(std::max(previous, due_at - kLookBack), due_at);
  if (!change->is_gap()) return "";

  absl::CivilSecond from = change->from, to = change->to;
  const int64_t since = absl::ToInt64Seconds(due_at - change->at);
  if (gap_ == GapPolicy::kShift) {
    if (since >= to - from) return "";
    from += since;  // The one wall time that runs now.
    to = from + 1;
  } else if (since > 0) {
    return "";
  }
  const int64_t moved = CountWallTimes(from, to);
  if (moved == 0) return "";
  const absl::CivilSecond now = absl::ToCivilSecond(due_at, zone_);
  const absl::CivilDay day(now);
  const bool is_same_day = absl::CivilDay(from) == day;
  return absl::StrCat(ListText(*wall_times_, from, to, day), is_same_day ? " on this day" : "",
                      " (clocks go forward at ", WallText(change->from, day),
                      "): ", moved == 1 ? "runs" : "run", " at ", WallText(now, day),
                      gap_ == GapPolicy::kShift ? " (gap SHIFT)" : " (gap NEXT_VALID)");
}

std::string DstNotes::SkipNote(absl::Time previous, absl::Time due_at) const {
  const absl::CivilDay day(absl::ToCivilSecond(due_at, zone_));
  std::optional<Change> change = LastChangeAtOrBefore(zone_, due_at);
  for (; change.has_value() && change->at > previous;
       change = LastChangeAtOrBefore(zone_, change->at - absl::Seconds(1))) {
    if (!change->is_gap() || CountWallTimes(change->from, change->to) == 0) continue;
    return absl::StrCat("before this one, ", ListText(*wall_times_, change->from, change->to, day),
                        " (clocks go forward at ", WallText(change->from, day),
                        "): skipped (gap SKIP)");
  }
  return "";
}

int64_t DstNotes::CountWallTimes(absl::CivilSecond from, absl::CivilSecond to) const {
  return wall_times_->CountBetween(AsUtc(from) - kTick, AsUtc(to) - kTick);
}

std::string DstNotes::FoldNote(absl::Time due_at) const {
  const absl::CivilSecond wall = absl::ToCivilSecond(due_at, zone_);
  const absl::TimeZone::TimeInfo info = zone_.At(wall);
  if (info.kind != absl::TimeZone::TimeInfo::REPEATED) return "";
  const absl::CivilDay day(wall);
  // What the clock would show next when it is put back.
  const absl::CivilSecond back = absl::ToCivilSecond(info.trans - absl::Seconds(1), zone_) + 1;
  return absl::StrCat("the ", due_at < info.trans ? "first" : "second", " of two ",
                      WallText(wall, day), "s on this day (clocks go back at ", WallText(back, day),
                      ")");
}

}  // namespace z4j::scheduler
