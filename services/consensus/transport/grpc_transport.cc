#include "services/consensus/transport/grpc_transport.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/base/check.h"
#include "services/base/field_error.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/consensus/admission/connection_limiter.h"
#include "services/consensus/admission/source.h"
#include "services/consensus/transport/convert.h"
#include "services/consensus/transport/dialer.h"
#include "services/consensus/transport/limits.h"
#include "services/consensus/transport/peer_server.h"
#include "services/consensus/transport/snapshot_receiver.h"
#include "services/consensus/transport/snapshot_sender.h"
#include "services/consensus/transport/waker.h"

namespace z4j::consensus {

class GrpcTransport::Impl final : public PeerHost {
 public:
  Impl(GrpcTransportOptions options, Clock& clock)
      : options_(std::move(options)),
        self_{.identity = options_.identity,
              .election_timeout = options_.election_timeout,
              .version = options_.version,
              .secrets = options_.authentication.secrets},
        credentials_(MakePeerCredentials(options_.authentication)),
        clock_(clock) {}

  absl::Status Start(TransportEvents& events);
  void SetPeers(const std::map<NodeId, std::string>& addresses) ABSL_LOCKS_EXCLUDED(mu_);
  void Send(std::vector<Message> messages) ABSL_LOCKS_EXCLUDED(mu_);
  void SendSnapshot(Message install, std::unique_ptr<SnapshotReader> snapshot)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);
  int port() const { return port_; }
  grpc::HealthCheckServiceInterface* health() { return server_->GetHealthCheckService(); }

  // --- PeerHost ---
  const Self& self() const override { return self_; }
  Clock& clock() override { return clock_; }
  absl::Status CheckCertificate(NodeId peer, const grpc::AuthContext& connection) override {
    if (!options_.authentication.tls.has_value()) return absl::OkStatus();
    return CheckPeerName(NamesOf(connection), peer);
  }
  absl::Status Admit(const std::string& address) override ABSL_LOCKS_EXCLUDED(limiter_mu_) {
    absl::MutexLock lock(&limiter_mu_);
    return limiter_.Admit(SourceOf(address), clock_.MonoNow());
  }
  void Greeted(const std::string& address) override ABSL_LOCKS_EXCLUDED(limiter_mu_) {
    absl::MutexLock lock(&limiter_mu_);
    limiter_.Greeted(SourceOf(address), clock_.MonoNow());
  }
  void Refused(const std::string& address) override ABSL_LOCKS_EXCLUDED(limiter_mu_);
  void OnHello(const NodeIdentity& peer) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Deliver(const NodeIdentity& peer, pb::PeerFrame&& frame) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnConnected(NodeId peer, bool connected) override {
    Poke();
    events_->OnConnected(peer, connected);
  }
  void StreamBegins() override ABSL_LOCKS_EXCLUDED(streams_mu_) {
    absl::MutexLock lock(&streams_mu_);
    ++streams_;
  }
  void StreamEnds(std::shared_ptr<void> remains) override ABSL_LOCKS_EXCLUDED(streams_mu_) {
    Poke();
    absl::MutexLock lock(&streams_mu_);
    remains_.push_back(std::move(remains));
    --streams_;
  }

 private:
  std::shared_ptr<Dialer> DialerOf(NodeId peer) ABSL_LOCKS_EXCLUDED(mu_);
  // The next turn of the loop comes at once.
  void Poke() { waker_.Wake(); }
  void Loop() ABSL_LOCKS_EXCLUDED(mu_);
  void Bury() ABSL_LOCKS_EXCLUDED(streams_mu_);
  // Does what is due; says when something will be.
  MonoTime Turn(MonoTime now) ABSL_LOCKS_EXCLUDED(mu_);

  const GrpcTransportOptions options_;
  const Self self_;
  const PeerCredentials credentials_;
  Clock& clock_;
  TransportEvents* events_ = nullptr;
  int port_ = 0;
  PeerServer peer_server_{*this};
  SnapshotReceiver snapshot_receiver_{*this};
  std::unique_ptr<grpc::Server> server_;

  // Not held while a dialer, a server or the events are called.
  absl::Mutex mu_;
  std::map<NodeId, std::shared_ptr<Dialer>> dialers_ ABSL_GUARDED_BY(mu_);
  std::map<NodeId, std::unique_ptr<SnapshotSender>> senders_ ABSL_GUARDED_BY(mu_);
  std::vector<std::unique_ptr<SnapshotSender>> leaving_ ABSL_GUARDED_BY(mu_);  // To be joined.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  Waker waker_;
  std::thread thread_;

