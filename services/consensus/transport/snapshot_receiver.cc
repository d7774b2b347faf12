#include "services/consensus/transport/snapshot_receiver.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/check.h"
#include "services/base/field_error.h"
#include "services/base/grpc_status.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/base/thread_sanitizer.h"
#include "services/consensus/storage/crc32c.h"
#include "services/consensus/transport/convert.h"
#include "services/consensus/transport/limits.h"
#include "services/consensus/transport/mac.h"

namespace z4j::consensus {
namespace {

pb::PeerFrame AckFrame(uint64_t bytes_stored, bool complete) {
  pb::PeerFrame frame;
  frame.mutable_snapshot_ack()->set_bytes_stored(bytes_stored);
  frame.mutable_snapshot_ack()->set_complete(complete);
  return frame;
}

}  // namespace

// The gRPC side of one call; it deletes itself when the call is done.  It reads or writes, never
// both at once, and in between it is the writing thread's.
class SnapshotReceiver::Call final : public grpc::ServerBidiReactor<pb::PeerFrame, pb::PeerFrame> {
 public:
  Call(SnapshotReceiver& receiver, grpc::CallbackServerContext* context)
      : receiver_(receiver),
        context_(context),
        handshake(Handshake::Side::kListener, PeerCall::kSnapshot, receiver.host_.self(),
                  RandomBytes(kNonceBytes)) {}

  void Read() {
    HandToGrpc(this);
    StartRead(&frame);
  }
  void WriteThenRead(pb::PeerFrame answer) {
    answer_ = std::move(answer);
    HandToGrpc(this);
    StartWrite(&answer_);
  }
  void WriteAndEnd(pb::PeerFrame answer) {
    answer_ = std::move(answer);
    HandToGrpc(this);
    StartWriteAndFinish(&answer_, grpc::WriteOptions(), grpc::Status::OK);
  }
  void Abort() { context_->TryCancel(); }
  std::string address() const { return context_->peer(); }
  absl::StatusOr<std::optional<pb::PeerFrame>> Greet(PeerHost& host) {
    return host.Greet(handshake, frame, *context_->auth_context());
  }

  void OnReadDone(bool ok) override {
    TakeFromGrpc(this);
    is_read = ok;
    receiver_.Enqueue(this);
  }
  void OnWriteDone(bool) override {
    TakeFromGrpc(this);
    Read();  // Fails if the write has.
  }
  void OnDone() override {
    TakeFromGrpc(this);
    receiver_.Gone(this);
    delete this;
  }

 private:
  SnapshotReceiver& receiver_;
  grpc::CallbackServerContext* const context_;
  pb::PeerFrame answer_;

 public:
  Handshake handshake;
  pb::PeerFrame frame;
  bool is_read = false;  // False: nothing more comes.
  NodeId from;           // None: the header has not come.
};

grpc::ServerBidiReactor<pb::PeerFrame, pb::PeerFrame>* SnapshotReceiver::Send(
    grpc::CallbackServerContext* context) {
  auto* call = new Call(*this, context);
  const absl::Status admitted = host_.Admit(context->peer());
  absl::MutexLock lock(&mu_);
  const bool full = calls_.size() >= kSnapshotCallsMax;
  calls_[call] = host_.clock().MonoNow() + kPeerHelloTimeout;
  if (stopping_) {
    call->Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "this node is going away"));
  } else if (full) {
    call->Finish(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many snapshots at once"));
  } else if (!admitted.ok()) {
    call->Finish(ToGrpcStatus(admitted));
  } else {
    call->Read();
  }
  return call;
}

MonoTime SnapshotReceiver::Check(MonoTime now) {
  MonoTime next = now + kPeerHelloTimeout;
  std::vector<std::string> late;
  {
    absl::MutexLock lock(&mu_);
    for (auto& [call, deadline] : calls_) {
      if (!deadline.has_value()) continue;
      if (now >= *deadline) {
        call->Abort();
        late.push_back(call->address());
        deadline.reset();  // Once.
      } else {
        next = std::min(next, *deadline);
      }
    }
  }
  for (const std::string& address : late) host_.Refused(address);
  return next;
}

