#include "services/scheduler/core/planner.h"

#include <algorithm>
#include <utility>

namespace z4j::scheduler {
namespace {

// Due times are whole microseconds, so "from t on" is "after t - kTick".
constexpr absl::Duration kTick = absl::Microseconds(1);

// The finaliser of splitmix64: cheap, well mixed, and the same in every process and release.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

uint64_t HashOf(ScheduleId id) {
  uint64_t hash = 0;
  for (int half = 0; half < 2; ++half) {
    uint64_t word = 0;
    for (int i = 0; i < 8; ++i) word = word << 8 | id.value.bytes[half * 8 + i];
    hash = Mix(hash ^ word);
  }
  return hash;
}

absl::Duration DelayOf(uint64_t hash, const PlanPolicy& policy) {
  return absl::Microseconds(
      static_cast<int64_t>(hash % (absl::ToInt64Microseconds(policy.jitter) + 1)));
}

// The greatest delay that jitter gives any due time of this schedule.
absl::Duration MaxDelay(ScheduleId id, const PlanPolicy& policy) {
  if (policy.jitter <= absl::ZeroDuration()) return absl::ZeroDuration();
  return policy.jitter_mode == JitterMode::kHash ? DelayOf(HashOf(id), policy) : policy.jitter;
}

// Everything after this instant is still to be decided.
absl::Time FloorOf(const PlanPolicy& policy, const Cursor& cursor) {
  return std::max(cursor.watermark, policy.start_at - kTick);
}

// The due times that the catch-up policy judges: those in (after, dropped] are dropped and those
// in (dropped, until] are caught up.
struct Missed {
  absl::Time after = absl::InfinitePast();
  absl::Time dropped = absl::InfinitePast();
  absl::Time until = absl::InfinitePast();

  bool Drops(absl::Time due) const { return after < due && due <= dropped; }
  bool CatchesUp(absl::Time due) const { return dropped < due && due <= until; }
};

// The instant after which the newest `count` due times in (after, until] lie.
absl::Time BeforeNewest(const Recurrence& recurrence, absl::Time after, absl::Time until,
                        int count) {
  if (after >= until) return until;
  if (count > 0 && recurrence.CountBetween(after, until) <= count) return after;
  absl::Time before = until;
  for (; count > 0; --count) before = recurrence.LastAtOrBefore(before) - kTick;
  return before;
}

// What is kept depends on the end of the outage alone, never on how much is already decided:
// therefore a plan cut short by its limit goes on as if it had not been cut.
Missed JudgeMissed(ScheduleId id, const Recurrence& recurrence, const PlanPolicy& policy,
                   const Cursor& cursor, const Outage& outage) {
  Missed missed;
  missed.after = std::max(outage.from, FloorOf(policy, cursor));
  // A fire is promised within its jitter, so it is late only after that.
  missed.until = std::min(outage.to - kOnTimeGrace - MaxDelay(id, policy) - kTick, policy.end_at);
  if (missed.after >= missed.until) return {};
  missed.dropped = missed.until;
  const absl::Time window = std::max(missed.after, outage.to - policy.catch_up_window - kTick);
  switch (policy.catch_up) {
    case CatchUp::kSkip:
      break;
    case CatchUp::kFireOne:
      missed.dropped = BeforeNewest(recurrence, window, missed.until, 1);
      break;
    case CatchUp::kFireAll:
      missed.dropped = BeforeNewest(recurrence, window, missed.until, policy.catch_up_max);
      break;
  }
  return missed;
}

Fire SkippedRow(ScheduleId id, absl::Time first, absl::Time last, int64_t count, FireReason reason,
                absl::Time now) {
  Fire fire;
  fire.key = {id, last, {}};
  fire.state = FireState::kSkipped;
  fire.reason = reason;
  fire.dispatch_after = last;
  fire.decided_at = now;
  fire.count = count;
  fire.first_due_at = first;
  return fire;
}

// The work of one PlanFires call.
class Decider {
 public:
  Decider(ScheduleId id, const Recurrence& recurrence, const PlanPolicy& policy,
          const Cursor& cursor, absl::Span<const Outage> outages, OpenRuns open, absl::Time now,
          int limit)
      : id_(id),
        recurrence_(recurrence),
        policy_(policy),
        outages_(outages),
        open_(open),
        now_(now),
        limit_(limit) {
    plan_.cursor = cursor;
  }

