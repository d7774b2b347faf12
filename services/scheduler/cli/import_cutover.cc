#include "services/scheduler/cli/import_cutover.h"

#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/cli/output.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/progress.h"
#include "services/scheduler/cli/schedule_text.h"
#include "services/scheduler/cli/stored_schedules.h"
#include "services/scheduler/transfer/plan.h"
#include "z4j/scheduler/v1/schedule_service.grpc.pb.h"

namespace z4j::scheduler {
namespace {

constexpr char kShadow[] = "shadow", kPaused[] = "paused";

std::string WasOf(const v1::Schedule& schedule) {
  const auto found = schedule.labels().find(kCutoverLabel);
  return found == schedule.labels().end() ? "" : found->second;
}

// What a cutover finds it as, or empty if it is none of its.
std::string IsAs(const v1::Schedule& schedule) {
  if (schedule.state() == v1::Schedule::STATE_SHADOW) return kShadow;
  const bool by_import = schedule.state() == v1::Schedule::STATE_PAUSED &&
                         schedule.pause().reason() ==
                             PausedByImport(schedule.source().kind(), schedule.source().locator());
  return by_import ? kPaused : "";
}

// One way or the other, for many schedules.
class Mover {
 public:
  Mover(const ClientOptions& options, const CutoverOptions& which,
        std::unique_ptr<v1::ScheduleService::Stub> stub)
      : options_(options), which_(which), stub_(std::move(stub)) {}

  absl::StatusOr<bool> Cutover() {
    ASSIGN_OR_RETURN(const std::vector<v1::Schedule> found, ListImported(options_, which_));
    std::vector<v1::Schedule> chosen;
    for (const v1::Schedule& schedule : found) {
      if (!IsAs(schedule).empty()) chosen.push_back(schedule);
    }
    return Move(chosen, [&](const v1::Schedule& schedule) -> absl::Status {
      RETURN_IF_ERROR(Label(schedule, IsAs(schedule)));
      return Resume(schedule);
    });
  }

  absl::StatusOr<bool> Rollback() {
    ASSIGN_OR_RETURN(const std::vector<v1::Schedule> found, ListImported(options_, which_));
    std::vector<v1::Schedule> chosen;
    for (const v1::Schedule& schedule : found) {
      if (!WasOf(schedule).empty()) chosen.push_back(schedule);
    }
    const auto take_back = [&](const v1::Schedule& schedule) -> absl::Status {
      if (schedule.state() != v1::Schedule::STATE_FINISHED) {
        RETURN_IF_ERROR(WasOf(schedule) == kShadow ? Shadow(schedule) : Pause(schedule));
      }
      return Label(schedule, "");
    };
    ASSIGN_OR_RETURN(const bool all_well, Move(chosen, take_back));
    if (!chosen.empty() && !which_.dry_run) {
      std::cerr
          << "Before the old scheduler starts: if it remembers its last runs, it makes up for "
             "those that ours made, and they run twice.  docs/migrating says what to do.\n";
    }
    return all_well;
  }

 private:
  // Moves one after the other, so that whoever interrupts it knows how far it is.
  template <typename Step>
  absl::StatusOr<bool> Move(const std::vector<v1::Schedule>& chosen, const Step& step) {
    std::vector<Row> rows;
    std::vector<v1::Schedule> now;
    bool all_well = true;
    Progress progress("moving");
    for (const v1::Schedule& schedule : chosen) {
      progress.Show(now.size(), chosen.size());
      const absl::Status status = which_.dry_run ? absl::OkStatus() : step(schedule);
      if (absl::IsUnavailable(status)) return status;
      all_well = all_well && status.ok();
      v1::Schedule after = schedule;
      if (!which_.dry_run) RETURN_IF_ERROR(Get(schedule, after));
      rows.push_back(ScheduleRow(after));
      rows.back().push_back(std::string(status.message()));
      now.push_back(std::move(after));
    }
    Row header = ScheduleHeader();
    header.push_back("ERROR");
    std::vector<const google::protobuf::Message*> messages;
    for (const v1::Schedule& schedule : now) messages.push_back(&schedule);
    PrintMany(options_, messages, header, rows);
    return all_well;
  }

