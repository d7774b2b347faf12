#include "services/consensus/transport/peer_server.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <string>
#include <utility>

#include "services/base/grpc_status.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/consensus/transport/limits.h"

namespace z4j::consensus {

// The gRPC side of one stream; it deletes itself when the call is done.
class PeerServer::Incoming final : public grpc::ServerBidiReactor<pb::PeerFrame, pb::PeerFrame>,
                                   public FrameWriter {
 public:
  Incoming(PeerServer& server, grpc::CallbackServerContext* context)
      : server_(server),
        context_(context),
        outbox_(
            std::make_shared<Outbox>(server.host_.clock(), server.host_.self().election_timeout)) {}

  void Begin() { StartRead(&read_); }
  void Abort() { context_->TryCancel(); }
  void End(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (closing_.has_value()) return;
    closing_ = status;
    if (!writing_) Finish(status);
  }
  // Once it has said Hello.
  const NodeIdentity& peer() const { return peer_; }
  const std::shared_ptr<Outbox>& outbox() const { return outbox_; }

  // --- FrameWriter ---
  void Write(pb::PeerFrame frame) override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (closing_.has_value()) return;
    writing_ = true;
    write_ = std::move(frame);
    StartWrite(&write_);
  }

  // --- gRPC ---
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_) {
    {
      absl::MutexLock lock(&mu_);
      writing_ = false;
      if (closing_.has_value()) {
        Finish(*closing_);
        return;
      }
    }
    if (!ok) return;  // Reading fails as well, and ends it.
    if (!std::exchange(hello_written_, true)) {
      outbox_->Attach(this);
    } else {
      outbox_->Written(this);
    }
  }
  void OnReadDone(bool ok) override {
    if (!ok) {
      End(grpc::Status::OK);
      return;
    }
    const absl::Status status = peer_.id ? server_.host_.Deliver(peer_, std::move(read_)) : Greet();
    if (status.ok()) {
      StartRead(&read_);
      return;
    }
    server_.Complain(context_->peer(), status.ToString());
    End(ToGrpcStatus(status));
  }
  void OnDone() override {
    outbox_->Detach(this);
    server_.Gone(this);
    delete this;
  }

 private:
  absl::Status Greet() {
    ASSIGN_OR_RETURN(NodeIdentity peer, CheckHello(read_, server_.host_.self()));
    RETURN_IF_ERROR(server_.host_.Authenticate(peer.id, *context_->auth_context()));
    peer_ = peer;
    server_.Greeted(this);
    Write(HelloFrame(server_.host_.self()));
    server_.host_.OnHello(peer);
    return absl::OkStatus();
  }

  PeerServer& server_;
  grpc::CallbackServerContext* const context_;
  const std::shared_ptr<Outbox> outbox_;
  NodeIdentity peer_;
  pb::PeerFrame read_;
  bool hello_written_ = false;

  absl::Mutex mu_;
  pb::PeerFrame write_;  // While writing_.
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<grpc::Status> closing_ ABSL_GUARDED_BY(mu_);
};

grpc::ServerBidiReactor<pb::PeerFrame, pb::PeerFrame>* PeerServer::Stream(
    grpc::CallbackServerContext* context) {
  auto* stream = new Incoming(*this, context);
  absl::MutexLock lock(&mu_);
  const bool full = streams_.size() >= kPeerStreamsMax;
  streams_[stream] = host_.clock().MonoNow() + kPeerHelloTimeout;
  if (stopping_) {
    stream->End(grpc::Status(grpc::StatusCode::UNAVAILABLE, "this node is going away"));
  } else if (full) {
    stream->End(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many streams"));
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
  absl::MutexLock lock(&mu_);
  MonoTime next = now + kPeerHelloTimeout;
  for (const auto& [stream, deadline] : streams_) {
    if (!deadline.has_value()) continue;
    if (now >= *deadline) {
      stream->Abort();
    } else {
      next = std::min(next, *deadline);
    }
  }
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
