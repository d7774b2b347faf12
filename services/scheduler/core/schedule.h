#ifndef Z4J_SCHEDULER_CORE_SCHEDULE_H_
#define Z4J_SCHEDULER_CORE_SCHEDULE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "services/base/uuid.h"

// What a schedule is.  The proto messages of z4j.scheduler.v1 say the meaning of each field to
// users; here stand the units and the values that "not given" has become after validation.
// Times have microsecond precision; validation refuses finer ones.
namespace z4j::scheduler {

using ScheduleId = StrongUuid<struct ScheduleIdTag>;

// A wall time that a DST change removes: run at the first valid instant after the gap, run as
// late as the clock was put forward, or do not run.
enum class GapPolicy : uint8_t { kNextValid = 1, kShift = 2, kSkip = 3 };

// A wall time that a DST change repeats.  kAuto is kBoth where the hour is a wildcard or a step,
// and kFirst where hours are listed.
enum class FoldPolicy : uint8_t { kAuto = 0, kFirst = 1, kSecond = 2, kBoth = 3 };

// How day-of-month and day-of-week combine when both are restricted.
enum class DayMatch : uint8_t { kOr = 1, kAnd = 2 };

// Either `expression` (5 fields, 6 with seconds first, or an alias such as "@daily") or the fields
// one by one, each in the grammar of docs/semantics.md; then an empty field means "*" ("0" for
// second).  Day-of-week: 0 or 7 is Sunday.
struct CronSpec {
  std::string expression;
  std::string second, minute, hour, day_of_month, month, day_of_week, year, iso_week;
  DayMatch day_match = DayMatch::kOr;
  int microsecond = 0;  // Of every due time, 0..999999.

  friend bool operator==(const CronSpec&, const CronSpec&) = default;
};

// How an interval crosses a DST change: by elapsed time, or keeping its wall time (whole days).
enum class Arithmetic : uint8_t { kAbsolute = 1, kWall = 2 };

// Fires at `anchor + n * period` for every integer n >= 0.
struct IntervalSpec {
  absl::Duration period;                     // 1 s .. 10 years, whole microseconds.
  absl::Time anchor = absl::InfinitePast();  // InfinitePast: the schedule's creation.
  Arithmetic arithmetic = Arithmetic::kAbsolute;

  friend bool operator==(const IntervalSpec&, const IntervalSpec&) = default;
};

struct OneShotSpec {
  absl::Time at;

  friend bool operator==(const OneShotSpec&, const OneShotSpec&) = default;
};

enum class SolarEvent : uint8_t {
  kDawnAstronomical = 1,  // Sun's centre 18 degrees below the horizon, rising.
  kDawnNautical,          // 12 degrees.
  kDawnCivil,             // 6 degrees.
  kSunrise,               // Upper limb on the horizon: centre at -0.833 degrees.
  kSolarNoon,
  kSunset,
  kDuskCivil,
  kDuskNautical,
  kDuskAstronomical,
  kSolarMidnight,
};

// Days on which the event does not happen are skipped.
struct SolarSpec {
  SolarEvent event = SolarEvent::kSunrise;
  double latitude = 0;    // Degrees, north positive, -90..90.
  double longitude = 0;   // Degrees, east positive, -180..180.
  absl::Duration offset;  // Added to the event; -12 h .. 12 h.

  friend bool operator==(const SolarSpec&, const SolarSpec&) = default;
};

// Fires at `at_second` of the wall clock on start_date and the dates that follow it, each so many
// years, months, weeks and days after the one before it; calendar_interval.h says how.
struct CalendarIntervalSpec {
  int years = 0, months = 0, weeks = 0, days = 0;  // At least one is positive.
  int at_second = 0;                               // Of the day, 0..86399.
  absl::CivilDay start_date;                       // The first date.

  friend bool operator==(const CalendarIntervalSpec&, const CalendarIntervalSpec&) = default;
};

using Spec = std::variant<CronSpec, IntervalSpec, OneShotSpec, SolarSpec, CalendarIntervalSpec>;

// What becomes of the times that came due while no leader was live.
enum class CatchUp : uint8_t { kSkip = 1, kFireOne = 2, kFireAll = 3 };

// What becomes of a due time while the run before it has not ended.
enum class Overlap : uint8_t { kAllow = 1, kSkip = 2, kBufferOne = 3 };

// RANDOM draws anew for each fire (a hash of schedule and due time, so that a replay draws the
// same); HASH gives a schedule the same delay every time.
enum class JitterMode : uint8_t { kRandom = 1, kHash = 2 };

// How often and how fast handing a fire to the engine is tried again.
struct RetryPolicy {
  int max_attempts = 0;  // 0: as long as the fire has not expired.
  absl::Duration initial_backoff = absl::Seconds(1);
  absl::Duration max_backoff = absl::Minutes(1);

