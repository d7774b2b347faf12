#include "tests/simulation/database_link.h"

#include <algorithm>
#include <utility>

namespace z4j::simulation {
namespace {

constexpr int kManySchedules = 100;

}  // namespace

void DatabaseLink::Cut(absl::Duration duration) {
  cut_until_ = std::max(cut_until_, world_.now() + duration);
}

void DatabaseLink::Calm() {
  calm_ = true;
  cut_until_ = world_.now();
}

absl::Duration DatabaseLink::Delay() {
  // Where many fire it stays as slow, so that some are due in most turns of the loop.
  if (calm_ && options_.schedules < kManySchedules) return absl::Microseconds(100);
  if (calm_) return options_.database.delay_mean;
  return world_.Between(options_.database.delay_mean / 2, options_.database.delay_mean * 3 / 2);
}

void DatabaseLink::Send(Database::Statement statement, std::function<void(bool broken)> answered) {
  const DatabaseOptions& faults = options_.database;
  if (world_.now() < cut_until_) return;
  absl::Duration delay = Delay();
  // So long it is on its way, or its sender stood still just before it left.
  if (!calm_ && world_.Chance(faults.late)) {
    delay += world_.Between(absl::Milliseconds(5), absl::Seconds(4));
  }
  statement.takes = Delay();
  if (!calm_ && world_.Chance(faults.slow)) {
    statement.takes += world_.Between(absl::Milliseconds(20), absl::Milliseconds(1500));
  }
  bool arrives = true;
  if (!calm_ && world_.Chance(faults.lost)) {
    // The connection breaks before or after the statement has passed.
    arrives = world_.random().OneIn(2);
    world_.After(delay + world_.Between(absl::ZeroDuration(), absl::Milliseconds(20)),
                 [answered] { answered(true); });
  }
  if (!arrives) return;
  statement.done = [this, answered = std::move(answered)] {
    if (world_.now() < cut_until_) return;
    world_.After(Delay(), [answered] { answered(false); });
  };
  world_.After(delay, [this, statement = std::move(statement)]() mutable {
    database_.Execute(std::move(statement));
  });
}

}  // namespace z4j::simulation
