#include "services/scheduler/rpc/fire_notes.h"

#include "absl/strings/str_cat.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

// A schedule may move to other adapters, and a watch lasts: so old may be what it says of that.
constexpr absl::Duration kRoutesKept = absl::Seconds(10);

}  // namespace

void FireNotes::Refresh(absl::Time now) {
  now_ = now;
  wait_causes_.clear();
  blind_why_.clear();
  if (now - routes_read_at_ < kRoutesKept) return;
  routes_read_at_ = now;
  routes_.clear();
}

const Route& FireNotes::RouteOf(const NamedFire& named) {
  const ScheduleId id = named.fire.key.schedule;
  const auto [found, is_new] = routes_.try_emplace(id);
  if (is_new) {
    const auto stored = store_.GetSchedule(named.schedule);
    // Another one may have taken the name of one that was deleted.
    if (stored.ok() && stored->schedule.id == id) {
      found->second = scheduler::RouteOf(stored->schedule);
    }
  }
  return found->second;
}

const WaitCause& FireNotes::WhyWaits(const Route& route) {
  // Of a schedule that is gone nothing is known; its fires are being cancelled.
  static const WaitCause& unknown = *new WaitCause();
  if (route.engine.empty()) return unknown;
  const auto [found, is_new] = wait_causes_.try_emplace(route);
  if (is_new) found->second = cluster_.WhyWaits(route);
  return found->second;
}

void FireNotes::SetWaitReason(NamedFire& named) {
  if (named.fire.state != FireState::kPending || named.fire.reason != FireReason::kNone) return;
  named.fire.reason = WhyWaits(RouteOf(named)).reason;
}

std::string FireNotes::OutcomeNote(const NamedFire& named) {
  const Fire& fire = named.fire;
  // One that waits for a run before it needs no adapter yet.
  if (fire.state == FireState::kPending && fire.reason != FireReason::kOverlap) {
    return WhyWaits(RouteOf(named)).note;
  }
  const bool running = fire.state == FireState::kRunning;
  if (fire.state != FireState::kDispatched && !running) return "";
  if (const std::string& engine = RouteOf(named).engine; !engine.empty()) {
    const auto [found, is_new] = blind_why_.try_emplace({engine, fire.adapter});
    if (is_new) found->second = cluster_.WhyBlind(engine, fire.adapter);
    if (!found->second.empty()) return absl::StrCat("outcome unknown: ", found->second);
  }
  const absl::Time since = running ? fire.started_at : fire.dispatched_at;
  if (now_ - since < kReportAwaited) return "";
  return absl::StrCat("outcome unknown: no report since ",
                      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", since, absl::UTCTimeZone()),
                      "; it may ", running ? "still run" : "wait in its queue or run",
                      ", or the report was lost");
}

}  // namespace z4j::scheduler
