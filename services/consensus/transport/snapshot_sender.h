#ifndef Z4J_CONSENSUS_TRANSPORT_SNAPSHOT_SENDER_H_
#define Z4J_CONSENSUS_TRANSPORT_SNAPSHOT_SENDER_H_

#include <grpcpp/security/credentials.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/base/clock.h"
#include "services/consensus/raft/message.h"
#include "services/consensus/storage/log_storage.h"
#include "services/consensus/transport/peer_host.h"
#include "services/consensus/transport/waker.h"
#include "z4j/raft/v1/raft.pb.h"

namespace grpc {
class ClientContext;
template <class W, class R>
class ClientReaderWriter;
}  // namespace grpc

namespace z4j::consensus {

namespace pb = ::z4j::raft::v1;

// Sends one snapshot to one peer, by a thread of its own.
class SnapshotSender {
 public:
  struct Options {
    std::string address;  // Empty: nobody knows it, and the transfer fails.
    std::shared_ptr<grpc::ChannelCredentials> credentials;
    uint64_t bytes_per_second = 0;  // 0: as fast as it goes.
  };

  // `done` is called by the thread at its end, unless Cancel() came before.  `host` outlives this.
  SnapshotSender(Options options, PeerHost& host, Message install,
                 std::unique_ptr<SnapshotReader> snapshot,
                 std::function<void(bool delivered)> done);
  ~SnapshotSender();  // Cancels and joins.

  // The thread ends soon.  Does not wait.
  void Cancel() ABSL_LOCKS_EXCLUDED(mu_);
  // Joining will not wait any more.
  bool ended() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using ClientStream = grpc::ClientReaderWriter<pb::PeerFrame, pb::PeerFrame>;

  void Run();
  absl::Status Deliver();
  absl::StatusOr<std::string> Hash();
  // One call.  `*stored` is what the peer held at its beginning, if it said so.
  absl::StatusOr<pb::SnapshotAck> Call(const pb::SnapshotHeader& header, uint64_t* stored);
  // What is said in it.  OK as well if the call has ended, which its own status explains.
  absl::Status Talk(ClientStream& stream, const grpc::ClientContext& context,
                    const pb::SnapshotHeader& header, uint64_t* stored, pb::SnapshotAck* ack);
  // Waits until `bytes` may have been sent since `since`; false: cancelled.
  bool Pace(MonoTime since, uint64_t bytes);
  bool Pause(absl::Duration duration) { return !waker_.Wait(duration); }
  bool cancelled() const ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  PeerHost& host_;
  SystemClock clock_;
  Waker waker_;  // Cancel() alone wakes.
  const Message install_;
  const std::unique_ptr<SnapshotReader> snapshot_;
  const std::function<void(bool)> done_;

  mutable absl::Mutex mu_;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;  // Of the call under way.
  std::thread thread_;                                           // Last: it uses all of these.
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_SNAPSHOT_SENDER_H_