  Plan Run() {
    absl::Time due = NextDue(recurrence_, policy_, plan_.cursor);
    // A fire waits for the one before it, so the first one that has to wait ends the plan.
    while (due <= now_ && due + JitterOf(id_, due, policy_) <= now_ && Decide(due)) {
      due = NextDue(recurrence_, policy_, plan_.cursor);
    }
    plan_.finished = due == absl::InfiniteFuture();
    plan_.next_wake = plan_.finished ? due : due + JitterOf(id_, due, policy_);
    for (Fire& fire : plan_.fires) fire.id = MakeFireId(fire.key);
    return std::move(plan_);
  }

 private:
  // Decides `due`, and at once those after it that share its row.  False: no row is left for it.
  bool Decide(absl::Time due) {
    while (missed_.until < due && !outages_.empty()) {
      missed_ = JudgeMissed(id_, recurrence_, policy_, plan_.cursor, outages_.front());
      outages_.remove_prefix(1);
    }
    if (missed_.Drops(due)) {
      return Skip(due, std::min(missed_.dropped, now_), FireReason::kCatchUpPolicy);
    }
    if (policy_.shadow) return RecordIt(due);
    const bool busy = open_.running > 0 || open_.buffered > 0;
    if (!busy || policy_.overlap == Overlap::kAllow) return FireIt(due, FireReason::kNone);
    if (policy_.overlap == Overlap::kBufferOne && open_.buffered == 0) {
      return FireIt(due, FireReason::kOverlap);
    }
    // Nothing within this plan ends a run, so all that have come up to the next dropped ones
    // share the verdict.
    absl::Time until = policy_.end_at;
    if (!outages_.empty()) until = std::min(until, outages_.front().from);
    if (due <= missed_.after) until = missed_.after;
    return Skip(due, std::min(until, now_ - MaxDelay(id_, policy_)), FireReason::kOverlap);
  }

  bool FireIt(absl::Time due, FireReason reason) {
    if (!AddRow(due, FireState::kPending, reason)) return false;
    ++(reason == FireReason::kOverlap ? open_.buffered : open_.running);
    ++plan_.cursor.fires;
    return true;
  }

  // What FireIt would be, if it were not in shadow.
  bool RecordIt(absl::Time due) { return AddRow(due, FireState::kSkipped, FireReason::kShadow); }

  bool AddRow(absl::Time due, FireState state, FireReason reason) {
    if (plan_.fires.size() >= limit_) return false;
    Fire& fire = plan_.fires.emplace_back();
    fire.key = {id_, due, {}};
    fire.kind = missed_.CatchesUp(due) ? FireKind::kCatchUp : FireKind::kScheduled;
    fire.state = state;
    fire.reason = reason;
    fire.dispatch_after = due + JitterOf(id_, due, policy_);
    fire.decided_at = now_;
    fire.first_due_at = due;
    plan_.cursor.watermark = due;
    return true;
  }

  // Skips the due times from `first` to the last one at or before `until`; `first` in any case.
  // A row of the same reason just before grows instead, also beyond the limit: where one plan ends
  // must not show in the rows.
  bool Skip(absl::Time first, absl::Time until, FireReason reason) {
    const bool grows = !plan_.fires.empty() && plan_.fires.back().state == FireState::kSkipped &&
                       plan_.fires.back().reason == reason;
    if (!grows && plan_.fires.size() >= limit_) return false;
    absl::Time last = first;
    int64_t count = 1;
    if (until > first) {
      last = recurrence_.LastAtOrBefore(until);
      count = recurrence_.CountBetween(FloorOf(policy_, plan_.cursor), last);
    }
    if (grows) {
      Fire& fire = plan_.fires.back();
      fire.key.due_at = fire.dispatch_after = last;
      fire.count += count;
    } else {
      plan_.fires.push_back(SkippedRow(id_, first, last, count, reason, now_));
    }
    plan_.cursor.watermark = last;
    return true;
  }

