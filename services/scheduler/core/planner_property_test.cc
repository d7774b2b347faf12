#include <gmock/gmock.h>

#include <map>
#include <random>

#include "services/scheduler/core/planner.h"
#include "services/scheduler/core/testing/test_recurrences.h"

// The planner beside a second one that is too slow to ship and too simple to be wrong: it looks at
// every due time by itself.
namespace z4j::scheduler {
namespace {

constexpr int kRounds = 4000;
const absl::Time kStart = absl::FromUnixSeconds(1'780'000'000);

struct Scenario {
  std::vector<absl::Time> times;  // Ascending.
  PlanPolicy policy;
  Cursor cursor;
  std::vector<Outage> outages;
  OpenRuns open;
  absl::Time now;
};

// What became of one due time, without the rows they are grouped in.
struct Verdict {
  absl::Time due;
  FireState state;
  FireReason reason;
  FireKind kind;
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  int64_t Below(int64_t n) { return std::uniform_int_distribution<int64_t>(0, n - 1)(engine_); }
  bool OneIn(int64_t n) { return Below(n) == 0; }
  absl::Duration Micros(absl::Duration below) {
    return absl::Microseconds(Below(absl::ToInt64Microseconds(below)));
  }

 private:
  std::mt19937_64 engine_;
};

Scenario Draw(Dice& dice) {
  Scenario s;
  absl::Time t = kStart;
  const absl::Duration step = dice.OneIn(2) ? absl::Seconds(10) : absl::Minutes(5);
  for (int64_t i = 1 + dice.Below(120); i > 0; --i) {
    s.times.push_back(t);
    t += absl::Microseconds(1) + dice.Micros(step);
  }
  const absl::Duration span = t - kStart + absl::Minutes(1);
  s.policy.catch_up = static_cast<CatchUp>(1 + dice.Below(3));
  s.policy.overlap = static_cast<Overlap>(1 + dice.Below(3));
  s.policy.catch_up_window = dice.Micros(span);
  s.policy.catch_up_max = static_cast<int>(dice.Below(20));
  if (dice.OneIn(3)) s.policy.start_at = kStart + dice.Micros(span);
  if (dice.OneIn(3)) s.policy.end_at = kStart + dice.Micros(span);
  if (dice.OneIn(3)) s.policy.max_fires = 1 + dice.Below(30);
  if (dice.OneIn(3)) s.policy.jitter = dice.Micros(absl::Minutes(4));
  if (dice.OneIn(2)) s.policy.jitter_mode = JitterMode::kHash;
  s.policy.shadow = dice.OneIn(4);
  if (s.policy.shadow) s.policy.overlap = Overlap::kAllow;
  s.cursor.watermark = kStart - absl::Microseconds(1) + dice.Micros(span / 4);
  s.now = kStart;
  for (int64_t i = dice.Below(4); i > 0; --i) {
    const absl::Time from = s.now + dice.Micros(span / 2);
    s.now = from + dice.Micros(span / i);
    AddOutage(s.outages, from, s.now);
  }
  if (dice.OneIn(2)) s.now += dice.Micros(span);
  s.open = {static_cast<int>(dice.Below(2)), static_cast<int>(dice.Below(2))};
  return s;
}

// Keeps count of open runs as the loop does between two plans.
void Note(const Verdict& verdict, OpenRuns& open) {
  if (verdict.state != FireState::kPending) return;
  ++(verdict.reason == FireReason::kOverlap ? open.buffered : open.running);
}

// The outage in which it was missed; null if it was not.
const Outage* MissedIn(ScheduleId id, const Scenario& s, absl::Time due) {
  const absl::Duration jitter =
      s.policy.jitter_mode == JitterMode::kHash ? JitterOf(id, due, s.policy) : s.policy.jitter;
  for (const Outage& outage : s.outages) {
    if (outage.from < due && due + jitter + kOnTimeGrace < outage.to) return &outage;
  }
  return nullptr;
}

// `after_it`: how many more were missed in the same outage.
Verdict Judge(const Scenario& s, absl::Time due, const Outage* missed, int after_it,
              const OpenRuns& open) {
  if (missed != nullptr) {
    const int keep = s.policy.catch_up == CatchUp::kSkip      ? 0
                     : s.policy.catch_up == CatchUp::kFireOne ? 1
                                                              : s.policy.catch_up_max;
    if (after_it >= keep || missed->to - due > s.policy.catch_up_window) {
      return {due, FireState::kSkipped, FireReason::kCatchUpPolicy, FireKind::kScheduled};
    }
  }
  const FireKind kind = missed != nullptr ? FireKind::kCatchUp : FireKind::kScheduled;
  if (s.policy.shadow) return {due, FireState::kSkipped, FireReason::kShadow, kind};
  if (s.policy.overlap == Overlap::kAllow || open.running + open.buffered == 0) {
    return {due, FireState::kPending, FireReason::kNone, kind};
  }
  if (s.policy.overlap == Overlap::kBufferOne && open.buffered == 0) {
    return {due, FireState::kPending, FireReason::kOverlap, kind};
  }
  return {due, FireState::kSkipped, FireReason::kOverlap, FireKind::kScheduled};
}

std::vector<Verdict> JudgeOneByOne(ScheduleId id, const Scenario& s) {
  std::vector<absl::Time> times;
  std::map<const Outage*, int> left;
  for (absl::Time due : s.times) {
    if (due <= s.cursor.watermark || due < s.policy.start_at || due > s.policy.end_at) continue;
    times.push_back(due);
    ++left[MissedIn(id, s, due)];
  }
  std::vector<Verdict> verdicts;
  OpenRuns open = s.open;
  int64_t fires = s.cursor.fires;
  for (absl::Time due : times) {
    if (s.policy.max_fires > 0 && fires >= s.policy.max_fires) break;
    if (due + JitterOf(id, due, s.policy) > s.now) break;
    const Outage* const missed = MissedIn(id, s, due);
    verdicts.push_back(Judge(s, due, missed, --left[missed], open));
    Note(verdicts.back(), open);
    fires += verdicts.back().state == FireState::kPending;
  }
  return verdicts;
}

// The rows of as many plans as it takes, and what came after the last.
struct Outcome {
  std::vector<Fire> rows;
  Cursor cursor;
  absl::Time next_wake;
  bool finished = false;
};

Outcome PlanInPieces(ScheduleId id, const Scenario& s, int limit) {
  const AtTimes recurrence(s.times);
  Outcome outcome;
  outcome.cursor = s.cursor;
  OpenRuns open = s.open;
  while (true) {
    const Plan plan =
        PlanFires(id, recurrence, s.policy, outcome.cursor, s.outages, open, s.now, limit);
    EXPECT_LE(plan.fires.size(), limit);
    EXPECT_GE(plan.cursor.watermark, outcome.cursor.watermark);
    for (const Fire& fire : plan.fires) {
      Note({fire.key.due_at, fire.state, fire.reason, fire.kind}, open);
      outcome.rows.push_back(fire);
    }
    outcome.cursor = plan.cursor;
    outcome.next_wake = plan.next_wake;
    outcome.finished = plan.finished;
    if (plan.next_wake > s.now) return outcome;
    if (plan.fires.empty()) {
      ADD_FAILURE() << "a plan made no progress";
      return outcome;
    }
  }
}

std::vector<Verdict> Spread(const Scenario& s, const std::vector<Fire>& rows) {
  std::vector<Verdict> verdicts;
  for (const Fire& row : rows) {
    const auto first = std::lower_bound(s.times.begin(), s.times.end(), row.first_due_at);
    EXPECT_EQ(*(first + (row.count - 1)), row.key.due_at) << "the count does not fit the bounds";
    for (auto it = first; it != first + row.count; ++it) {
      verdicts.push_back({*it, row.state, row.reason, row.kind});
    }
  }
  return verdicts;
}

TEST(PlannerPropertyTest, AgreesWithJudgingOneByOneAndDoesNotShowWhereItWasCut) {
  // Given as --gtest_random_seed to see a failure again.
  int seed = GTEST_FLAG_GET(random_seed);
  if (seed == 0) seed = static_cast<int>(1 + std::random_device()() % 99'999);
  Dice dice(seed);
  std::cout << "seed " << seed << std::endl;
  int64_t verdicts = 0, dropped = 0;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(absl::StrCat("seed ", seed, " round ", round));
    const Scenario s = Draw(dice);
    const ScheduleId id = {Uuid::FromName({}, absl::StrCat(seed, "/", round))};
    const Outcome whole = PlanInPieces(id, s, 1'000'000);
    const std::vector<Verdict> want = JudgeOneByOne(id, s);
    ASSERT_EQ(Spread(s, whole.rows), want);
    const Outcome pieces = PlanInPieces(id, s, static_cast<int>(1 + dice.Below(7)));
    ASSERT_EQ(pieces.rows, whole.rows);
    ASSERT_EQ(pieces.cursor, whole.cursor);
    ASSERT_EQ(pieces.next_wake, whole.next_wake);
    ASSERT_EQ(pieces.finished, whole.finished);
    ASSERT_EQ(whole.next_wake, NextWake(id, AtTimes(s.times), s.policy, whole.cursor));
    verdicts += want.size();
    for (const Fire& row : whole.rows) dropped += row.reason == FireReason::kCatchUpPolicy;
  }
  std::cout << verdicts << " due times judged, " << dropped << " dropped runs\n";
  EXPECT_GT(dropped, kRounds / 20) << "the scenarios no longer reach the catch-up policy";
}

}  // namespace
}  // namespace z4j::scheduler
