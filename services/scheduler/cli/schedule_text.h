#ifndef Z4J_SCHEDULER_CLI_SCHEDULE_TEXT_H_
#define Z4J_SCHEDULER_CLI_SCHEDULE_TEXT_H_

#include <string>

#include "services/base/cli/output.h"
#include "z4j/scheduler/v1/fire.pb.h"
#include "z4j/scheduler/v1/schedule.pb.h"

// Schedules and fires as a person reads them in a table.
namespace z4j::scheduler {

// "cron 0 3 * * * (Europe/Berlin)", "every 30s", "at 2026-…", "sunset at 52.5, 13.4".
std::string SpecText(const v1::Schedule& schedule);

// "celery 5.7.0, proj.celery:app, send-mail": where it was imported from.
std::string SourceText(const v1::ImportSource& source);

Row ScheduleHeader();
Row ScheduleRow(const v1::Schedule& schedule);
Row FireHeader();
Row FireRow(const v1::Fire& fire);

// What follows `collection` in a resource name: IdIn("projects/p/schedules/s", "schedules") is "s".
std::string IdIn(const std::string& name, const std::string& collection);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_SCHEDULE_TEXT_H_