  const ScheduleId id_;
  const Recurrence& recurrence_;
  const PlanPolicy& policy_;
  absl::Span<const Outage> outages_;  // Those after missed_.
  OpenRuns open_;
  const absl::Time now_;
  const int limit_;
  Missed missed_;  // Of the outage that the plan has come to.
  Plan plan_;
};

}  // namespace

PlanPolicy PolicyOf(const Schedule& schedule) {
  PlanPolicy policy;
  policy.catch_up = schedule.catch_up;
  policy.catch_up_window = schedule.catch_up_window;
  policy.catch_up_max = schedule.catch_up_max;
  policy.shadow = schedule.state == ScheduleState::kShadow;
  policy.overlap = policy.shadow ? Overlap::kAllow : schedule.overlap;
  policy.start_at = schedule.start_at.value_or(absl::InfinitePast());
  policy.end_at = schedule.end_at.value_or(absl::InfiniteFuture());
  policy.max_fires = schedule.max_fires;
  policy.jitter = schedule.jitter;
  policy.jitter_mode = schedule.jitter_mode;
  return policy;
}

Cursor InitialCursor(const Schedule& schedule) {
  Cursor cursor;
  cursor.watermark = schedule.created_at;
  if (const auto* one_shot = std::get_if<OneShotSpec>(&schedule.spec)) {
    cursor.watermark = std::min(cursor.watermark, one_shot->at - kTick);
  }
  return cursor;
}

Plan PlanFires(ScheduleId id, const Recurrence& recurrence, const PlanPolicy& policy,
               const Cursor& cursor, absl::Span<const Outage> outages, OpenRuns open,
               absl::Time now, int limit) {
  return Decider(id, recurrence, policy, cursor, outages, open, now, limit).Run();
}

absl::Time NextDue(const Recurrence& recurrence, const PlanPolicy& policy, const Cursor& cursor) {
  if (policy.max_fires > 0 && cursor.fires >= policy.max_fires) return absl::InfiniteFuture();
  const absl::Time due = recurrence.NextAfter(FloorOf(policy, cursor));
  return due > policy.end_at ? absl::InfiniteFuture() : due;
}

absl::Time NextWake(ScheduleId id, const Recurrence& recurrence, const PlanPolicy& policy,
                    const Cursor& cursor) {
  const absl::Time due = NextDue(recurrence, policy, cursor);
  return due == absl::InfiniteFuture() ? due : due + JitterOf(id, due, policy);
}

absl::Duration JitterOf(ScheduleId id, absl::Time due_at, const PlanPolicy& policy) {
  if (policy.jitter <= absl::ZeroDuration()) return absl::ZeroDuration();
  uint64_t hash = HashOf(id);
  if (policy.jitter_mode == JitterMode::kRandom) {
    hash = Mix(hash ^ static_cast<uint64_t>(absl::ToUnixMicros(due_at)));
  }
  return DelayOf(hash, policy);
}

std::vector<Fire> PlanGap(ScheduleId id, const Recurrence& recurrence, const PlanPolicy& policy,
                          const Cursor& cursor, absl::Time until, FireReason reason,
                          absl::Time now) {
  const absl::Time first = NextDue(recurrence, policy, cursor);
  if (first > until || first == absl::InfiniteFuture()) return {};
  const absl::Time last = recurrence.LastAtOrBefore(std::min(until, policy.end_at));
  const int64_t count = recurrence.CountBetween(FloorOf(policy, cursor), last);
  std::vector<Fire> fires = {SkippedRow(id, first, last, count, reason, now)};
  fires[0].id = MakeFireId(fires[0].key);
  return fires;
}

}  // namespace z4j::scheduler
