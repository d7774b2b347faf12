#include "services/consensus/node/testing/in_process_network.h"

#include <string>
#include <utility>

#include "services/base/status_macros.h"

namespace z4j::consensus {
namespace {

absl::Status Copy(SnapshotReader& reader, SnapshotWriter& writer) {
  ASSIGN_OR_RETURN(const std::string rest,
                   reader.Read(writer.size(), reader.size() - writer.size()));
  RETURN_IF_ERROR(writer.Append(rest));
  return writer.Commit();
}

}  // namespace

class InProcessNetwork::Port : public Transport {
 public:
  Port(InProcessNetwork& network, NodeId id) : network_(network), id_(id) {}

  absl::Status Start(TransportEvents& events) override {
    network_.Start(id_, events);
    return absl::OkStatus();
  }
  void Stop() override { network_.Stop(id_); }
  void SetPeers(const std::map<NodeId, std::string>&) override {}
  void Send(std::vector<Message> messages) override { network_.Send(std::move(messages)); }
  void SendSnapshot(Message message, std::unique_ptr<SnapshotReader> reader) override {
    network_.SendSnapshot(std::move(message), *reader);
  }

 private:
  InProcessNetwork& network_;
  const NodeId id_;
};

std::unique_ptr<Transport> InProcessNetwork::Join(NodeId id) {
  return std::make_unique<Port>(*this, id);
}

void InProcessNetwork::Cut(NodeId id, bool cut) {
  absl::MutexLock lock(&mu_);
  if (cut) {
    cut_.insert(id);
  } else {
    cut_.erase(id);
  }
  for (const auto& [other, events] : running_) {
    if (other == id) continue;
    events->OnConnected(id, !cut);
    if (running_.contains(id)) running_[id]->OnConnected(other, !cut);
  }
}

void InProcessNetwork::Start(NodeId id, TransportEvents& events) {
  absl::MutexLock lock(&mu_);
  for (const auto& [other, theirs] : running_) {
    theirs->OnConnected(id, true);
    events.OnConnected(other, true);
  }
  running_[id] = &events;
}

void InProcessNetwork::Stop(NodeId id) {
  absl::MutexLock lock(&mu_);
  running_.erase(id);
  for (const auto& [other, theirs] : running_) theirs->OnConnected(id, false);
}

TransportEvents* InProcessNetwork::Reach(NodeId from, NodeId to) {
  const auto found = running_.find(to);
  if (found == running_.end() || !running_.contains(from)) return nullptr;
  return cut_.contains(from) || cut_.contains(to) ? nullptr : found->second;
}

void InProcessNetwork::Send(std::vector<Message> messages) {
  absl::ReaderMutexLock lock(&mu_);
  for (Message& message : messages) {
    TransportEvents* to = Reach(message.from, message.to);
    if (to != nullptr) to->OnMessage(std::move(message));
  }
}

void InProcessNetwork::SendSnapshot(Message message, SnapshotReader& reader) {
  absl::ReaderMutexLock lock(&mu_);
  const auto sender = running_.find(message.from);
  if (sender == running_.end()) return;
  const NodeId peer = message.to;
  TransportEvents* to = Reach(message.from, peer);
  bool delivered = false;
  if (to != nullptr) {
    auto writer = to->OpenSnapshot(message, std::to_string(message.from.value));
    delivered = writer.ok() && Copy(reader, **writer).ok();
  }
  if (delivered) to->OnMessage(std::move(message));
  sender->second->OnSnapshotSent(peer, delivered);
}

}  // namespace z4j::consensus
