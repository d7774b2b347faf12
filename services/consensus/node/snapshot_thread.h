#ifndef Z4J_CONSENSUS_NODE_SNAPSHOT_THREAD_H_
#define Z4J_CONSENSUS_NODE_SNAPSHOT_THREAD_H_

#include <functional>
#include <thread>
#include <variant>

#include "absl/status/status.h"
#include "services/consensus/node/mailbox.h"
#include "services/consensus/node/replica.h"
#include "services/consensus/storage/log_storage.h"
#include "services/consensus/transport/transport.h"

namespace z4j::consensus {

// Saves this node's snapshots and begins to send them, beside the log's own thread: a state of
// hundreds of megabytes must hold up no sync and no heartbeat.
class SnapshotThread {
 public:
  // Called on the snapshots' thread.
  struct Events {
    std::function<void(const SnapshotMeta& meta)> saved;
    // Told kSnapshotRetryEvery after it failed, for it is tried again at once.
    std::function<void()> not_saved;
    // A snapshot could not be read, so it was not sent.
    std::function<void(NodeId peer)> not_sent;
  };

  // `storage` and `transport` outlive this.
  SnapshotThread(LogStorage& storage, Transport& transport, Events events);
  ~SnapshotThread();  // Stops.

  void Start();
  // What is under way is finished; what still waits is left out.  Idempotent.
  void Stop();

  void Save(SnapshotToSave save) { jobs_.Put(std::move(save)); }
  // An InstallSnapshot: the newest snapshot goes to message.to.
  void Send(Message message) { jobs_.Put(std::move(message)); }

 private:
  using Job = std::variant<SnapshotToSave, Message>;

  void Run();
  void Do(SnapshotToSave save);
  void Do(Message message);
  absl::Status Write(const SnapshotToSave& save);

  LogStorage& storage_;
  Transport& transport_;
  const Events events_;
  Mailbox<Job> jobs_;
  std::thread thread_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_NODE_SNAPSHOT_THREAD_H_
