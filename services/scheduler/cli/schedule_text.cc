#include "services/scheduler/cli/schedule_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/scheduler/cli/values.h"

namespace z4j::scheduler {
namespace {

std::string CronText(const v1::CronSpec& cron) {
  if (!cron.expression().empty()) return cron.expression();
  std::string text;
  const std::pair<const char*, std::string> fields[] = {
      {"second", cron.second()},    {"minute", cron.minute()}, {"hour", cron.hour()},
      {"day", cron.day_of_month()}, {"month", cron.month()},   {"weekday", cron.day_of_week()},
      {"year", cron.year()},        {"week", cron.iso_week()},
  };
  for (const auto& [name, value] : fields) {
    if (!value.empty()) absl::StrAppend(&text, text.empty() ? "" : " ", name, "=", value);
  }
  return text;
}

std::string DurationText(const google::protobuf::Duration& duration) {
  return absl::FormatDuration(absl::Seconds(duration.seconds()) +
                              absl::Nanoseconds(duration.nanos()));
}

}  // namespace

std::string SpecText(const v1::Schedule& schedule) {
  const v1::Spec& spec = schedule.spec();
  switch (spec.kind_case()) {
    case v1::Spec::kCron:
      return absl::StrCat("cron ", CronText(spec.cron()), " (", schedule.time_zone(), ")");
    case v1::Spec::kInterval:
      return absl::StrCat("every ", DurationText(spec.interval().period()));
    case v1::Spec::kOneShot:
      return absl::StrCat("at ", TimeText(spec.one_shot().fire_time()));
    case v1::Spec::kSolar:
      return absl::StrCat(EnumText(*v1::SolarSpec::Event_descriptor(), spec.solar().event()),
                          " at ", spec.solar().latitude(), ", ", spec.solar().longitude());
    case v1::Spec::kCalendarInterval:
    case v1::Spec::KIND_NOT_SET:
      break;
  }
  return "";
}

std::string SourceText(const v1::ImportSource& source) {
  std::string text = source.kind();
  if (!source.version().empty()) absl::StrAppend(&text, " ", source.version());
  for (const std::string& part : {source.locator(), source.key()}) {
    if (!part.empty()) absl::StrAppend(&text, ", ", part);
  }
  return text;
}

Row ScheduleHeader() { return {"NAME", "STATE", "WHEN", "ENGINE", "TASK", "NEXT FIRE", "FIRES"}; }

Row ScheduleRow(const v1::Schedule& schedule) {
  return {IdIn(schedule.name(), "schedules"),
          EnumText(*v1::Schedule::State_descriptor(), schedule.state()),
          SpecText(schedule),
          schedule.engine(),
          schedule.task(),
          TimeText(schedule.next_fire_time()),
          absl::StrCat(schedule.fires())};
}

Row FireHeader() {
  return {"DUE", "SCHEDULE", "STATE", "REASON", "KIND", "ADAPTER", "FIRE", "NOTE"};
}

Row FireRow(const v1::Fire& fire) {
  std::string state = EnumText(*v1::Fire::State_descriptor(), fire.state());
  if (fire.count() > 1) absl::StrAppend(&state, " x", fire.count());
  std::string reason = EnumText(*v1::Fire::Reason_descriptor(), fire.reason());
  if (!fire.error().empty()) absl::StrAppend(&reason, ": ", fire.error().substr(0, 60));
  std::string kind = EnumText(*v1::Fire::Kind_descriptor(), fire.kind());
  if (fire.run() > 1) absl::StrAppend(&kind, ", run ", fire.run());
  return {TimeText(fire.due_time()),
          IdIn(fire.name(), "schedules"),
          std::move(state),
          std::move(reason),
          std::move(kind),
          fire.adapter(),
          IdIn(fire.name(), "fires"),
          fire.outcome_note()};
}

std::string IdIn(const std::string& name, const std::string& collection) {
  const std::vector<std::string> parts = absl::StrSplit(name, '/');
  for (size_t i = 0; i + 1 < parts.size(); i += 2) {
    if (parts[i] == collection) return parts[i + 1];
  }
  return "";
}

}  // namespace z4j::scheduler
