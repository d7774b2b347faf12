#include "services/consensus/node/snapshot_thread.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/consensus/limits.h"

namespace z4j::consensus {

SnapshotThread::SnapshotThread(LogStorage& storage, Transport& transport, Events events)
    : storage_(storage), transport_(transport), events_(std::move(events)) {}

SnapshotThread::~SnapshotThread() { Stop(); }

void SnapshotThread::Start() {
  thread_ = std::thread([this] { Run(); });
}

void SnapshotThread::Stop() {
  jobs_.Close();
  if (thread_.joinable()) thread_.join();
}

void SnapshotThread::Run() {
  while (true) {
    std::vector<Job> jobs = jobs_.TakeAll(absl::InfiniteDuration());
    for (Job& job : jobs) {
      if (jobs_.closed()) return;
      std::visit([this](auto& one) { Do(std::move(one)); }, job);
    }
    if (jobs_.closed()) return;
  }
}

void SnapshotThread::Do(SnapshotToSave save) {
  const absl::Status status = Write(save);
  if (status.ok()) return events_.saved(save.meta);
  LogError("the snapshot was not saved",
           {{"index", save.meta.index.value}, {"status", status.ToString()}});
  if (!jobs_.WaitClosed(kSnapshotRetryEvery)) events_.not_saved();
}

absl::Status SnapshotThread::Write(const SnapshotToSave& save) {
  ASSIGN_OR_RETURN(const auto writer, storage_.WriteSnapshot(save.meta, ""));
  std::string_view rest = save.state;
  while (!rest.empty()) {
    const size_t chunk = std::min(rest.size(), kSnapshotChunkBytes);
    RETURN_IF_ERROR(writer->Append(rest.substr(0, chunk)));
    rest.remove_prefix(chunk);
  }
  return writer->Commit();
}

void SnapshotThread::Do(Message message) {
  auto reader = storage_.NewestSnapshot();
  if (!reader.ok()) {
    LogError("the newest snapshot cannot be sent",
             {{"peer", message.to.value}, {"status", reader.status().ToString()}});
    return events_.not_sent(message.to);
  }
  // A newer one may have been saved since the core asked.
  std::get<InstallSnapshot>(message.body).meta = (*reader)->meta();
  transport_.SendSnapshot(std::move(message), *std::move(reader));
}

}  // namespace z4j::consensus