  absl::Mutex limiter_mu_;
  ConnectionLimiter limiter_ ABSL_GUARDED_BY(limiter_mu_);

  absl::Mutex streams_mu_;
  int streams_ ABSL_GUARDED_BY(streams_mu_) = 0;  // Outgoing ones that are not done.
  std::vector<std::shared_ptr<void>> remains_ ABSL_GUARDED_BY(streams_mu_);  // Of those that are.
};

absl::Status GrpcTransport::Impl::Start(TransportEvents& events) {
  Z4J_CHECK(events_ == nullptr);
  if (const auto& tls = options_.authentication.tls; tls.has_value()) {
    // Otherwise all others would refuse it, and none of their logs stands here.
    RETURN_IF_ERROR(CheckPeerName(tls->own_names, self_.identity.id));
  }
  events_ = &events;
  snapshot_receiver_.Start(events);
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(kPeerMessageBytesMax);
  builder.SetMaxSendMessageSize(kPeerMessageBytesMax);
  builder.AddListeningPort(options_.listen_address, credentials_.server, &port_);
  builder.RegisterService(&peer_server_);
  builder.RegisterService(&snapshot_receiver_);
  for (grpc::Service* service : options_.services) builder.RegisterService(service);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port_ == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options_.listen_address, " for peers"));
  }
  thread_ = std::thread([this] { Loop(); });
  return absl::OkStatus();
}

void GrpcTransport::Impl::SetPeers(const std::map<NodeId, std::string>& addresses) {
  std::vector<std::shared_ptr<Dialer>> closed;
  {
    absl::MutexLock lock(&mu_);
    if (stopping_) return;
    std::map<NodeId, std::shared_ptr<Dialer>> dialers;
    for (const auto& [peer, address] : addresses) {
      if (peer == self_.identity.id) continue;
      std::shared_ptr<Dialer> dialer;
      const auto known = dialers_.find(peer);
      if (known != dialers_.end() && known->second->address() == address) {
        dialer = std::move(known->second);
        dialers_.erase(known);
      } else {
        dialer = std::make_shared<Dialer>(peer, address, credentials_.channel, *this);
      }
      dialers.emplace(peer, std::move(dialer));
    }
    for (auto& [peer, dialer] : dialers_) closed.push_back(std::move(dialer));
    dialers_ = std::move(dialers);
  }
  Poke();
  for (const auto& dialer : closed) dialer->Close();
}

std::shared_ptr<Dialer> GrpcTransport::Impl::DialerOf(NodeId peer) {
  absl::MutexLock lock(&mu_);
  const auto found = dialers_.find(peer);
  return found == dialers_.end() ? nullptr : found->second;
}

void GrpcTransport::Impl::Send(std::vector<Message> messages) {
  for (Message& message : messages) {
    Z4J_CHECK(!std::holds_alternative<InstallSnapshot>(message.body));
    if (const auto dialer = DialerOf(message.to); dialer != nullptr) {
      dialer->outbox().Push(std::move(message));
    } else if (const auto outbox = peer_server_.OutboxOf(message.to); outbox != nullptr) {
      outbox->Push(std::move(message));
    }
  }
}

void GrpcTransport::Impl::SendSnapshot(Message install, std::unique_ptr<SnapshotReader> snapshot) {
  const NodeId peer = install.to;
  const auto dialer = DialerOf(peer);
  absl::MutexLock lock(&mu_);
  if (stopping_) return;
  std::unique_ptr<SnapshotSender>& sender = senders_[peer];
  if (sender != nullptr) {
    sender->Cancel();
    leaving_.push_back(std::move(sender));
  }
  sender = std::make_unique<SnapshotSender>(
      SnapshotSender::Options{.address = dialer == nullptr ? "" : dialer->address(),
                              .credentials = credentials_.channel,
                              .bytes_per_second = options_.snapshot_bytes_per_second},
      *this, std::move(install), std::move(snapshot),
      [this, peer](bool delivered) { events_->OnSnapshotSent(peer, delivered); });
}

void GrpcTransport::Impl::Refused(const std::string& address) {
  const std::string source = SourceOf(address);
  {
    absl::MutexLock lock(&limiter_mu_);
    if (!limiter_.Refused(source, clock_.MonoNow())) return;
  }
  LogWarning("a source fails to prove to be a node, and is let in but seldom",
             {{"source", source}, {"for", absl::FormatDuration(kSourceBan)}});
}

