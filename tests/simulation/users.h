#ifndef Z4J_TESTS_SIMULATION_USERS_H_
#define Z4J_TESTS_SIMULATION_USERS_H_

#include <string>

#include "services/scheduler/mutate/mutation.h"
#include "tests/simulation/options.h"
#include "tests/simulation/world.h"

namespace z4j::simulation {

// What users ask for: that there are schedules, and then that they are others.
class Users {
 public:
  Users(World& world, const Options& options) : world_(world), options_(options) {}

  // That there is a schedule of this number.
  scheduler::Mutation Make(int number);
  // Something or other of one of them.  It may come to nothing: the schedule is gone, or is so
  // already.
  scheduler::Mutation Draw();

 private:
  absl::Duration Period();
  scheduler::RunRetry RunRetry();
  scheduler::UpdateSchedule Update(const scheduler::ScheduleKey& key);

  World& world_;
  const Options& options_;
  int tasks_ = 0;  // Each one has its own name.
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_USERS_H_
