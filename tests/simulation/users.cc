#include "tests/simulation/users.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/simulation/database.h"

namespace z4j::simulation {
namespace {

using scheduler::Arithmetic;
using scheduler::IntervalSpec;
using scheduler::Mutation;
using scheduler::MutationAction;
using scheduler::Schedule;
using scheduler::ScheduleKey;

ScheduleKey KeyOf(int number) { return {"default", absl::StrCat("schedule-", number)}; }

Mutation Asked(MutationAction action) {
  Mutation mutation;
  mutation.action = std::move(action);
  mutation.caller = {"user", "elsewhere"};
  return mutation;
}

}  // namespace

scheduler::RunRetry Users::RunRetry() {
  scheduler::RunRetry retry;
  retry.max_attempts = 2 + static_cast<int>(world_.random().Below(3));
  retry.initial_backoff = absl::Milliseconds(20 + world_.random().Below(480));
  retry.max_backoff = absl::Seconds(1);
  return retry;
}

// About a second, and not all at the same instant.
absl::Duration Users::Period() {
  return absl::Seconds(1) + absl::Milliseconds(world_.random().Below(1000));
}

Mutation Users::Make(int number) {
  Schedule schedule;
  schedule.project = KeyOf(number).project;
  schedule.name = KeyOf(number).name;
  schedule.engine = "celery";
  schedule.task = absl::StrCat("work ", ++tasks_);
  schedule.spec = IntervalSpec{Period(), kWorldBegan, Arithmetic::kAbsolute};
  schedule.catch_up = static_cast<scheduler::CatchUp>(1 + world_.random().Below(3));
  schedule.retry.initial_backoff = absl::Milliseconds(100);
  schedule.retry.max_backoff = absl::Seconds(1);
  if (options_.database.outcomes) {
    schedule.overlap = static_cast<scheduler::Overlap>(1 + world_.random().Below(3));
    if (world_.random().OneIn(2)) schedule.run_retry = RunRetry();
  }
  return Asked(scheduler::CreateSchedule{std::move(schedule)});
}

scheduler::UpdateSchedule Users::Update(const ScheduleKey& key) {
  scheduler::UpdateSchedule update{key, {}, {}, ""};
  if (world_.random().OneIn(2)) {
    update.mask = {"task"};
    update.values.task = absl::StrCat("work ", ++tasks_);
  } else {
    update.mask = {"spec"};
    update.values.spec = IntervalSpec{Period(), absl::InfinitePast(), Arithmetic::kAbsolute};
  }
  return update;
}

Mutation Users::Draw() {
  const int number = 1 + static_cast<int>(world_.random().Below(options_.schedules));
  const ScheduleKey key = KeyOf(number);
  switch (world_.random().Below(12)) {
    case 0:
    case 1:
      return Asked(scheduler::PauseSchedule{key, "", absl::InfiniteFuture()});
    case 2:
      // Its end is asked for by whoever leads then.
      return Asked(scheduler::PauseSchedule{
          key, "", kWorldBegan + absl::Floor(world_.now(), absl::Milliseconds(1)) + Period()});
    case 3:
    case 4:
    case 5:
      return Asked(scheduler::ResumeSchedule{key});
    case 6:
      return Asked(scheduler::ShadowSchedule{key});
    case 7:
      return Asked(scheduler::DeleteSchedule{key, "", true});
    case 8:
      return Make(number);
    default:
      return Asked(Update(key));
  }
}

}  // namespace z4j::simulation
