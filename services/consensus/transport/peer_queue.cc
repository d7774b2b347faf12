#include "services/consensus/transport/peer_queue.h"

#include <algorithm>
#include <utility>

namespace z4j::consensus {
namespace {

size_t BytesOf(const Message& message) {
  size_t bytes = sizeof(Message);
  if (const auto* append = std::get_if<AppendRequest>(&message.body)) {
    for (const Entry& entry : append->entries) bytes += sizeof(Entry) + entry.data->size();
  }
  return bytes;
}

bool IsHeartbeat(const Message& message) {
  const auto* append = std::get_if<AppendRequest>(&message.body);
  return append != nullptr && append->entries.empty();
}

bool HasEntries(const Message& message) {
  const auto* append = std::get_if<AppendRequest>(&message.body);
  return append != nullptr && !append->entries.empty();
}

}  // namespace

void PeerQueue::Push(Message message, MonoTime now) {
  if (IsHeartbeat(message)) {
    const auto older = std::find_if(items_.begin(), items_.end(),
                                    [](const Item& item) { return IsHeartbeat(item.message); });
    if (older != items_.end()) Erase(older);
  }
  const size_t bytes = BytesOf(message);
  bytes_ += bytes;
  items_.push_back({.message = std::move(message), .bytes = bytes, .pushed = now});
  MakeRoom();
}

void PeerQueue::MakeRoom() {
  while (items_.size() > 1 && (items_.size() > bounds_.messages || bytes_ > bounds_.bytes)) {
    // The newest one stays, whatever it is.
    auto victim = std::find_if(items_.begin(), items_.end() - 1,
                               [](const Item& item) { return HasEntries(item.message); });
    if (victim == items_.end() - 1) victim = items_.begin();
    Erase(victim);
    ++dropped_;
  }
}

std::optional<Message> PeerQueue::Pop() {
  if (items_.empty()) return std::nullopt;
  Message message = std::move(items_.front().message);
  Erase(items_.begin());
  return message;
}

void PeerQueue::DropBefore(MonoTime oldest) {
  while (!items_.empty() && items_.front().pushed < oldest) Erase(items_.begin());
}

void PeerQueue::Clear() {
  items_.clear();
  bytes_ = 0;
}

void PeerQueue::Erase(std::deque<Item>::iterator item) {
  bytes_ -= item->bytes;
  items_.erase(item);
}

}  // namespace z4j::consensus
