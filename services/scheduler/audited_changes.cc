#include "services/scheduler/audited_changes.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/log.h"

namespace z4j::scheduler {

AuditedChanges::AuditedChanges(Committer& committer, std::string node)
    : committer_(committer), caller_{absl::StrCat("scheduler:", node), "loop"} {}

void AuditedChanges::Finish(const ScheduleKey& schedule) { Submit(FinishSchedule{schedule}); }

void AuditedChanges::Quarantine(const ScheduleKey& schedule, const std::string& reason) {
  LogWarning("schedule quarantined", {{"schedule", ResourceName(schedule)}, {"reason", reason}});
  Submit(QuarantineSchedule{schedule, reason});
}

void AuditedChanges::Resume(const ScheduleKey& schedule) {
  Submit(ResumeSchedule{schedule, /*if_expired=*/true});
}

void AuditedChanges::Submit(MutationAction action) {
  const std::string name = ResourceName(KeyOf(action));
  Mutation mutation;
  mutation.action = std::move(action);
  mutation.caller = caller_;
  committer_.Submit(std::move(mutation), [name](const Committer::Result& result) {
    // Someone else was faster: it is deleted, edited, or changed already.
    const bool overtaken =
        absl::IsNotFound(result.status()) || absl::IsFailedPrecondition(result.status());
    if (!result.ok() && !overtaken) {
      LogWarning("a change of state was not committed; the loop asks again",
                 {{"schedule", name}, {"error", result.status().message()}});
    }
  });
}

}  // namespace z4j::scheduler
