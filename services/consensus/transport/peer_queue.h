#ifndef Z4J_CONSENSUS_TRANSPORT_PEER_QUEUE_H_
#define Z4J_CONSENSUS_TRANSPORT_PEER_QUEUE_H_

#include <deque>
#include <optional>

#include "absl/time/time.h"
#include "services/base/mono_time.h"
#include "services/consensus/raft/message.h"

namespace z4j::consensus {

// What waits to be sent to one peer: bounded, in order.  When there is no room, the oldest entries
// give way first, for the leader sends them again; then the oldest of all.  Not thread-safe.
class PeerQueue {
 public:
  struct Bounds {
    size_t messages;
    size_t bytes;
  };
  explicit PeerQueue(const Bounds& bounds) : bounds_(bounds) {}

  // A heartbeat (an AppendRequest without entries) takes the place of the one that waits, at the
  // end: it may speak of entries that are queued between them.
  void Push(Message message, MonoTime now);
  std::optional<Message> Pop();
  // Forgets what was pushed before `oldest`.
  void DropBefore(MonoTime oldest);
  void Clear();

  bool empty() const { return items_.empty(); }
  size_t size() const { return items_.size(); }
  // Of what was ever pushed, what gave way to the bounds.
  uint64_t dropped() const { return dropped_; }

 private:
  struct Item {
    Message message;
    size_t bytes = 0;
    MonoTime pushed;
  };

  void Erase(std::deque<Item>::iterator item);
  void MakeRoom();

  const Bounds bounds_;
  std::deque<Item> items_;
  size_t bytes_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_PEER_QUEUE_H_
