#include "services/scheduler/cli/import_write.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/grpc_status.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/in_parallel.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/convert.h"
#include "services/scheduler/transfer/digest.h"
#include "services/scheduler/transfer/limits.h"
#include "z4j/scheduler/v1/schedule_service.grpc.pb.h"

namespace z4j::scheduler {
namespace {

using ScheduleStub = v1::ScheduleService::Stub;

constexpr int kItemFrameBytes = 32;  // Around a schedule in a batch.
constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(3);

// Equal for equal requests: maps have no order of their own.
std::string BytesOf(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

bool IsWorthAnotherTry(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status);
}

// The error of the first item that nobody answered for, such as a database that was too slow for
// the whole batch; OK if there is none.
template <typename Response>
absl::Status Unanswered(const Response& response) {
  if constexpr (requires { response.results(); }) {
    for (const auto& result : response.results()) {
      if (!result.has_error()) continue;
      absl::Status status = FromRpcStatus(result.error());
      if (IsWorthAnotherTry(status)) return status;
    }
  }
  return absl::OkStatus();
}

// Writes one import.
class Writer {
 public:
  Writer(const ClientOptions& options, const Reading& reading,
         const std::vector<PlannedSchedule>& plans, std::unique_ptr<ScheduleStub> stub)
      : options_(options),
        reading_(reading),
        plans_(plans),
        stub_(std::move(stub)),
        results_(plans.size()) {}

  absl::Status Check() {
    validate_only_ = true;
    return Create();
  }

  absl::Status Write(const StoredSchedules& stored, const WriteOptions& write) {
    stored_ = &stored;
    write_ = write;
    RETURN_IF_ERROR(CheckShadow());
    RETURN_IF_ERROR(Create());
    RETURN_IF_ERROR(Update());
    std::vector<int> removals;
    for (int i = 0; i < plans_.size(); ++i) {
      if (plans_[i].action == ImportAction::kGone && write.prune &&
          (plans_[i].why.empty() || write.overwrite)) {
        removals.push_back(i);
      }
    }
    return InParallel(removals.size(), kImportCallsInFlight, "removing",
                      [&](int i) { return Remove(removals[i]); });
  }

  std::vector<Written> TakeResults() { return std::move(results_); }

 private:
  // Sends `request`, again and again while nobody answers.
  template <typename Request, typename Response>
  absl::Status Call(Request& request, Response& response,
                    grpc::Status (ScheduleStub::*rpc)(grpc::ClientContext*, const Request&,
                                                      Response*)) {
    request.clear_request_id();
    if (!validate_only_) {
      request.set_request_id(absl::StrCat("import-", write_.import_id, "-",
                                          HexDigest(BytesOf(request)).substr(0, 24)));
    }
    const absl::Time until =
        absl::Now() + (validate_only_ ? absl::ZeroDuration() : kImportRetryFor);
    for (absl::Duration pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
      absl::Status status = Invoke(options_, [&](grpc::ClientContext& context) {
        return (stub_.get()->*rpc)(&context, request, &response);
      });
      if (status.ok()) status = Unanswered(response);
      if (!IsWorthAnotherTry(status) || absl::Now() + pause > until) return status;
      absl::SleepFor(pause);
    }
  }

  const ReadSchedule& Found(int plan) const { return reading_.schedules[plans_[plan].definition]; }

  // What is to be written of a plan's schedule.
  v1::Schedule MessageOf(int plan) const {
    v1::Schedule message = Found(plan).message;
    message.mutable_source()->set_import_id(write_.import_id);
    return message;
  }

