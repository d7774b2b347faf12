#include "tests/simulation/fire_oracle.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/scheduler/core/outage.h"
#include "tests/simulation/database.h"

namespace z4j::simulation {
namespace {

using scheduler::FencingToken;
using scheduler::Fire;
using scheduler::FireBatch;
using scheduler::FireId;
using scheduler::FireKey;
using scheduler::FireReason;
using scheduler::FireState;
using scheduler::ScheduleState;

// Wall clocks of schedulers differ by so much from the database's.
constexpr absl::Duration kClockSlack = absl::Seconds(1);

}  // namespace

std::string TextOf(absl::Time time) {
  return absl::FormatDuration(absl::Trunc(time - kWorldBegan, absl::Milliseconds(1)));
}

absl::Time FireOracle::Now() const { return kWorldBegan + world_.now(); }

void FireOracle::Raised(FencingToken token, const std::string& holder) {
  world_.Trace(static_cast<uint64_t>(token.value));
  world_.Tell([&] { return absl::StrCat("the fence is raised to ", token.value, " by ", holder); });
  if (token < newest_) {
    Fail(absl::StrCat("the fence went back from ", newest_.value, " to ", token.value));
  }
  raises_ = token == newest_ ? raises_ + 1 : 1;
  newest_ = std::max(newest_, token);
}

void FireOracle::Wrote(FencingToken token, absl::Time was, absl::Time is) {
  world_.Tell([&] {
    return absl::StrCat("a leader was live at ", TextOf(was), " and is at ", TextOf(is), " under ",
                        token.value);
  });
  if (token != newest_) {
    Fail(absl::StrCat("the database took a write of token ", token.value, ", and its fence is at ",
                      newest_.value));
  }
  // Who was live in between was gone before it did anything; or has not heard that it leads and
  // raises the fence again, if that was not an earlier try that came late.
  const bool nothing_between = token != live_ || raises_ > 0;
  raises_ = std::max(0, raises_ - 1);
  if (nothing_between && !silences_.empty() && was <= silences_.back().perhaps_to) {
    Silence& last = silences_.back();
    if (token != live_ && was <= last.to) last.to = is;
    last.perhaps_to = is;
  } else if (is - was > scheduler::kOnTimeGrace - kClockSlack) {
    silences_.push_back({was, is, is, token == live_});
  }
  live_ = token;
}

void FireOracle::Committed(FencingToken token, const FireBatch& batch, const Cursors& before,
                           const Cursors& after) {
  raises_ = 0;
  for (size_t i = 0; i < after.size(); ++i) {
    const auto& [id, cursor] = after[i];
    const absl::Time was = before[i].second.watermark;
    Known& known = schedules_.at(id);
    const std::string& name = known.schedule.name;
    if (cursor.watermark < was) {
      Fail(absl::StrCat("the watermark of ", name, " went back from ", TextOf(was), " to ",
                        TextOf(cursor.watermark)));
    }
    if (cursor.watermark == was) continue;
    world_.Trace(static_cast<uint64_t>(absl::ToUnixMicros(cursor.watermark)));
    world_.Tell([&] {
      return absl::StrCat(name, " is decided up to ", TextOf(cursor.watermark), " under ",
                          token.value);
    });
    for (const Fire& fire : batch.fires) {
      if (fire.key.schedule == id) Decided(known, fire);
    }
    if (known.next <= cursor.watermark || known.next - known.period > cursor.watermark) {
      Fail(absl::StrCat("the watermark of ", name, " is ", TextOf(cursor.watermark),
                        ", and its next due time without a row ", TextOf(known.next)));
    }
  }
}

// Rows follow each other without a gap: so there is one row for each due time, and for none two.
void FireOracle::Follows(Known& known, const Fire& row) {
  const absl::Time first = row.count == 1 ? row.key.due_at : row.first_due_at;
  if (first != known.next || row.key.due_at != first + (row.count - 1) * known.period) {
    Fail(absl::StrCat(known.schedule.name, " decides ", TextOf(first), " to ",
                      TextOf(row.key.due_at), ", and was to decide ", TextOf(known.next)));
  }
  known.next = row.key.due_at + known.period;
  if (row.id != MakeFireId(row.key)) {
    Fail(known.schedule.name + ": a fire has another id than its own");
  }
  Row& added = rows_[row.id];
  added.key = row.key;
  added.leaves_at = row.key.due_at;
  added.ended = IsFinal(row.state);
}

void FireOracle::Decided(Known& known, const Fire& fire) {
  const std::string& name = known.schedule.name;
  const absl::Time first = known.next;
  Follows(known, fire);
  CheckInTime(known, first);
  const bool shadow = known.schedule.state == ScheduleState::kShadow;
  if (!shadow && known.schedule.state != ScheduleState::kEnabled) {
    return Fail(absl::StrCat(name, " decides ", TextOf(first), ", and is paused"));
  }
  const bool early = fire.key.due_at > Now() + kClockSlack;
  if (early && fire.reason != FireReason::kCatchUpPolicy) Fail(name + " fires early");
  if (fire.state == FireState::kPending) {
    if (shadow) Fail(absl::StrCat(name, " fires ", TextOf(first), " in shadow"));
    if (known.schedule.catch_up == scheduler::CatchUp::kSkip && MustBeMissed(fire.key.due_at)) {
      Fail(absl::StrCat(name, " fires ", TextOf(fire.key.due_at), ", and was to skip it"));
    }
    pending_.emplace(fire.key.due_at, fire.id);
  } else {
    CheckSkipped(known, fire, first);
  }
}

void FireOracle::CheckSkipped(const Known& known, const Fire& fire, absl::Time first) {
  const std::string& name = known.schedule.name;
  const bool shadow = known.schedule.state == ScheduleState::kShadow;
  if (fire.reason == FireReason::kShadow && shadow) return;
  if (fire.reason == FireReason::kOverlap && !shadow) {
    if (known.schedule.overlap == scheduler::Overlap::kAllow) {
      Fail(absl::StrCat(name, " leaves out ", TextOf(first), ", and its runs may overlap"));
    }
    return;
  }
  if (fire.reason == FireReason::kCatchUpPolicy && MayBeMissed(first, fire.key.due_at)) return;
  Fail(absl::StrCat(name, " leaves out ", TextOf(first), " to ", TextOf(fire.key.due_at),
                    ", and there was no outage"));
}

bool FireOracle::MayBeMissed(absl::Time first, absl::Time last) const {
  return std::any_of(silences_.begin(), silences_.end(), [&](const Silence& silence) {
    return silence.from - kClockSlack <= first &&
           last <= silence.perhaps_to - scheduler::kOnTimeGrace + kClockSlack;
  });
}

bool FireOracle::MustBeMissed(absl::Time due) const {
  return std::any_of(silences_.begin(), silences_.end(), [&](const Silence& silence) {
    return !silence.of_one && silence.from + kClockSlack < due &&
           due < silence.to - scheduler::kOnTimeGrace - kClockSlack;
  });
}

void FireOracle::Settled(const scheduler::FireUpdate& update) {
  const auto row = rows_.find(update.id);
  if (row == rows_.end()) return Fail("a fire that was never decided has an outcome");
  if (row->second.ended) return;
  if (!row->second.settled.has_value()) {
    row->second.settled = world_.now();
    pending_.erase({row->second.leaves_at, update.id});
    const auto known = schedules_.find(row->second.key.schedule);
    if (known != schedules_.end()) known->second.open.insert(update.id);
  }
  if (IsFinal(update.state)) Ended(update, row->second);
}

void FireOracle::HandsOver(NodeId node, Instant since, const scheduler::DispatchItem& item) {
  const auto row = rows_.find(item.id);
  const std::string what =
      absl::StrCat("node ", node.value, " hands over a fire of ", TextOf(item.key.due_at));
  if (row == rows_.end()) return Fail(what + ", which is in no row");
  if (row->second.settled.has_value() && *row->second.settled < since) {
    Fail(what + ", which was done with before it took over");
  }
  CheckHandedOverOnce(node, item.id, what);
  const auto known = schedules_.find(item.key.schedule);
  if (known != schedules_.end()) CheckTask(known->second, since, item.task->task, what);
}

void FireOracle::LeadsOnRefused(NodeId node, FencingToken token) {
  Fail(absl::StrCat("node ", node.value, " leads on under token ", token.value,
                    ", and the database has refused that"));
}

std::optional<std::string> FireOracle::Missing() const {
  for (const auto& [id, known] : schedules_) {
    const scheduler::Schedule& schedule = known.schedule;
    const absl::Time late = Now() - kLateMax;
    if (schedule.state == ScheduleState::kPaused) {
      if (schedule.pause->until > late) continue;
      return absl::StrCat(schedule.name, " is still paused");
    }
    if (known.next > late) continue;
    return absl::StrCat(schedule.name, " has not decided ", TextOf(known.next));
  }
  for (const auto& [leaves_at, id] : pending_) {
    if (leaves_at > Now() - kLateMax) break;
    if (Waits(rows_.at(id))) continue;
    return absl::StrCat("nobody hands over a fire of ", TextOf(leaves_at));
  }
  return std::nullopt;
}

}  // namespace z4j::simulation
