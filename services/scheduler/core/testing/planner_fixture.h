#ifndef Z4J_SCHEDULER_CORE_TESTING_PLANNER_FIXTURE_H_
#define Z4J_SCHEDULER_CORE_TESTING_PLANNER_FIXTURE_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/testing/test_recurrences.h"

// Plans as lines of text, so that a claim about one reads as what a user would see.
namespace z4j::scheduler {

inline constexpr int kNoLimit = 1'000'000;
inline const absl::Time kStart = absl::FromUnixSeconds(1'780'000'000);
inline const ScheduleId kId = {*Uuid::Parse("00000000000000000000000000000007")};

inline absl::Time At(int64_t seconds) { return kStart + absl::Seconds(seconds); }

// One row as (state, kind or reason, first, last, count), times in seconds from kStart.
inline std::string RowText(const Fire& fire) {
  const auto seconds = [](absl::Time t) { return absl::StrCat(absl::ToInt64Seconds(t - kStart)); };
  if (fire.state == FireState::kPending) {
    return absl::StrCat(fire.kind == FireKind::kCatchUp ? "catch-up " : "fire ",
                        seconds(fire.key.due_at),
                        fire.reason == FireReason::kOverlap ? " buffered" : "");
  }
  return absl::StrCat(fire.reason == FireReason::kOverlap         ? "overlap "
                      : fire.reason == FireReason::kCatchUpPolicy ? "dropped "
                      : fire.reason == FireReason::kShadow        ? "shadow "
                                                                  : "skipped ",
                      seconds(fire.first_due_at), "..", seconds(fire.key.due_at), " x", fire.count);
}

inline std::vector<std::string> Rows(const std::vector<Fire>& fires) {
  std::vector<std::string> rows;
  for (const Fire& fire : fires) rows.push_back(RowText(fire));
  return rows;
}
inline std::vector<std::string> Rows(const Plan& plan) { return Rows(plan.fires); }

// A schedule that comes due every minute from kStart on, decided until just before that.
class PlannerTest : public ::testing::Test {
 protected:
  Plan PlanAt(absl::Time now, int limit = kNoLimit) const {
    return PlanFires(kId, every_minute_, policy_, cursor_, outages_, open_, now, limit);
  }

  EveryPeriod every_minute_{kStart, absl::Minutes(1)};
  PlanPolicy policy_;
  Cursor cursor_{kStart - absl::Microseconds(1), 0};
  std::vector<Outage> outages_;
  OpenRuns open_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_TESTING_PLANNER_FIXTURE_H_