  absl::Status Get(const v1::Schedule& schedule, v1::Schedule& now) {
    v1::GetScheduleRequest request;
    request.set_name(schedule.name());
    v1::GetScheduleResponse response;
    RETURN_IF_ERROR(Invoke(options_, [&](grpc::ClientContext& context) {
      return stub_->GetSchedule(&context, request, &response);
    }));
    now = response.schedule();
    return absl::OkStatus();
  }

  // Writes down what it was; an empty text forgets it.
  absl::Status Label(const v1::Schedule& schedule, const std::string& was) {
    if (WasOf(schedule) == was) return absl::OkStatus();
    v1::UpdateScheduleRequest request;
    request.mutable_schedule()->set_name(schedule.name());
    auto& labels = *request.mutable_schedule()->mutable_labels();
    labels = schedule.labels();
    labels.erase(kCutoverLabel);
    if (!was.empty()) labels[kCutoverLabel] = was;
    request.mutable_update_mask()->add_paths("labels");
    request.set_request_id(NewRequestId());
    v1::UpdateScheduleResponse response;
    return Invoke(options_, [&](grpc::ClientContext& context) {
      return stub_->UpdateSchedule(&context, request, &response);
    });
  }

  absl::Status Resume(const v1::Schedule& schedule) {
    v1::ResumeScheduleRequest request;
    request.set_name(schedule.name());
    request.set_request_id(NewRequestId());
    v1::ResumeScheduleResponse response;
    return Invoke(options_, [&](grpc::ClientContext& context) {
      return stub_->ResumeSchedule(&context, request, &response);
    });
  }

  absl::Status Shadow(const v1::Schedule& schedule) {
    v1::ShadowScheduleRequest request;
    request.set_name(schedule.name());
    request.set_request_id(NewRequestId());
    v1::ShadowScheduleResponse response;
    return Invoke(options_, [&](grpc::ClientContext& context) {
      return stub_->ShadowSchedule(&context, request, &response);
    });
  }

  absl::Status Pause(const v1::Schedule& schedule) {
    v1::PauseScheduleRequest request;
    request.set_name(schedule.name());
    request.set_reason(PausedByImport(schedule.source().kind(), schedule.source().locator()));
    request.set_request_id(NewRequestId());
    v1::PauseScheduleResponse response;
    return Invoke(options_, [&](grpc::ClientContext& context) {
      return stub_->PauseSchedule(&context, request, &response);
    });
  }

  const ClientOptions& options_;
  const CutoverOptions& which_;
  const std::unique_ptr<v1::ScheduleService::Stub> stub_;
};

}  // namespace

std::string PausedByImport(const std::string& kind, const std::string& locator) {
  return absl::StrCat("imported from ", kind, " ", locator, " with --paused");
}

absl::StatusOr<std::vector<v1::Schedule>> ListImported(const ClientOptions& options,
                                                       const CutoverOptions& which) {
  v1::ScheduleFilter filter;
  filter.mutable_labels()->insert(which.labels.begin(), which.labels.end());
  std::vector<v1::Schedule> found;
  const auto keep = [&](v1::Schedule&& schedule) {
    const v1::ImportSource& source = schedule.source();
    if (schedule.has_source() && (which.kind.empty() || source.kind() == which.kind) &&
        (which.locator.empty() || source.locator() == which.locator) &&
        IsWanted(IdIn(schedule.name(), "schedules"), which.only)) {
      found.push_back(std::move(schedule));
    }
  };
  RETURN_IF_ERROR(ForEachStored(options, filter, "looking at stored schedules", keep));
  return found;
}

absl::StatusOr<bool> Cutover(const ClientOptions& options, const CutoverOptions& which) {
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::ScheduleService>(options));
  return Mover(options, which, std::move(stub)).Cutover();
}

absl::StatusOr<bool> Rollback(const ClientOptions& options, const CutoverOptions& which) {
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::ScheduleService>(options));
  return Mover(options, which, std::move(stub)).Rollback();
}

}  // namespace z4j::scheduler
