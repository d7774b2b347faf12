#include "services/consensus/node/disk_thread.h"

#include <iterator>
#include <utility>

#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/consensus/limits.h"

namespace z4j::consensus {

DiskThread::DiskThread(LogStorage& storage, Clock& clock, Events events)
    : storage_(storage),
      clock_(clock),
      events_(std::move(events)),
      bytes_used_(storage.bytes_used()) {}

DiskThread::~DiskThread() { Stop(); }

void DiskThread::Start() {
  thread_ = std::thread([this] { Run(); });
}

void DiskThread::Stop() {
  jobs_.Close();
  if (thread_.joinable()) thread_.join();
}

void DiskThread::Put(std::vector<Write> writes, std::optional<Index> compact) {
  jobs_.Put({std::move(writes), compact});
}

void DiskThread::Job::Add(std::vector<Job> more) {
  for (Job& job : more) {
    std::move(job.writes.begin(), job.writes.end(), std::back_inserter(writes));
    if (job.compact) compact = job.compact;
  }
}

void DiskThread::Run() {
  // A damaged directory is only read.
  bool prepared = storage_.recovered().damaged;
  while (true) {
    Job job;
    job.Add(jobs_.TakeAll(prepared ? absl::InfiniteDuration() : kPrepareAfterIdle));
    if (jobs_.closed()) return;
    absl::Status status;
    if (!job.empty()) {
      prepared = false;
      status = Do(std::move(job));
    } else if (!prepared) {
      status = storage_.Prepare();
      prepared = status.ok();
      if (status.ok()) ReportFull(false);
      if (absl::IsResourceExhausted(status)) {  // Tried again when it has been idle again.
        ReportFull(true);
        continue;
      }
    }
    bytes_used_ = storage_.bytes_used();
    if (!status.ok()) {
      jobs_.Close();
      events_.failed(status);
      return;
    }
  }
}

absl::Status DiskThread::Do(Job job) {
  if (!job.writes.empty()) {
    absl::Status status = Append(job.writes);
    while (absl::IsResourceExhausted(status)) {
      ReportFull(true);
      RETURN_IF_ERROR(Compact(job));  // Makes room, perhaps.
      if (jobs_.WaitClosed(kDiskRetryEvery)) return absl::OkStatus();
      job.Add(jobs_.TakeAll(absl::ZeroDuration()));
      status = Append(job.writes);
    }
    RETURN_IF_ERROR(status);
    events_.persisted(job.writes.back().seq);
    RETURN_IF_ERROR(storage_.PrepareSome());
  }
  return Compact(job);
}

absl::Status DiskThread::Append(const std::vector<Write>& writes) {
  const MonoTime begun = clock_.MonoNow();
  absl::Status status = storage_.Append(writes);
  const absl::Duration took = clock_.MonoNow() - begun;
  absl::MutexLock lock(&mu_);
  appends_.Add(took);
  return status;
}

absl::Duration DiskThread::AppendPercentile(int percent) const {
  absl::MutexLock lock(&mu_);
  return appends_.Percentile(percent);
}

absl::Status DiskThread::Compact(Job& job) {
  if (!job.compact) return absl::OkStatus();
  absl::Status status = storage_.Compact(*std::exchange(job.compact, std::nullopt));
  if (!absl::IsFailedPrecondition(status)) return status;
  LogWarning("the log was not compacted", {{"status", status.ToString()}});
  return absl::OkStatus();
}

void DiskThread::ReportFull(bool full) {
  if (std::exchange(full_, full) != full) events_.full(full);
}

}  // namespace z4j::consensus