void SnapshotReceiver::Start(TransportEvents& events) {
  events_ = &events;
  thread_ = std::thread([this] { Loop(); });
}

void SnapshotReceiver::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    for (const auto& [call, deadline] : calls_) call->Abort();
    const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return calls_.empty(); };
    mu_.Await(absl::Condition(&none));
  }
  if (thread_.joinable()) thread_.join();
}

void SnapshotReceiver::Enqueue(Call* call) {
  absl::MutexLock lock(&mu_);
  queue_.push_back(call);
}

void SnapshotReceiver::Gone(Call* call) {
  absl::MutexLock lock(&mu_);
  calls_.erase(call);
}

void SnapshotReceiver::Loop() {
  while (true) {
    Call* call = nullptr;
    {
      absl::MutexLock lock(&mu_);
      const auto due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return !queue_.empty() || (stopping_ && calls_.empty());
      };
      mu_.Await(absl::Condition(&due));
      if (queue_.empty()) break;
      call = queue_.front();
      queue_.pop_front();
    }
    absl::StatusOr<Next> next = Handle(call);
    if (next.ok() && next->say.has_value()) call->handshake.sealer().Seal(&*next->say);
    if (!next.ok() || next->ends) {
      End(call, next.status(), next.ok() ? std::move(next->say) : std::nullopt);
    } else if (next->say.has_value()) {
      call->WriteThenRead(*std::move(next->say));
    } else {
      call->Read();
    }
  }
  parts_.clear();
}

void SnapshotReceiver::End(Call* call, const absl::Status& status,
                           std::optional<pb::PeerFrame> last) {
  const auto part = parts_.find(call->from);
  if (part != parts_.end() && part->second.owner == call) part->second.owner = nullptr;
  if (!status.ok()) {
    LogWarning("a snapshot is refused",
               {{"peer", call->handshake.peer().id.value}, {"reason", status.ToString()}});
  }
  // From here on the call may be gone.
  if (last.has_value()) {
    call->WriteAndEnd(*std::move(last));
  } else {
    call->Finish(ToGrpcStatus(status));
  }
}

absl::StatusOr<SnapshotReceiver::Next> SnapshotReceiver::Handle(Call* call) {
  if (!call->is_read) return Next{.say = {}, .ends = true};
  if (!call->handshake.done()) {
    absl::StatusOr<Next> next = Greet(call);
    if (!next.ok()) host_.Refused(call->address());
    return next;
  }
  RETURN_IF_ERROR(call->handshake.opener().Open(&call->frame));
  if (!call->from) {
    if (!call->frame.has_snapshot_header()) {
      return absl::InvalidArgumentError("a snapshot begins with its header");
    }
    return Begin(call, std::move(*call->frame.mutable_snapshot_header()));
  }
  if (!call->frame.has_snapshot_chunk()) {
    return absl::InvalidArgumentError("after a snapshot's header come its pieces");
  }
  const auto part = parts_.find(call->from);
  if (part == parts_.end() || part->second.owner != call) {
    return absl::AbortedError("another call brings this snapshot");
  }
  return Store(call, call->frame.snapshot_chunk());
}

absl::StatusOr<SnapshotReceiver::Next> SnapshotReceiver::Greet(Call* call) {
  Next next;
  ASSIGN_OR_RETURN(next.say, call->Greet(host_));
  if (!call->handshake.done()) return next;
  host_.Greeted(call->address());
  absl::MutexLock lock(&mu_);
  calls_[call].reset();
  return next;
}

