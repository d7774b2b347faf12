#ifndef Z4J_SCHEDULER_MUTATE_TESTING_SAMPLE_MUTATIONS_H_
#define Z4J_SCHEDULER_MUTATE_TESTING_SAMPLE_MUTATIONS_H_

#include <string>
#include <utility>

#include "services/scheduler/mutate/mutation.h"

namespace z4j::scheduler {

inline const Caller kAnn = {"cli:ann", "127.0.0.1:5000"};

inline ScheduleKey SampleKey(std::string name) { return {"default", std::move(name)}; }

// Every hour on the hour, UTC.
inline Schedule HourlySchedule(std::string name) {
  Schedule schedule;
  schedule.project = "default";
  schedule.name = std::move(name);
  schedule.engine = "celery";
  schedule.task = "app.tasks.report";
  CronSpec cron;
  cron.expression = "0 * * * *";
  schedule.spec = cron;
  return schedule;
}

inline Schedule OneShotSchedule(std::string name, absl::Time at) {
  Schedule schedule = HourlySchedule(std::move(name));
  schedule.spec = OneShotSpec{at};
  return schedule;
}

inline Mutation By(Caller caller, MutationAction action, std::string request_id = "") {
  Mutation mutation;
  mutation.action = std::move(action);
  mutation.caller = std::move(caller);
  mutation.request_id = std::move(request_id);
  return mutation;
}

inline Mutation ByAnn(MutationAction action, std::string request_id = "") {
  return By(kAnn, std::move(action), std::move(request_id));
}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_MUTATE_TESTING_SAMPLE_MUTATIONS_H_
