// What must hold while nodes leave in good order and nothing else happens; see fire_oracle.h.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/simulation/database.h"
#include "tests/simulation/fire_oracle.h"

namespace z4j::simulation {

using scheduler::ScheduleState;

void FireOracle::BeginPeace(absl::Duration late_max) {
  world_.Tell([&] {
    return absl::StrCat("in peace nothing is later than ", absl::FormatDuration(late_max));
  });
  peace_ = Peace{Now(), late_max, {}};
}

void FireOracle::EndPeace() {
  for (const auto& [id, known] : schedules_) CheckInTime(known, known.next);
  peace_.reset();
}

Instant FireOracle::NextDue() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [id, known] : schedules_) {
    if (known.schedule.state == ScheduleState::kPaused) continue;
    if (known.next > Now()) next = std::min(next, known.next);
  }
  return next - kWorldBegan;
}

void FireOracle::CheckInTime(const Known& known, absl::Time due) {
  if (!peace_ || known.schedule.state == ScheduleState::kPaused) return;
  // Of a change leaders hear within a second.
  if (due < peace_->since || due < known.changed_at + kLateMax) return;
  if (Now() - due <= peace_->late_max) return;
  Fail(absl::StrCat(known.schedule.name, " has ", TextOf(due), " decided ",
                    absl::FormatDuration(Now() - due), " late, and nodes left in good order"));
}

void FireOracle::CheckHandedOverOnce(NodeId node, scheduler::FireId fire, const std::string& what) {
  if (!peace_) return;
  const auto [found, is_new] = peace_->handed_over.try_emplace(fire, node);
  if (is_new || found->second == node) return;
  Fail(absl::StrCat(what, ", and node ", found->second.value, " that left in good order had"));
}

}  // namespace z4j::simulation
