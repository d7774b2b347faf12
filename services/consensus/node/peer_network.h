#ifndef Z4J_CONSENSUS_NODE_PEER_NETWORK_H_
#define Z4J_CONSENSUS_NODE_PEER_NETWORK_H_

#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "services/consensus/raft/message.h"
#include "services/consensus/storage/log_storage.h"

// The seam to the other nodes.  It may lose, repeat, delay and reorder messages; it must not change
// one.
namespace z4j::consensus {

class PeerNetwork {
 public:
  // What comes in.  From any thread; none of it waits for the node's turn.
  class Events {
   public:
    virtual ~Events() = default;
    // An InstallSnapshot only after the writer of its snapshot was committed.
    virtual void OnMessage(Message message) = 0;
    // The stream to `peer` is up, or lost: a hint, never a proof.
    virtual void OnConnected(NodeId peer, bool connected) = 0;
    // What SendSnapshot began has ended.
    virtual void OnSnapshotSent(NodeId peer, bool delivered) = 0;
    // Where the bytes of a snapshot from `from` go; it may hold some of an earlier transfer that
    // broke off (SnapshotWriter::size).
    virtual absl::StatusOr<std::unique_ptr<SnapshotWriter>> ReceiveSnapshot(
        NodeId from, const SnapshotMeta& meta) = 0;
  };

  virtual ~PeerNetwork() = default;

  // Once.  `events` lives until Stop() has returned; afterwards none comes, and what is sent is
  // dropped.  A SendSnapshot under way breaks off.
  virtual void Start(Events& events) = 0;
  virtual void Stop() = 0;

  // Who there is now, this node included; also before Start().
  virtual void SetPeers(const std::map<NodeId, Member>& members) = 0;
  // In order for each receiver; never waits.
  virtual void Send(std::vector<Message> messages) = 0;
  // Brings the reader's bytes and then `message`, an InstallSnapshot with the reader's meta, to
  // message.to; ends with one OnSnapshotSent.  May take its time: it is called on a thread that
  // only does this.
  virtual void SendSnapshot(Message message, std::unique_ptr<SnapshotReader> reader) = 0;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_NODE_PEER_NETWORK_H_
