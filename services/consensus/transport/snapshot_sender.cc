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
#include "services/consensus/transport/mac.h"
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

SnapshotSender::SnapshotSender(Options options, PeerHost& host, Message install,
                               std::unique_ptr<SnapshotReader> snapshot,
                               std::function<void(bool)> done)
    : options_(std::move(options)),
      host_(host),
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

  uint64_t most = 0;  // That the peer ever said to hold.
  absl::Status last = absl::UnavailableError("the peer takes no bytes");
  for (int tries = 0; tries < kSnapshotTries; ++tries) {
    if (tries > 0 && !Pause(kReconnectMax)) break;
    uint64_t stored = 0;
    const absl::StatusOr<pb::SnapshotAck> ack = Call(header, &stored);
    if (cancelled()) break;
    if (ack.ok() && ack->complete()) return absl::OkStatus();
    if (!ack.ok() && !MayRetry(ack.status())) return ack.status();
    last = ack.ok() ? absl::UnavailableError("the peer broke off") : ack.status();
    if (stored > most) {
      most = stored;
      tries = 0;  // The call before made headway: all tries anew.
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

absl::StatusOr<pb::SnapshotAck> SnapshotSender::Call(const pb::SnapshotHeader& header,
                                                     uint64_t* stored) {
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
  const auto stream = stub->Send(&context);
  const absl::Status said = Talk(*stream, context, header, stored, &ack);
  if (!said.ok()) context.TryCancel();
  stream->WritesDone();
  pb::PeerFrame rest;
  while (stream->Read(&rest)) {
  }
  const grpc::Status status = stream->Finish();
  {
    absl::MutexLock lock(&mu_);
    context_ = nullptr;
  }
  RETURN_IF_ERROR(said);
  RETURN_IF_ERROR(FromGrpcStatus(status));
  return ack;
}

absl::Status SnapshotSender::Talk(ClientStream& stream, const grpc::ClientContext& context,
                                  const pb::SnapshotHeader& header, uint64_t* stored,
                                  pb::SnapshotAck* ack) {
  Handshake handshake(Handshake::Side::kDialer, PeerCall::kSnapshot, host_.self(),
                      RandomBytes(kNonceBytes));
  pb::PeerFrame frame;
  if (!stream.Write(handshake.Begin()) || !stream.Read(&frame)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::optional<pb::PeerFrame> proof,
                   host_.Greet(handshake, frame, *context.auth_context()));
  if (handshake.peer().id != install_.to) {
    return absl::FailedPreconditionError(absl::StrCat("node ", handshake.peer().id.value,
                                                      " answers where node ", install_.to.value,
                                                      " should be"));
  }
  if (proof.has_value() && !stream.Write(*proof)) return absl::OkStatus();

  const auto say = [&](pb::PeerFrame&& said) {
    handshake.sealer().Seal(&said);
    return stream.Write(said);
  };
  // False: the call has ended.
  const auto hear = [&]() -> absl::StatusOr<bool> {
    if (!stream.Read(&frame)) return false;
    RETURN_IF_ERROR(handshake.opener().Open(&frame));
    if (!frame.has_snapshot_ack()) return absl::InvalidArgumentError("the peer must acknowledge");
    *ack = frame.snapshot_ack();
    return true;
  };
  frame.Clear();
  *frame.mutable_snapshot_header() = header;
  if (!say(std::move(frame))) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool begun, hear());
  if (!begun) return absl::OkStatus();
  const uint64_t first = std::min<uint64_t>(ack->bytes_stored(), snapshot_->size());
  *stored = first;

  const MonoTime began = clock_.MonoNow();
  uint64_t offset = first;
  do {
    absl::StatusOr<std::string> bytes = snapshot_->Read(offset, kSnapshotChunkBytes);
    if (!bytes.ok()) return absl::InternalError(bytes.status().message());  // Not to be retried.
    frame.Clear();
    pb::SnapshotChunk* chunk = frame.mutable_snapshot_chunk();
    chunk->set_offset(offset);
    offset += bytes->size();
    chunk->set_crc32c(Crc32c(*bytes));
    chunk->set_data(*std::move(bytes));
    if (!say(std::move(frame)) || !Pace(began, offset - first)) return absl::OkStatus();
  } while (offset < snapshot_->size());
  return hear().status();
}

bool SnapshotSender::Pace(MonoTime since, uint64_t bytes) {
  if (options_.bytes_per_second == 0) return true;
  const absl::Duration due = absl::Seconds(1) * (static_cast<double>(bytes) /
                                                 static_cast<double>(options_.bytes_per_second));
  return Pause(since + due - clock_.MonoNow());
}

}  // namespace z4j::consensus