  // A server that does not know the state would let them fire.
  absl::Status CheckShadow() {
    const auto is_shadow = [&](int i) {
      return plans_[i].action == ImportAction::kCreate &&
             Found(i).message.state() == v1::Schedule::STATE_SHADOW;
    };
    int first = 0;
    while (first < plans_.size() && !is_shadow(first)) ++first;
    if (first == plans_.size()) return absl::OkStatus();
    v1::CreateScheduleRequest request;
    request.set_parent(ParentName(options_));
    request.set_schedule_id(Found(first).definition.schedule.name);
    *request.mutable_schedule() = MessageOf(first);
    request.set_validate_only(true);
    v1::CreateScheduleResponse response;
    const absl::Status status = Invoke(options_, [&](grpc::ClientContext& context) {
      return stub_->CreateSchedule(&context, request, &response);
    });
    // Another fault is told when it is written.
    if (!status.ok() || response.schedule().state() == v1::Schedule::STATE_SHADOW) {
      return IsWorthAnotherTry(status) ? status : absl::OkStatus();
    }
    return absl::FailedPreconditionError(
        "--shadow: this scheduler does not know the shadow state; update it, or use --paused");
  }

  // The plans with that action, in parts of which each fits into one request.
  std::vector<std::vector<int>> Chunks(ImportAction action) const {
    std::vector<std::vector<int>> chunks;
    int64_t bytes = 0;
    for (int i = 0; i < plans_.size(); ++i) {
      if (plans_[i].action != action) continue;
      const int64_t more = kItemFrameBytes + 64 + Found(i).message.ByteSizeLong() +
                           Found(i).definition.schedule.name.size();
      if (chunks.empty() || chunks.back().size() == kBatchCreateMax ||
          bytes + more > kBatchCreateBytesMax) {
        chunks.emplace_back();
        bytes = 1024;  // The rest of the request.
      }
      chunks.back().push_back(i);
      bytes += more;
    }
    return chunks;
  }

  absl::Status Create() {
    const std::vector<std::vector<int>> chunks = Chunks(ImportAction::kCreate);
    return InParallel(chunks.size(), kImportBatchesInFlight,
                      validate_only_ ? "checking thousands" : "creating thousands",
                      [&](int i) { return CreateChunk(chunks[i]); });
  }

  absl::Status CreateChunk(const std::vector<int>& plans) {
    v1::BatchCreateSchedulesRequest request;
    request.set_parent(ParentName(options_));
    request.set_allow_partial(true);
    request.set_validate_only(validate_only_);
    request.set_view(v1::SCHEDULE_VIEW_VERSION);
    for (const int plan : plans) {
      v1::NewSchedule* item = request.add_items();
      item->set_schedule_id(Found(plan).definition.schedule.name);
      *item->mutable_schedule() = MessageOf(plan);
    }
    v1::BatchCreateSchedulesResponse response;
    RETURN_IF_ERROR(Call(request, response, &ScheduleStub::BatchCreateSchedules));
    NoteEach(plans, response.results());
    for (const int plan : plans) {
      absl::Status& status = results_[plan].status;
      if (absl::IsAlreadyExists(status)) status = Recheck(plan);
    }
    return absl::OkStatus();
  }

  // The name was free when we looked.  OK if an earlier request of ours took it after all.
  absl::Status Recheck(int plan) {
    const Schedule& wanted = Found(plan).definition.schedule;
    v1::GetScheduleRequest request;
    request.set_name(ScheduleName(options_, wanted.name));
    v1::GetScheduleResponse response;
    RETURN_IF_ERROR(Invoke(options_, [&](grpc::ClientContext& context) {
      return stub_->GetSchedule(&context, request, &response);
    }));
    const v1::ImportSource& source = response.schedule().source();
    if (source.digest() == Found(plan).message.source().digest() &&
        source.kind() == wanted.source->kind && source.locator() == wanted.source->locator) {
      return absl::OkStatus();
    }
    return absl::AlreadyExistsError("someone else created it just now; run the import again");
  }

  absl::Status Update() {
    const std::vector<std::vector<int>> chunks = Chunks(ImportAction::kUpdate);
    return InParallel(chunks.size(), kImportBatchesInFlight, "updating thousands",
                      [&](int i) { return UpdateChunk(chunks[i]); });
  }

