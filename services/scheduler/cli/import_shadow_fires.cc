#include "services/scheduler/cli/import_shadow_fires.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/schedule_text.h"
#include "services/scheduler/cli/values.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/convert.h"

namespace z4j::scheduler {
namespace {

// All other sources count an interval from when it last ran: their grid is not ours.
bool HasOwnPhase(const v1::Schedule& schedule) {
  return schedule.spec().has_interval() && schedule.source().kind() != "apscheduler";
}

ShadowSchedule Compared(const v1::Schedule& schedule, const ShadowOptions& shadow) {
  ShadowSchedule compared = {IdIn(schedule.name(), "schedules"), schedule.task(),
                             schedule.args_json(), schedule.kwargs_json(), shadow.tolerance};
  if (HasOwnPhase(schedule)) {
    Faults faults;
    const auto& message = schedule.spec().interval().period();
    const absl::Duration period = ToDuration(message, "spec.interval.period", faults);
    // No further than a watch can tell.
    compared.reach = std::max(shadow.tolerance, std::min(period, shadow.watch_for));
    compared.between_max = period + shadow.tolerance;
  }
  return compared;
}

absl::Status NothingInShadow(const CutoverOptions& which, int found) {
  return absl::FailedPreconditionError(absl::StrCat(
      "no schedule ", which.kind.empty() ? "" : absl::StrCat("from ", which.kind, " "),
      "is in shadow", found == 0 ? "" : absl::StrCat(" (", found, " are here in other states)"),
      ": create them with 'z4j-scheduler import --from ", which.kind.empty() ? "…" : which.kind,
      " … --apply --shadow', or put them there with 'schedule shadow NAME'"));
}

}  // namespace

absl::StatusOr<ShadowFires> ShadowFires::Of(const ClientOptions& options,
                                            const ShadowOptions& shadow) {
  ShadowFires made;
  ASSIGN_OR_RETURN(made.stub_, StubOf<v1::FireService>(options));
  ASSIGN_OR_RETURN(const std::vector<v1::Schedule> found, ListImported(options, shadow.which));
  for (const v1::Schedule& schedule : found) {
    if (schedule.state() != v1::Schedule::STATE_SHADOW) continue;
    made.by_uid_.emplace(schedule.uid(), static_cast<int>(made.schedules_.size()));
    made.schedules_.push_back(Compared(schedule, shadow));
    made.reach_max_ = std::max(made.reach_max_, made.schedules_.back().reach);
  }
  if (made.schedules_.empty()) return NothingInShadow(shadow.which, static_cast<int>(found.size()));
  return made;
}

absl::Status ShadowFires::Fetch(const ClientOptions& options, absl::Time from, absl::Time to) {
  v1::ListFiresRequest request;
  request.set_parent(ScheduleName(options, "-"));
  request.set_page_size(kPageSizeMax);
  request.add_states(v1::Fire::STATE_SKIPPED);
  SetTime(from, request.mutable_from_time());
  SetTime(to, request.mutable_to_time());
  request.set_order_by("due_time");
  do {
    v1::ListFiresResponse response;
    RETURN_IF_ERROR(Invoke(options, [&](grpc::ClientContext& context) {
      return stub_->ListFires(&context, request, &response);
    }));
    for (const v1::Fire& fire : response.fires()) Add(fire);
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

void ShadowFires::Add(const v1::Fire& fire) {
  const auto found = by_uid_.find(fire.schedule_uid());
  if (found == by_uid_.end() || !known_.insert(fire.uid()).second) return;
  if (fire.count() > 1 || fire.reason() != v1::Fire::REASON_SHADOW) {
    counted_.push_back({ToTime(fire.first_due_time()), ToTime(fire.due_time())});
  } else {
    fires_.push_back({found->second, ToTime(fire.due_time())});
  }
}

}  // namespace z4j::scheduler