  friend bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};

// The end of a run after which it may be repeated: the task raised, or the engine dropped it past
// its expiry.
enum class RunEnd : uint8_t { kFailed = 1, kExpiredInQueue = 2 };

// What becomes of a run whose worker vanished: it stays LOST until a person decides, it is repeated
// as a failed one is, or it ends FAILED.
enum class OnLost : uint8_t { kHold = 1, kRetry = 2, kFail = 3 };

// How often and how fast a run that ended badly is repeated, by this scheduler and not by the
// engine.
struct RunRetry {
  int max_attempts = 0;  // Runs in all, the first among them, up to 100.  0 or 1: none is repeated.
  absl::Duration initial_backoff = absl::Seconds(10);  // Before the second run.
  double backoff_multiplier = 2;                       // Of each wait over the one before; 1 .. 10.
  absl::Duration max_backoff = absl::Hours(1);
  std::vector<RunEnd> on = {};  // Empty: kFailed.
  OnLost on_lost = OnLost::kHold;

  friend bool operator==(const RunRetry&, const RunRetry&) = default;
};

// kShadow: its due times are recorded as SKIPPED(SHADOW), and none is dispatched.
enum class ScheduleState : uint8_t {
  kEnabled = 1,
  kPaused = 2,
  kFinished = 3,
  kQuarantined = 4,
  kShadow = 5
};

// The definition that a schedule was imported from; the proto message says the bounds.
struct ImportSource {
  std::string kind, version, locator, key, raw;
  std::string digest;     // Of the definition as it was imported: SHA-256 in lower-case hex.
  std::string import_id;  // The import that wrote it last.

  friend bool operator==(const ImportSource&, const ImportSource&) = default;
};

// Who paused a schedule, why, since when and until when.
struct Pause {
  std::string reason;
  std::string actor;
  absl::Time since = absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();  // InfiniteFuture: until someone resumes it.

  friend bool operator==(const Pause&, const Pause&) = default;
};

struct Schedule {
  ScheduleId id;        // Set by the server; never changes.
  std::string project;  // Names the schedule together with `name`; never changes.
  std::string name;
  std::string description;

  std::string engine;              // "celery"
  std::string task;                // The engine's name for what to run.
  std::string args_json = "[]";    // A JSON array.
  std::string kwargs_json = "{}";  // A JSON object.
  std::string queue;               // Empty: the engine's default.
  int priority = 0;                // -100 (last) .. 100 (first).
  absl::Duration expires;  // A fire not started so long after its due time is dropped. 0: never.
  std::map<std::string, std::string> engine_options;  // Values are JSON texts.

  Spec spec;
  std::string time_zone = "UTC";  // IANA name, or fixed offset: "UTC+05:30".
  GapPolicy gap = GapPolicy::kNextValid;
  FoldPolicy fold = FoldPolicy::kAuto;

  CatchUp catch_up = CatchUp::kFireOne;
  absl::Duration catch_up_window = absl::Hours(1);
  int catch_up_max = 100;  // FIRE_ALL fires at most so many missed times, the newest.
  Overlap overlap = Overlap::kAllow;
  std::optional<absl::Time> start_at;  // First instant at which it may fire.
  std::optional<absl::Time> end_at;    // Last instant at which it may fire.
  int64_t max_fires = 0;               // Finished after so many automatic fires.  0: no end.
  absl::Duration jitter;               // Dispatch up to so much later than due.  0: none.
  JitterMode jitter_mode = JitterMode::kRandom;
  RetryPolicy retry;
  std::optional<RunRetry> run_retry;  // None: a run that ended badly is not repeated.
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> adapter_labels;  // Only adapters with all of them take it.
  std::string affinity_key;  // Fires with the same one go to the same adapter.  Empty: to any.
  std::optional<ImportSource> source;

  ScheduleState state = ScheduleState::kEnabled;
  std::optional<Pause> pause;  // Set exactly when `state` is kPaused.
  std::string state_reason;    // Why it is quarantined.

  absl::Time created_at = absl::InfinitePast();
  absl::Time updated_at = absl::InfinitePast();
  int64_t revision = 0;  // Sequence number of the audit entry of its last change.

  friend bool operator==(const Schedule&, const Schedule&) = default;
};

// How far a schedule has been decided.  Written with every fire; kept apart from Schedule because
// it changes a thousand times as often.
struct Cursor {
  absl::Time watermark = absl::InfinitePast();  // The last decided due time; only moves forward.
  int64_t fires = 0;                            // Automatic fires so far, for max_fires.

  friend bool operator==(const Cursor&, const Cursor&) = default;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_SCHEDULE_H_