  absl::Status UpdateChunk(const std::vector<int>& plans) {
    v1::BatchUpdateSchedulesRequest request;
    request.set_parent(ParentName(options_));
    request.set_allow_partial(true);
    request.set_view(v1::SCHEDULE_VIEW_VERSION);
    for (const int plan : plans) {
      v1::EditedSchedule* item = request.add_items();
      *item->mutable_schedule() = EditOf(plan);
      item->mutable_update_mask()->add_paths("*");
    }
    v1::BatchUpdateSchedulesResponse response;
    RETURN_IF_ERROR(Call(request, response, &ScheduleStub::BatchUpdateSchedules));
    NoteEach(plans, response.results());
    return absl::OkStatus();
  }

  // What is to be written over the stored schedule of a plan.
  v1::Schedule EditOf(int plan) const {
    const int stored = plans_[plan].stored;
    const Schedule& here = stored_->schedules[stored];
    const Schedule merged = MergedSchedule(Found(plan).definition.schedule, here, write_.overwrite);
    v1::Schedule message = MessageOf(plan);
    message.set_name(ScheduleName(options_, here.name));
    message.set_etag(stored_->etags[stored]);
    message.clear_state();
    message.clear_pause();
    message.mutable_labels()->clear();
    message.mutable_labels()->insert(merged.labels.begin(), merged.labels.end());
    const auto* interval = std::get_if<IntervalSpec>(&merged.spec);
    if (interval != nullptr && interval->anchor != absl::InfinitePast()) {
      SetTime(interval->anchor, message.mutable_spec()->mutable_interval()->mutable_anchor_time());
    }
    return message;
  }

  absl::Status Remove(int plan) {
    const int stored = plans_[plan].stored;
    v1::DeleteScheduleRequest request;
    request.set_name(ScheduleName(options_, stored_->schedules[stored].name));
    request.set_etag(stored_->etags[stored]);
    request.set_allow_missing(true);
    v1::DeleteScheduleResponse response;
    // Only that nobody answers concerns the others.
    absl::Status status = Call(request, response, &ScheduleStub::DeleteSchedule);
    if (IsWorthAnotherTry(status)) return status;
    results_[plan] = {true, std::move(status), {}};
    return absl::OkStatus();
  }

  // Keeps what became of each of `plans`.
  template <typename Result>
  void NoteEach(const std::vector<int>& plans,
                const google::protobuf::RepeatedPtrField<Result>& results) {
    for (int k = 0; k < plans.size() && k < results.size(); ++k) {
      Written& written = results_[plans[k]];
      written.tried = true;
      written.notes = {results[k].notes().begin(), results[k].notes().end()};
      if (results[k].has_error()) written.status = FromRpcStatus(results[k].error());
    }
  }

  const ClientOptions& options_;
  const Reading& reading_;
  const std::vector<PlannedSchedule>& plans_;
  const std::unique_ptr<ScheduleStub> stub_;
  const StoredSchedules* stored_ = nullptr;
  WriteOptions write_;
  bool validate_only_ = false;
  std::vector<Written> results_;  // Each is written by one thread.
};

}  // namespace

absl::StatusOr<std::vector<Written>> CheckCreates(const ClientOptions& options,
                                                  const Reading& reading,
                                                  const std::vector<PlannedSchedule>& plans) {
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::ScheduleService>(options));
  Writer writer(options, reading, plans, std::move(stub));
  RETURN_IF_ERROR(writer.Check());
  return writer.TakeResults();
}

absl::StatusOr<std::vector<Written>> WriteImport(const ClientOptions& options,
                                                 const Reading& reading,
                                                 const std::vector<PlannedSchedule>& plans,
                                                 const StoredSchedules& stored,
                                                 const WriteOptions& write) {
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::ScheduleService>(options));
  Writer writer(options, reading, plans, std::move(stub));
  const absl::Status status = writer.Write(stored, write);
  if (status.ok()) return writer.TakeResults();
  return absl::Status(status.code(), absl::StrCat(status.message(),
                                                  "; what was written stays, and the same command "
                                                  "continues"));
}

}  // namespace z4j::scheduler
