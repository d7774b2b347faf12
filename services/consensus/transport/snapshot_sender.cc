#include "services/consensus/transport/snapshot_sender.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/grpc_status.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/consensus/storage/crc32c.h"
#include "services/consensus/storage/snapshot_format.h"
#include "services/consensus/transport/convert.h"
#include "services/consensus/transport/dialer.h"
#include "services/consensus/transport/limits.h"
#include "z4j/raft/v1/raft.grpc.pb.h"

namespace z4j::consensus {
namespace {

// Whether another call may go better.
bool MayRetry(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

}  // namespace

SnapshotSender::SnapshotSender(Options options, Message install,
                               std::unique_ptr<SnapshotReader> snapshot,
                               std::function<void(bool)> done)
    : options_(std::move(options)),
      install_(std::move(install)),
      snapshot_(std::move(snapshot)),
      done_(std::move(done)),
      thread_([this] { Run(); }) {}

SnapshotSender::~SnapshotSender() {
  Cancel();
  thread_.join();
}

void SnapshotSender::Cancel() {
  absl::MutexLock lock(&mu_);
  cancelled_ = true;
  waker_.Wake();
  if (context_ != nullptr) context_->TryCancel();
}

bool SnapshotSender::ended() const {
  absl::MutexLock lock(&mu_);
  return ended_;
}

bool SnapshotSender::cancelled() const {
  absl::MutexLock lock(&mu_);
  return cancelled_;
}

void SnapshotSender::Run() {
  const absl::Status status = Deliver();
  if (!cancelled()) {
    if (!status.ok()) {
      LogWarning("a snapshot could not be sent",
                 {{"peer", install_.to.value}, {"reason", status.ToString()}});
    }
    done_(status.ok());
  }
  absl::MutexLock lock(&mu_);
  ended_ = true;
}

absl::Status SnapshotSender::Deliver() {
  if (options_.address.empty()) return absl::NotFoundError("nobody knows the peer's address");
  pb::SnapshotHeader header;
  SetMessage(install_, header.mutable_message());
  header.set_size_bytes(snapshot_->size());
  ASSIGN_OR_RETURN(*header.mutable_sha256(), Hash());

  uint64_t offset = 0;
  uint64_t most = 0;  // That the peer ever said to hold.
  absl::Status last = absl::UnavailableError("the peer takes no bytes");
  for (int tries = 0; tries < kSnapshotTries; ++tries) {
    if (tries > 0 && !Pause(kReconnectMax)) break;
    const absl::StatusOr<pb::SnapshotAck> ack = Call(offset, header);
    if (cancelled()) break;
    if (!ack.ok()) {
      if (!MayRetry(ack.status())) return ack.status();
      last = ack.status();
      continue;
    }
    if (ack->complete()) return absl::OkStatus();
    offset = std::min<uint64_t>(ack->bytes_stored(), snapshot_->size());
    if (offset > most) {
      most = offset;
      tries = -1;  // Headway: all tries anew, and at once.
    }
  }
  return cancelled() ? absl::CancelledError("given up by this node") : last;
}

absl::StatusOr<std::string> SnapshotSender::Hash() {
  Sha256 hash;
  for (uint64_t at = 0; at < snapshot_->size();) {
    if (cancelled()) return absl::CancelledError("given up by this node");
    ASSIGN_OR_RETURN(std::string bytes, snapshot_->Read(at, kSnapshotChunkBytes));
    if (bytes.empty()) return absl::DataLossError("the snapshot is shorter than it says");
    hash.Update(bytes);
    at += bytes.size();
  }
  return hash.Finish();
}

absl::StatusOr<pb::SnapshotAck> SnapshotSender::Call(uint64_t offset,
                                                     const pb::SnapshotHeader& header) {
  const auto stub =
      pb::SnapshotService::NewStub(MakePeerChannel(options_.address, options_.credentials));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kSnapshotCallTime));
  {
    absl::MutexLock lock(&mu_);
    if (cancelled_) return absl::CancelledError("given up by this node");
    context_ = &context;
  }
  pb::SnapshotAck ack;
  const auto writer = stub->Send(&context, &ack);
  absl::Status failed;
  const MonoTime began = clock_.MonoNow();
  const uint64_t first = offset;
  do {
    absl::StatusOr<std::string> bytes = snapshot_->Read(offset, kSnapshotChunkBytes);
    if (!bytes.ok()) {
      failed = bytes.status();
      context.TryCancel();
      break;
    }
    pb::SnapshotChunk chunk;
    if (offset == first) *chunk.mutable_header() = header;
    chunk.set_offset(offset);
    offset += bytes->size();
    chunk.set_crc32c(Crc32c(*bytes));
    chunk.set_data(*std::move(bytes));
    if (!writer->Write(chunk) || !Pace(began, offset - first)) break;
  } while (offset < snapshot_->size());
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  {
    absl::MutexLock lock(&mu_);
    context_ = nullptr;
  }
  if (!failed.ok()) return absl::InternalError(failed.message());  // Reading again would not help.
  RETURN_IF_ERROR(FromGrpcStatus(status));
  return ack;
}

bool SnapshotSender::Pace(MonoTime since, uint64_t bytes) {
  if (options_.bytes_per_second == 0) return true;
  const absl::Duration due = absl::Seconds(1) * (static_cast<double>(bytes) /
                                                 static_cast<double>(options_.bytes_per_second));
  return Pause(since + due - clock_.MonoNow());
}

}  // namespace z4j::consensus
