#include "services/consensus/transport/dialer.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/grpc_status.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/base/thread_sanitizer.h"
#include "services/consensus/transport/limits.h"
#include "services/consensus/transport/mac.h"
#include "z4j/raft/v1/raft.grpc.pb.h"

namespace z4j::consensus {

std::shared_ptr<grpc::Channel> MakePeerChannel(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                   static_cast<int>(absl::ToInt64Milliseconds(kReconnectMin)));
  // Despite its name it is also the time that one attempt to connect has.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                   static_cast<int>(absl::ToInt64Milliseconds(kPeerHelloTimeout)));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
                   static_cast<int>(absl::ToInt64Milliseconds(kReconnectMax)));
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // Peers talk to each other alone.
  arguments.SetMaxReceiveMessageSize(kPeerMessageBytesMax);
  arguments.SetMaxSendMessageSize(kPeerMessageBytesMax);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

// The gRPC side of one stream; its own until the call is done.
class Dialer::Stream final : public grpc::ClientBidiReactor<pb::PeerFrame, pb::PeerFrame>,
                             public FrameWriter {
 public:
  explicit Stream(std::shared_ptr<Dialer> dialer)
      : dialer_(std::move(dialer)),
        handshake_(Handshake::Side::kDialer, PeerCall::kStream, dialer_->host_.self(),
                   RandomBytes(kNonceBytes)),
        stub_(pb::PeerService::NewStub(MakePeerChannel(dialer_->address_, dialer_->credentials_))) {
  }

  void Begin() {
    write_ = handshake_.Begin();
    stub_->async()->Stream(&context_, this);
    AddHold();  // The outbox writes from anywhere until it is detached.
    HandToGrpc(this);
    StartWrite(&write_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }

  // --- FrameWriter ---
  void Write(pb::PeerFrame frame) override {
    write_ = std::move(frame);
    handshake_.sealer().Seal(&write_);
    HandToGrpc(this);
    StartWrite(&write_);
  }

  // --- gRPC ---
  void OnWriteDone(bool ok) override {
    TakeFromGrpc(this);
    if (!std::exchange(hello_written_, true)) {
      // Only now, so that nothing else is being written when the peer's Hello comes.
      HandToGrpc(this);
      StartRead(&read_);
    } else if (ok) {
      dialer_->outbox_.Written(this);
    }
  }
  void OnReadDone(bool ok) override {
    TakeFromGrpc(this);
    if (!ok) {
      dialer_->outbox_.Detach(this);
      HandToGrpc(this);
      RemoveHold();
      return;
    }
    if (refused_.ok()) refused_ = handshake_.done() ? Deliver() : Greet();
    if (!refused_.ok()) context_.TryCancel();
    HandToGrpc(this);
    StartRead(&read_);  // After the cancellation it fails, which ends the stream.
  }
  void OnDone(const grpc::Status& status) override {
    TakeFromGrpc(this);
    const std::shared_ptr<Dialer> dialer = dialer_;  // Outlives this.
    const absl::Status why = refused_.ok() ? FromGrpcStatus(status) : refused_;
    dialer->Ended(why, std::shared_ptr<Stream>(this));
  }

 private:
  absl::Status Greet() {
    PeerHost& host = dialer_->host_;
    ASSIGN_OR_RETURN(std::optional<pb::PeerFrame> reply,
                     host.Greet(handshake_, read_, *context_.auth_context()));
    RETURN_IF_ERROR(dialer_->Connected(handshake_.peer().id));
    dialer_->outbox_.Attach(this, /*busy=*/reply.has_value());
    if (reply.has_value()) {
      write_ = *std::move(reply);
      HandToGrpc(this);
      StartWrite(&write_);
    }
    host.OnConnected(dialer_->peer_, true);
    return absl::OkStatus();
  }
  absl::Status Deliver() {
    RETURN_IF_ERROR(handshake_.opener().Open(&read_));
    return dialer_->host_.Deliver(handshake_.peer(), std::move(read_));
  }

  const std::shared_ptr<Dialer> dialer_;
  Handshake handshake_;
  const std::unique_ptr<pb::PeerService::Stub> stub_;
  grpc::ClientContext context_;
  pb::PeerFrame write_;
  pb::PeerFrame read_;
  bool hello_written_ = false;
  absl::Status refused_;  // Why this side broke it off.
};

Dialer::Dialer(NodeId peer, std::string address,
               std::shared_ptr<grpc::ChannelCredentials> credentials, PeerHost& host)
    : peer_(peer),
      address_(std::move(address)),
      credentials_(std::move(credentials)),
      host_(host),
      outbox_(host.clock(), host.self().election_timeout),
      back_off_(kReconnectMin) {}

MonoTime Dialer::Check(MonoTime now) {
  absl::MutexLock lock(&mu_);
  const MonoTime never{absl::InfiniteDuration()};
  if (closed_) return never;
  if (stream_ == nullptr) {
    if (now < retry_at_) return retry_at_;
    dialed_ = now;
    host_.StreamBegins();
    stream_ = new Stream(shared_from_this());
    stream_->Begin();
  }
  const absl::Duration timeout = host_.self().election_timeout;
  if (!connected_) {
    if (now < dialed_ + kPeerHelloTimeout) return dialed_ + kPeerHelloTimeout;
    stream_->Cancel();
  } else if (const auto since = outbox_.unanswered_since(); since.has_value()) {
    const MonoTime limit = *since + timeout * kPeerSilentTimeouts;
    if (now < limit) return std::min(limit, now + timeout);
    stream_->Cancel();
  }
  return now + timeout;
}

absl::Status Dialer::Connected(NodeId who) {
  if (who != peer_) {
    return absl::FailedPreconditionError(
        absl::StrCat("node ", who.value, " answers where node ", peer_.value, " should be"));
  }
  absl::MutexLock lock(&mu_);
  if (closed_) return absl::CancelledError("not a peer any more");
  connected_ = true;
  back_off_ = kReconnectMin;
  complaint_.clear();
  return absl::OkStatus();
}

void Dialer::Ended(const absl::Status& why, std::shared_ptr<void> remains) {
  bool was_connected = false;
  bool is_news = false;
  {
    absl::MutexLock lock(&mu_);
    stream_ = nullptr;
    was_connected = std::exchange(connected_, false);
    retry_at_ = host_.clock().MonoNow() + back_off_;
    back_off_ = std::min(back_off_ * 2, kReconnectMax);
    is_news = !closed_ && complaint_ != why.message();
    complaint_ = std::string(why.message());
  }
  if (is_news) {
    LogWarning("no connection to a peer",
               {{"peer", peer_.value}, {"address", address_}, {"reason", why.ToString()}});
  }
  if (was_connected) host_.OnConnected(peer_, false);
  host_.StreamEnds(std::move(remains));
}

void Dialer::DialAtOnce() {
  absl::MutexLock lock(&mu_);
  retry_at_ = {};
}

void Dialer::Close() {
  absl::MutexLock lock(&mu_);
  closed_ = true;
  if (stream_ != nullptr) stream_->Cancel();
}

}  // namespace z4j::consensus
