#include "services/consensus/transport/peer_server.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "services/base/grpc_status.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/base/thread_sanitizer.h"
#include "services/consensus/transport/limits.h"
#include "services/consensus/transport/mac.h"

namespace z4j::consensus {

// The gRPC side of one stream; it deletes itself when the call is done.
class PeerServer::Incoming final : public grpc::ServerBidiReactor<pb::PeerFrame, pb::PeerFrame>,
                                   public FrameWriter {
 public:
  Incoming(PeerServer& server, grpc::CallbackServerContext* context)
      : server_(server),
        context_(context),
        handshake_(Handshake::Side::kListener, PeerCall::kStream, server.host_.self(),
                   RandomBytes(kNonceBytes)),
        outbox_(
            std::make_shared<Outbox>(server.host_.clock(), server.host_.self().election_timeout)) {}

  void Begin() { Read(); }
  void Abort() { context_->TryCancel(); }
  void End(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (closing_.has_value()) return;
    closing_ = status;
    HandToGrpc(this);
    if (!writing_) Finish(status);
  }
  // Once it has greeted.
  const NodeIdentity& peer() const { return handshake_.peer(); }
  std::string address() const { return context_->peer(); }
  const std::shared_ptr<Outbox>& outbox() const { return outbox_; }

  // --- FrameWriter ---
  void Write(pb::PeerFrame frame) override {
    handshake_.sealer().Seal(&frame);
    WriteAsIs(std::move(frame));
  }

  // --- gRPC ---
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_) {
    TakeFromGrpc(this);
    {
      absl::MutexLock lock(&mu_);
      writing_ = false;
      if (closing_.has_value()) {
        HandToGrpc(this);
        Finish(*closing_);
        return;
      }
    }
    if (!handshake_.done()) {
      Read();  // The proof; nothing is being written when it comes.
    } else if (ok) {
      outbox_->Written(this);
    }  // Otherwise reading fails as well, and ends it.
  }
  void OnReadDone(bool ok) override {
    TakeFromGrpc(this);
    if (!ok) {
      End(grpc::Status::OK);
      return;
    }
    const bool greeted = handshake_.done();
    const absl::Status status = greeted ? Deliver() : Greet();
    if (status.ok()) return;
    if (!greeted) server_.host_.Refused(address());
    server_.Complain(address(), status.ToString());
    End(ToGrpcStatus(status));
  }
  void OnDone() override ABSL_LOCKS_EXCLUDED(mu_) {
    TakeFromGrpc(this);
    outbox_->Detach(this);
    server_.Gone(this);
    { absl::MutexLock lock(&mu_); }  // Whoever ended it has let go of it; see thread_sanitizer.h.
    delete this;
  }

 private:
  void Read() {
    HandToGrpc(this);
    StartRead(&read_);
  }
  absl::Status Greet() {
    PeerHost& host = server_.host_;
    ASSIGN_OR_RETURN(std::optional<pb::PeerFrame> reply,
                     host.Greet(handshake_, read_, *context_->auth_context()));
    if (!handshake_.done()) {
      WriteAsIs(*std::move(reply));  // From here on the next frame may come.
      return absl::OkStatus();
    }
    server_.Greeted(this);
    outbox_->Attach(this, /*busy=*/reply.has_value());
    if (reply.has_value()) WriteAsIs(*std::move(reply));
    host.Greeted(address());
    host.OnHello(peer());
    Read();
    return absl::OkStatus();
  }
  absl::Status Deliver() {
    RETURN_IF_ERROR(handshake_.opener().Open(&read_));
    RETURN_IF_ERROR(server_.host_.Deliver(peer(), std::move(read_)));
    Read();
    return absl::OkStatus();
  }
  void WriteAsIs(pb::PeerFrame frame) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (closing_.has_value()) return;
    writing_ = true;
    write_ = std::move(frame);
    HandToGrpc(this);
    StartWrite(&write_);
  }

  PeerServer& server_;
  grpc::CallbackServerContext* const context_;
  Handshake handshake_;
  const std::shared_ptr<Outbox> outbox_;
  pb::PeerFrame read_;

  absl::Mutex mu_;
  pb::PeerFrame write_;  // While writing_.
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<grpc::Status> closing_ ABSL_GUARDED_BY(mu_);
};

// The last call has let go of it; see thread_sanitizer.h.
PeerServer::~PeerServer() { absl::MutexLock lock(&mu_); }

grpc::ServerBidiReactor<pb::PeerFrame, pb::PeerFrame>* PeerServer::Stream(
    grpc::CallbackServerContext* context) {
  auto* stream = new Incoming(*this, context);
  const absl::Status admitted = host_.Admit(context->peer());
  absl::MutexLock lock(&mu_);
  const bool full = streams_.size() >= kPeerStreamsMax;
  streams_[stream] = host_.clock().MonoNow() + kPeerHelloTimeout;
  if (stopping_) {
    stream->End(grpc::Status(grpc::StatusCode::UNAVAILABLE, "this node is going away"));
  } else if (full) {
    stream->End(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many streams"));
  } else if (!admitted.ok()) {
    stream->End(ToGrpcStatus(admitted));
  } else {
    stream->Begin();
  }
  return stream;
}

std::shared_ptr<Outbox> PeerServer::OutboxOf(NodeId peer) {
  absl::MutexLock lock(&mu_);
  const auto found = greeted_.find(peer);
  return found == greeted_.end() ? nullptr : found->second->outbox();
}

void PeerServer::Greeted(Incoming* stream) {
  absl::MutexLock lock(&mu_);
  streams_[stream] = std::nullopt;
  Incoming*& slot = greeted_[stream->peer().id];
  if (slot != nullptr) slot->Abort();
  slot = stream;
}

void PeerServer::Gone(Incoming* stream) {
  absl::MutexLock lock(&mu_);
  streams_.erase(stream);
  const auto found = greeted_.find(stream->peer().id);
  if (found != greeted_.end() && found->second == stream) greeted_.erase(found);
}

void PeerServer::Complain(const std::string& address, const std::string& reason) {
  {
    absl::MutexLock lock(&mu_);
    if (complaint_ == reason) return;  // Whoever is refused tries again, five times a second.
    complaint_ = reason;
  }
  LogWarning("a peer's stream is refused", {{"address", address}, {"reason", reason}});
}

MonoTime PeerServer::Check(MonoTime now) {
  MonoTime next = now + kPeerHelloTimeout;
  std::vector<std::string> late;
  {
    absl::MutexLock lock(&mu_);
    for (auto& [stream, deadline] : streams_) {
      if (!deadline.has_value()) continue;
      if (now >= *deadline) {
        stream->Abort();
        late.push_back(stream->address());
        deadline.reset();  // Once.
      } else {
        next = std::min(next, *deadline);
      }
    }
  }
  for (const std::string& address : late) host_.Refused(address);
  return next;
}

void PeerServer::Stop() {
  absl::MutexLock lock(&mu_);
  stopping_ = true;
  for (const auto& [stream, deadline] : streams_) stream->Abort();
  const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return streams_.empty(); };
  mu_.Await(absl::Condition(&none));
}

}  // namespace z4j::consensus
