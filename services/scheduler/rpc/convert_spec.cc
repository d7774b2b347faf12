#include <optional>

#include "absl/strings/str_cat.h"
#include "services/scheduler/core/civil_text.h"
#include "services/scheduler/core/text_rules.h"
#include "services/scheduler/rpc/convert.h"

namespace z4j::scheduler {
namespace {

// Timestamp and Duration as their .proto files bound them.
constexpr int64_t kSecondsMin = -62'135'596'800;  // 0001-01-01
constexpr int64_t kSecondsMax = 253'402'300'799;  // 9999-12-31
constexpr int64_t kDurationSecondsMax = 315'576'000'000;
constexpr int kNanosMax = 999'999'999;

CronSpec ToCron(const v1::CronSpec& cron, const std::string& path, Faults& faults) {
  CronSpec out;
  out.expression = cron.expression();
  out.second = cron.second();
  out.minute = cron.minute();
  out.hour = cron.hour();
  out.day_of_month = cron.day_of_month();
  out.month = cron.month();
  out.day_of_week = cron.day_of_week();
  out.year = cron.year();
  out.iso_week = cron.iso_week();
  out.day_match = ToEnum(cron.day_match(), DayMatch::kOr, path + ".day_match", faults);
  out.microsecond = cron.microsecond();
  return out;
}

IntervalSpec ToInterval(const v1::IntervalSpec& interval, const std::string& path, Faults& faults) {
  IntervalSpec out;
  out.period = ToDuration(interval.period(), path + ".period", faults);
  out.anchor = interval.has_anchor_time()
                   ? ToTime(interval.anchor_time(), path + ".anchor_time", faults)
                   : absl::InfinitePast();
  out.arithmetic =
      ToEnum(interval.arithmetic(), Arithmetic::kAbsolute, path + ".arithmetic", faults);
  return out;
}

OneShotSpec ToOneShot(const v1::OneShotSpec& one_shot, const std::string& path, Faults& faults) {
  if (!one_shot.has_fire_time()) {
    faults.push_back({path + ".fire_time", "is required: when it fires"});
  }
  return {ToTime(one_shot.fire_time(), path + ".fire_time", faults)};
}

SolarSpec ToSolar(const v1::SolarSpec& solar, const std::string& path, Faults& faults) {
  SolarSpec out;
  if (solar.event() == v1::SolarSpec::EVENT_UNSPECIFIED) {
    faults.push_back({path + ".event", "is required: what the sun does, such as EVENT_SUNRISE"});
  }
  out.event = ToEnum(solar.event(), SolarEvent::kSunrise, path + ".event", faults);
  out.latitude = solar.latitude();
  out.longitude = solar.longitude();
  out.offset = ToDuration(solar.offset(), path + ".offset", faults);
  return out;
}

CalendarIntervalSpec ToCalendarInterval(const v1::CalendarIntervalSpec& calendar,
                                        const std::string& path, Faults& faults) {
  CalendarIntervalSpec out;
  out.years = calendar.years();
  out.months = calendar.months();
  out.weeks = calendar.weeks();
  out.days = calendar.days();
  if (!calendar.at_time().empty()) {
    const std::optional<int> second = ParseTimeOfDay(calendar.at_time());
    if (!second.has_value()) {
      faults.push_back({path + ".at_time", absl::StrCat(Quoted(calendar.at_time()),
                                                        " is no time of the day; write \"09:00\" "
                                                        "or \"09:00:30\"")});
    }
    out.at_second = second.value_or(0);
  }
  const std::optional<absl::CivilDay> date = ParseDate(calendar.start_date());
  if (calendar.start_date().empty()) {
    faults.push_back({path + ".start_date", "is required: the first date, such as \"2026-12-31\""});
  } else if (!date.has_value()) {
    faults.push_back({path + ".start_date",
                      absl::StrCat(Quoted(calendar.start_date()),
                                   " is no date that exists; write one such as \"2026-12-31\"")});
  }
  out.start_date = date.value_or(absl::CivilDay());
  return out;
}

void SetCron(const CronSpec& cron, v1::CronSpec* out) {
  out->set_expression(cron.expression);
  out->set_second(cron.second);
  out->set_minute(cron.minute);
  out->set_hour(cron.hour);
  out->set_day_of_month(cron.day_of_month);
  out->set_month(cron.month);
  out->set_day_of_week(cron.day_of_week);
  out->set_year(cron.year);
  out->set_iso_week(cron.iso_week);
  out->set_day_match(static_cast<v1::CronSpec::DayMatch>(cron.day_match));
  out->set_microsecond(cron.microsecond);
}

void SetInterval(const IntervalSpec& interval, v1::IntervalSpec* out) {
  SetDuration(interval.period, out->mutable_period());
  SetTime(interval.anchor, out->mutable_anchor_time());
  out->set_arithmetic(static_cast<v1::IntervalSpec::Arithmetic>(interval.arithmetic));
}

void SetSolar(const SolarSpec& solar, v1::SolarSpec* out) {
  out->set_event(static_cast<v1::SolarSpec::Event>(solar.event));
  out->set_latitude(solar.latitude);
  out->set_longitude(solar.longitude);
  SetDuration(solar.offset, out->mutable_offset());
}

void SetCalendarInterval(const CalendarIntervalSpec& calendar, v1::CalendarIntervalSpec* out) {
  out->set_years(calendar.years);
  out->set_months(calendar.months);
  out->set_weeks(calendar.weeks);
  out->set_days(calendar.days);
  out->set_at_time(TimeOfDayText(calendar.at_second));
  out->set_start_date(DateText(calendar.start_date));
}

}  // namespace

absl::Time ToTime(const google::protobuf::Timestamp& time, absl::string_view path, Faults& faults) {
  if (time.seconds() < kSecondsMin || time.seconds() > kSecondsMax || time.nanos() < 0 ||
      time.nanos() > kNanosMax) {
    faults.push_back({std::string(path), "is no valid Timestamp: years 1 to 9999, nanos 0 to 1e9"});
    return absl::UnixEpoch();
  }
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

absl::Duration ToDuration(const google::protobuf::Duration& duration, absl::string_view path,
                          Faults& faults) {
  const int64_t seconds = duration.seconds();
  const int nanos = duration.nanos();
  const bool one_sign = (seconds >= 0 && nanos >= 0) || (seconds <= 0 && nanos <= 0);
  if (std::abs(seconds) > kDurationSecondsMax || std::abs(nanos) > kNanosMax || !one_sign) {
    faults.push_back({std::string(path),
                      "is no valid Duration: at most 10000 years, seconds and nanos of one sign"});
    return absl::ZeroDuration();
  }
  return absl::Seconds(seconds) + absl::Nanoseconds(nanos);
}

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  const int64_t seconds = absl::ToUnixSeconds(time);  // Rounds towards the past.
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

void SetDuration(absl::Duration duration, google::protobuf::Duration* out) {
  out->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  out->set_nanos(static_cast<int>(absl::ToInt64Nanoseconds(duration)));
}

void AddEnumFault(int value, absl::string_view path, Faults& faults) {
  faults.push_back(
      {std::string(path), absl::StrCat(value,
                                       " is no value of this enum; the server may be older "
                                       "than the client")});
}

Spec ToSpec(const v1::Spec& spec, absl::string_view path, Faults& faults) {
  switch (spec.kind_case()) {
    case v1::Spec::kCron:
      return ToCron(spec.cron(), absl::StrCat(path, ".cron"), faults);
    case v1::Spec::kInterval:
      return ToInterval(spec.interval(), absl::StrCat(path, ".interval"), faults);
    case v1::Spec::kOneShot:
      return ToOneShot(spec.one_shot(), absl::StrCat(path, ".one_shot"), faults);
    case v1::Spec::kSolar:
      return ToSolar(spec.solar(), absl::StrCat(path, ".solar"), faults);
    case v1::Spec::kCalendarInterval:
      return ToCalendarInterval(spec.calendar_interval(), absl::StrCat(path, ".calendar_interval"),
                                faults);
    case v1::Spec::KIND_NOT_SET:
      break;
  }
  faults.push_back(
      {std::string(path), "must be one of cron, interval, one_shot, solar, calendar_interval"});
  return CronSpec{};
}

void SetSpec(const Spec& spec, v1::Spec* out) {
  if (const auto* cron = std::get_if<CronSpec>(&spec)) SetCron(*cron, out->mutable_cron());
  if (const auto* interval = std::get_if<IntervalSpec>(&spec)) {
    SetInterval(*interval, out->mutable_interval());
  }
  if (const auto* one_shot = std::get_if<OneShotSpec>(&spec)) {
    SetTime(one_shot->at, out->mutable_one_shot()->mutable_fire_time());
  }
  if (const auto* solar = std::get_if<SolarSpec>(&spec)) SetSolar(*solar, out->mutable_solar());
  if (const auto* calendar = std::get_if<CalendarIntervalSpec>(&spec)) {
    SetCalendarInterval(*calendar, out->mutable_calendar_interval());
  }
}

std::string KindName(v1::SpecKind kind) {
  switch (kind) {
    case v1::SPEC_KIND_CRON:
      return "cron";
    case v1::SPEC_KIND_INTERVAL:
      return "interval";
    case v1::SPEC_KIND_ONE_SHOT:
      return "one_shot";
    case v1::SPEC_KIND_SOLAR:
      return "solar";
    case v1::SPEC_KIND_CALENDAR_INTERVAL:
      return "calendar_interval";
    default:
      return "";
  }
}

}  // namespace z4j::scheduler