absl::StatusOr<SnapshotReceiver::Next> SnapshotReceiver::Begin(Call* call,
                                                               pb::SnapshotHeader&& header) {
  ASSIGN_OR_RETURN(Message install, TakeMessage(std::move(*header.mutable_message())));
  if (!std::holds_alternative<InstallSnapshot>(install.body)) {
    return FieldError("header.message.body", "must be install_snapshot");
  }
  if (header.sha256().size() != kSha256Bytes) return FieldError("header.sha256", "has 32 bytes");
  const NodeIdentity& sender = call->handshake.peer();
  RETURN_IF_ERROR(CheckEnvelope(install, sender, host_.self().identity));

  Part part;
  part.install = std::move(install);
  part.size_bytes = header.size_bytes();
  part.sha256 = header.sha256();
  part.source =
      absl::StrCat(sender.id.value, "-", absl::Hex(sender.incarnation.value, absl::kZeroPad16), "-",
                   absl::BytesToHexString(part.sha256));
  if (spoiled_ > 0) absl::StrAppend(&part.source, "-", spoiled_);
  Z4J_CHECK(part.source.size() <= kSnapshotSourceBytesMax);
  RETURN_IF_ERROR(OpenPart(call, std::move(part)));
  return Next{.say = AckFrame(parts_.at(call->from).writer->size(), /*complete=*/false)};
}

absl::Status SnapshotReceiver::OpenPart(Call* call, Part part) {
  const NodeId from = part.install.from;
  const auto known = parts_.find(from);
  if (known != parts_.end()) {
    Part& old = known->second;
    if (old.owner != nullptr) old.owner->Abort();  // Its sender has given it up.
    if (old.source == part.source && std::get<InstallSnapshot>(old.install.body).meta ==
                                         std::get<InstallSnapshot>(part.install.body).meta) {
      part.writer = std::move(old.writer);
      part.hash = std::move(old.hash);
    }
    parts_.erase(known);
  }
  if (part.writer == nullptr) {
    if (parts_.size() >= kSnapshotCallsMax) {
      return absl::ResourceExhaustedError("too many snapshots are on their way");
    }
    ASSIGN_OR_RETURN(part.writer, events_->OpenSnapshot(part.install, part.source));
    if (part.writer->size() == 0) part.hash.emplace();
  }
  part.owner = call;
  call->from = from;
  parts_.emplace(from, std::move(part));
  return absl::OkStatus();
}

absl::StatusOr<SnapshotReceiver::Next> SnapshotReceiver::Store(Call* call,
                                                               const pb::SnapshotChunk& chunk) {
  Part& part = parts_.at(call->from);
  const uint64_t stored = part.writer->size();
  if (stored > part.size_bytes) {
    parts_.erase(call->from);
    ++spoiled_;
    return absl::DataLossError("more is stored than the whole has");
  }
  if (chunk.offset() != stored) {
    return FieldError("chunk.offset",
                      absl::StrCat(chunk.offset(), " comes where ", stored, " bytes are stored"));
  }
  if (chunk.data().size() > kSnapshotChunkBytes || chunk.data().size() > part.size_bytes - stored) {
    return FieldError("chunk.data", "is more than a chunk, or than the whole");
  }
  if (Crc32c(chunk.data()) != chunk.crc32c()) {
    return absl::DataLossError(absl::StrCat("the chunk at ", stored, " has another checksum"));
  }
  if (absl::Status status = part.writer->Append(chunk.data()); !status.ok()) {
    parts_.erase(call->from);
    return status;
  }
  if (part.hash.has_value()) part.hash->Update(chunk.data());
  if (part.writer->size() < part.size_bytes) return Next{};
  return Complete(call);
}

absl::StatusOr<SnapshotReceiver::Next> SnapshotReceiver::Complete(Call* call) {
  Part part = std::move(parts_.at(call->from));
  parts_.erase(call->from);
  if (part.hash.has_value() && part.hash->Finish() != part.sha256) {
    ++spoiled_;
    return absl::DataLossError("the snapshot has another checksum than its sender said");
  }
  RETURN_IF_ERROR(part.writer->Commit());
  LogInfo("snapshot received", {{"peer", call->from.value}, {"bytes", part.size_bytes}});
  events_->OnMessage(std::move(part.install));
  return Next{.say = AckFrame(part.size_bytes, /*complete=*/true), .ends = true};
}

}  // namespace z4j::consensus