void GrpcTransport::Impl::OnHello(const NodeIdentity& peer) {
  if (const auto dialer = DialerOf(peer.id); dialer != nullptr) {
    dialer->DialAtOnce();
    Poke();
  }
}

absl::Status GrpcTransport::Impl::Deliver(const NodeIdentity& peer, pb::PeerFrame&& frame) {
  if (!frame.has_message())
    return absl::InvalidArgumentError("only messages come after the greeting");
  ASSIGN_OR_RETURN(Message message, TakeMessage(std::move(*frame.mutable_message())));
  RETURN_IF_ERROR(CheckEnvelope(message, peer, self_.identity));
  if (std::holds_alternative<InstallSnapshot>(message.body)) {
    return FieldError("message.body", "install_snapshot comes with its bytes");
  }
  if (const auto dialer = DialerOf(peer.id); dialer != nullptr) dialer->outbox().Heard();
  events_->OnMessage(std::move(message));
  return absl::OkStatus();
}

void GrpcTransport::Impl::Loop() {
  while (true) {
    const MonoTime now = clock_.MonoNow();
    const MonoTime next = Turn(now);
    waker_.Wait(next - now);
    absl::MutexLock lock(&mu_);
    if (stopping_) return;
  }
}

void GrpcTransport::Impl::Bury() {
  std::vector<std::shared_ptr<void>> remains;
  absl::MutexLock lock(&streams_mu_);
  remains.swap(remains_);
}

MonoTime GrpcTransport::Impl::Turn(MonoTime now) {
  Bury();
  std::vector<std::shared_ptr<Dialer>> dialers;
  std::vector<std::unique_ptr<SnapshotSender>> ended;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [peer, dialer] : dialers_) dialers.push_back(dialer);
    for (auto& [peer, sender] : senders_) {
      if (sender->ended()) leaving_.push_back(std::move(sender));
    }
    std::erase_if(senders_, [](const auto& entry) { return entry.second == nullptr; });
    const auto running = std::partition(leaving_.begin(), leaving_.end(),
                                        [](const auto& sender) { return sender->ended(); });
    ended.assign(std::make_move_iterator(leaving_.begin()), std::make_move_iterator(running));
    leaving_.erase(leaving_.begin(), running);
  }
  MonoTime next = std::min(peer_server_.Check(now), snapshot_receiver_.Check(now));
  for (const auto& dialer : dialers) next = std::min(next, dialer->Check(now));
  return next;
}

void GrpcTransport::Impl::Stop() {
  std::map<NodeId, std::shared_ptr<Dialer>> dialers;
  std::map<NodeId, std::unique_ptr<SnapshotSender>> senders;
  std::vector<std::unique_ptr<SnapshotSender>> leaving;
  {
    absl::MutexLock lock(&mu_);
    if (std::exchange(stopping_, true)) return;
    dialers.swap(dialers_);
    senders.swap(senders_);
    leaving.swap(leaving_);
  }
  Poke();
  if (thread_.joinable()) thread_.join();  // Nobody dials any more.
  for (const auto& [peer, sender] : senders) sender->Cancel();
  for (const auto& [peer, dialer] : dialers) dialer->Close();
  peer_server_.Stop();
  snapshot_receiver_.Stop();
  senders.clear();
  leaving.clear();
  {
    absl::MutexLock lock(&streams_mu_);
    const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(streams_mu_) { return streams_ == 0; };
    streams_mu_.Await(absl::Condition(&none));
  }
  Bury();
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
}

GrpcTransport::GrpcTransport(GrpcTransportOptions options, Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), clock)) {}
GrpcTransport::~GrpcTransport() { Stop(); }

absl::Status GrpcTransport::Start(TransportEvents& events) { return impl_->Start(events); }
void GrpcTransport::SetPeers(const std::map<NodeId, std::string>& addresses) {
  impl_->SetPeers(addresses);
}
void GrpcTransport::Send(std::vector<Message> messages) { impl_->Send(std::move(messages)); }
void GrpcTransport::SendSnapshot(Message install, std::unique_ptr<SnapshotReader> snapshot) {
  impl_->SendSnapshot(std::move(install), std::move(snapshot));
}
void GrpcTransport::Stop() { impl_->Stop(); }
int GrpcTransport::port() const { return impl_->port(); }
grpc::HealthCheckServiceInterface* GrpcTransport::health() const { return impl_->health(); }

}  // namespace z4j::consensus
