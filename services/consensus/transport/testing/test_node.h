#ifndef Z4J_CONSENSUS_TRANSPORT_TESTING_TEST_NODE_H_
#define Z4J_CONSENSUS_TRANSPORT_TESTING_TEST_NODE_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/base/clock.h"
#include "services/consensus/transport/grpc_transport.h"

namespace z4j::consensus {

// Remembers what a transport told, for a test to await.
class RecordedEvents final : public TransportEvents {
 public:
  void OnMessage(Message message) override {
    absl::MutexLock lock(&mu_);
    messages_.push_back(std::move(message));
  }
  void OnConnected(NodeId peer, bool connected) override {
    absl::MutexLock lock(&mu_);
    ++(connected ? ups_ : downs_)[peer];
  }
  absl::StatusOr<std::unique_ptr<SnapshotWriter>> OpenSnapshot(const Message& install,
                                                               const std::string& source) override {
    return open_snapshot(std::get<InstallSnapshot>(install.body).meta, source);
  }
  void OnSnapshotSent(NodeId, bool delivered) override {
    absl::MutexLock lock(&mu_);
    sent_.push_back(delivered);
  }

  bool AwaitMessages(size_t count) {
    return Await([this, count]()
                     ABSL_NO_THREAD_SAFETY_ANALYSIS { return messages_.size() >= count; });
  }
  // That `peer` was connected, or lost, for the `times`th time.
  bool AwaitUp(NodeId peer, int times = 1) {
    return Await([this, peer, times]()
                     ABSL_NO_THREAD_SAFETY_ANALYSIS { return ups_[peer] >= times; });
  }
  bool AwaitDown(NodeId peer, int times = 1) {
    return Await([this, peer, times]()
                     ABSL_NO_THREAD_SAFETY_ANALYSIS { return downs_[peer] >= times; });
  }
  bool WasDown(NodeId peer) {
    absl::MutexLock lock(&mu_);
    return downs_[peer] > 0;
  }
  bool AwaitSent() {
    return Await([this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !sent_.empty(); });
  }
  std::vector<Message> messages() const {
    absl::MutexLock lock(&mu_);
    return messages_;
  }
  std::vector<bool> sent() const {
    absl::MutexLock lock(&mu_);
    return sent_;
  }

  std::function<absl::StatusOr<std::unique_ptr<SnapshotWriter>>(const SnapshotMeta&,
                                                                const std::string&)>
      open_snapshot;

 private:
  template <typename Condition>
  bool Await(Condition condition) {
    absl::MutexLock lock(&mu_);
    return mu_.AwaitWithTimeout(absl::Condition(&condition), absl::Seconds(20));
  }

  mutable absl::Mutex mu_;
  std::vector<Message> messages_ ABSL_GUARDED_BY(mu_);
  std::map<NodeId, int> ups_ ABSL_GUARDED_BY(mu_);
  std::map<NodeId, int> downs_ ABSL_GUARDED_BY(mu_);
  std::vector<bool> sent_ ABSL_GUARDED_BY(mu_);
};

// The machine's clock, which a test may put forward.
class ShiftedClock final : public Clock {
 public:
  absl::Time Now() override { return clock_.Now(); }
  MonoTime MonoNow() override { return clock_.MonoNow() + absl::Seconds(shift_s_.load()); }
  void Shift(absl::Duration by) { shift_s_ += absl::ToInt64Seconds(by); }

 private:
  SystemClock clock_;
  std::atomic<int64_t> shift_s_ = 0;
};

// One node of cluster 7 on loopback: the transport alone.
class TestNode {
 public:
  explicit TestNode(uint64_t id, std::function<void(GrpcTransportOptions&)> change = {}) {
    options_.identity = {.cluster = {7}, .id = {id}, .incarnation = {100 + id}};
    options_.election_timeout = absl::Milliseconds(1500);
    options_.version = "test";
    options_.listen_address = "127.0.0.1:0";
    if (change) change(options_);
  }

  absl::Status Start() {
    transport_ = std::make_unique<GrpcTransport>(options_, clock);
    absl::Status status = transport_->Start(events);
    if (status.ok()) options_.listen_address = absl::StrCat("127.0.0.1:", transport_->port());
    return status;
  }
  // Start() then is another process at the same address.
  void Stop() { transport_->Stop(); }

  NodeId id() const { return options_.identity.id; }
  const std::string& address() const { return options_.listen_address; }
  GrpcTransport& transport() { return *transport_; }
  void Knows(const std::vector<const TestNode*>& peers) {
    std::map<NodeId, std::string> addresses{{id(), address()}};
    for (const TestNode* peer : peers) addresses[peer->id()] = peer->address();
    transport_->SetPeers(addresses);
  }
  Message To(NodeId peer, MessageBody body) const {
    return {.cluster = options_.identity.cluster,
            .from = id(),
            .incarnation = options_.identity.incarnation,
            .to = peer,
            .term = {1},
            .body = std::move(body)};
  }
  void Send(NodeId peer, MessageBody body) {
    std::vector<Message> messages;
    messages.push_back(To(peer, std::move(body)));
    transport_->Send(std::move(messages));
  }

  RecordedEvents events;
  ShiftedClock clock;

 private:
  GrpcTransportOptions options_;
  std::unique_ptr<GrpcTransport> transport_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_TESTING_TEST_NODE_H_
