#ifndef Z4J_CONSENSUS_TRANSPORT_TRANSPORT_H_
#define Z4J_CONSENSUS_TRANSPORT_TRANSPORT_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/consensus/raft/message.h"
#include "services/consensus/raft/types.h"
#include "services/consensus/storage/log_storage.h"

// The seam to the other nodes.
namespace z4j::consensus {

// What a transport tells its node.  Called on the transport's own threads, several at a time, from
// before Start() returns until Stop() has returned, never from within a call of Transport.  All but
// OpenSnapshot must return without waiting.
class TransportEvents {
 public:
  virtual ~TransportEvents() = default;

  // A peer's message: for this node, of its cluster, and from the node that it says.  Who is a
  // member, and under which incarnation, is for the core to judge: a node that lags must hear a
  // leader whom its own configuration does not name yet.  An InstallSnapshot comes when the bytes
  // are committed to this node's storage.  Messages of one connection come one at a time, in order.
  virtual void OnMessage(Message message) = 0;

  // What is sent to `peer` can, or can no longer, reach it.  A hint, never a proof.
  virtual void OnConnected(NodeId peer, bool connected) = 0;

  // A peer sends the snapshot that `install` speaks of: where to write it.  `source` is the same
  // for the same bytes from the same peer, and has at most kSnapshotSourceBytesMax.  The transport
  // goes on from the writer's size(), and commits.  May wait for the disk; snapshots wait
  // meanwhile, and messages do not.  Any error ends the transfer.
  virtual absl::StatusOr<std::unique_ptr<SnapshotWriter>> OpenSnapshot(
      const Message& install, const std::string& source) = 0;

  // A SendSnapshot ended: exactly once for each, unless a later one to the same peer or Stop() put
  // an end to it.  `delivered`: it is on the peer's disk, and the peer's core has been told.
  virtual void OnSnapshotSent(NodeId peer, bool delivered) = 0;
};

// Brings messages to the other nodes, and theirs here.  May lose and repeat them, and reorders them
// only across a reconnection.  Thread-safe.
class Transport {
 public:
  virtual ~Transport() = default;

  // Once.  `events` outlives Stop().  UNAVAILABLE: the address cannot be listened on;
  // UNAUTHENTICATED: this node's own certificate does not name it.
  virtual absl::Status Start(TransportEvents& events) = 0;

  // Whom to keep a connection to, and where ("host:port"); this node itself is passed over.  What
  // is queued for those who are not there any more is dropped.  A node that is no peer can still be
  // answered while it holds a connection to this one.  Does not wait.
  virtual void SetPeers(const std::map<NodeId, std::string>& addresses) = 0;

  // Queues the messages for their receivers.  Never waits.  While a peer is not connected, what is
  // younger than an election timeout is kept for it.  Lost without a word: what is for nobody
  // known; the oldest AppendRequests once a queue is full; a heartbeat that a newer one overtakes;
  // what was queued for a connection that broke.  Not for InstallSnapshot.
  virtual void Send(std::vector<Message> messages) = 0;

  // Sends a snapshot, and `install` to the core behind it, over a connection of its own.  A
  // transfer that breaks off is resumed until the peer has made no headway for kSnapshotTries
  // calls.  Does not wait; `snapshot` is read by another thread.
  virtual void SendSnapshot(Message install, std::unique_ptr<SnapshotReader> snapshot) = 0;

  // Drops all connections and joins all threads; no event comes after it.  Idempotent.
  virtual void Stop() = 0;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_TRANSPORT_H_
