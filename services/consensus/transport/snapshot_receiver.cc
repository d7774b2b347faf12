#include "services/consensus/transport/snapshot_receiver.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/check.h"
#include "services/base/field_error.h"
#include "services/base/grpc_status.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/consensus/storage/crc32c.h"
#include "services/consensus/transport/convert.h"
#include "services/consensus/transport/limits.h"

namespace z4j::consensus {

// The gRPC side of one call; it deletes itself when the call is done.  Between a read and the next
// one it is the writing thread's.
class SnapshotReceiver::Call final : public grpc::ServerReadReactor<pb::SnapshotChunk> {
 public:
  Call(SnapshotReceiver& receiver, grpc::CallbackServerContext* context, pb::SnapshotAck* response)
      : receiver_(receiver), context_(context), ack(*response) {}

  void Read() { StartRead(&chunk); }
  void Abort() { context_->TryCancel(); }
  absl::Status Authenticate(PeerHost& host, NodeId from) const {
    return host.Authenticate(from, *context_->auth_context());
  }

  void OnReadDone(bool ok) override {
    is_read = ok;
    receiver_.Enqueue(this);
  }
  void OnDone() override {
    receiver_.Gone(this);
    delete this;
  }

 private:
  SnapshotReceiver& receiver_;
  grpc::CallbackServerContext* const context_;

 public:
  pb::SnapshotAck& ack;
  pb::SnapshotChunk chunk;
  bool is_read = false;  // False: nothing more comes.
  NodeId from;           // None: the first chunk has not come.
};

grpc::ServerReadReactor<pb::SnapshotChunk>* SnapshotReceiver::Send(
    grpc::CallbackServerContext* context, pb::SnapshotAck* response) {
  auto* call = new Call(*this, context, response);
  absl::MutexLock lock(&mu_);
  const bool full = calls_.size() >= kSnapshotCallsMax;
  calls_.insert(call);
  if (stopping_) {
    call->Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "this node is going away"));
  } else if (full) {
    call->Finish(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many snapshots at once"));
  } else {
    call->Read();
  }
  return call;
}

void SnapshotReceiver::Start(TransportEvents& events) {
  events_ = &events;
  thread_ = std::thread([this] { Loop(); });
}

void SnapshotReceiver::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    for (Call* call : calls_) call->Abort();
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
    const std::optional<absl::Status> end = Handle(call);
    if (!end.has_value()) {
      call->Read();
      continue;
    }
    const auto part = parts_.find(call->from);
    if (part != parts_.end() && part->second.owner == call) part->second.owner = nullptr;
    if (!end->ok()) {
      LogWarning("a snapshot is refused",
                 {{"peer", call->from.value}, {"reason", end->ToString()}});
    }
    call->Finish(ToGrpcStatus(*end));  // From here on it may be gone.
  }
  parts_.clear();
}

std::optional<absl::Status> SnapshotReceiver::Handle(Call* call) {
  if (!call->is_read) return absl::OkStatus();  // The ack says how far it came.
  if (!call->from) {
    if (!call->chunk.has_header()) {
      return absl::InvalidArgumentError("the first chunk must have a header");
    }
    RETURN_IF_ERROR(Begin(call, std::move(*call->chunk.mutable_header())));
  }
  const auto part = parts_.find(call->from);
  if (part == parts_.end() || part->second.owner != call) {
    return absl::AbortedError("another call brings this snapshot");
  }
  return Store(call, call->chunk);
}

absl::Status SnapshotReceiver::Begin(Call* call, pb::SnapshotHeader&& header) {
  ASSIGN_OR_RETURN(Message install, TakeMessage(std::move(*header.mutable_message())));
  if (!std::holds_alternative<InstallSnapshot>(install.body)) {
    return FieldError("header.message.body", "must be install_snapshot");
  }
  if (header.sha256().size() != kSha256Bytes) return FieldError("header.sha256", "has 32 bytes");
  const NodeIdentity sender{install.cluster, install.from, install.incarnation};
  RETURN_IF_ERROR(CheckEnvelope(install, sender, host_.self().identity));
  RETURN_IF_ERROR(call->Authenticate(host_, install.from));

  Part part;
  part.install = std::move(install);
  part.size_bytes = header.size_bytes();
  part.sha256 = header.sha256();
  part.source =
      absl::StrCat(sender.id.value, "-", absl::Hex(sender.incarnation.value, absl::kZeroPad16), "-",
                   absl::BytesToHexString(part.sha256));
  if (spoiled_ > 0) absl::StrAppend(&part.source, "-", spoiled_);
  Z4J_CHECK(part.source.size() <= kSnapshotSourceBytesMax);
  return OpenPart(call, std::move(part));
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

std::optional<absl::Status> SnapshotReceiver::Store(Call* call, const pb::SnapshotChunk& chunk) {
  Part& part = parts_.at(call->from);
  const uint64_t stored = part.writer->size();
  call->ack.set_bytes_stored(stored);
  if (stored > part.size_bytes) {
    parts_.erase(call->from);
    ++spoiled_;
    return absl::DataLossError("more is stored than the whole has");
  }
  if (chunk.offset() != stored) return absl::OkStatus();  // "Go on from bytes_stored."
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
  call->ack.set_bytes_stored(part.writer->size());
  if (part.writer->size() < part.size_bytes) return std::nullopt;
  return Complete(call);
}

absl::Status SnapshotReceiver::Complete(Call* call) {
  Part part = std::move(parts_.at(call->from));
  parts_.erase(call->from);
  if (part.hash.has_value() && part.hash->Finish() != part.sha256) {
    ++spoiled_;
    return absl::DataLossError("the snapshot has another checksum than its sender said");
  }
  RETURN_IF_ERROR(part.writer->Commit());
  LogInfo("snapshot received", {{"peer", call->from.value}, {"bytes", part.size_bytes}});
  events_->OnMessage(std::move(part.install));
  call->ack.set_complete(true);
  return absl::OkStatus();
}

}  // namespace z4j::consensus
