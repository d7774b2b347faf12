#ifndef Z4J_CONSENSUS_TRANSPORT_SNAPSHOT_RECEIVER_H_
#define Z4J_CONSENSUS_TRANSPORT_SNAPSHOT_RECEIVER_H_

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/storage/snapshot_format.h"
#include "services/consensus/transport/peer_host.h"
#include "services/consensus/transport/transport.h"
#include "z4j/raft/v1/raft.grpc.pb.h"

namespace z4j::consensus {

// Snapshots that others send to this node.  One thread writes them all, a chunk of each call at a
// time, so that no thread of gRPC waits for the disk.  What a call that broke off has brought
// stays, and the next call for the same bytes goes on from there.  Thread-safe.
class SnapshotReceiver final : public pb::SnapshotService::CallbackService {
 public:
  explicit SnapshotReceiver(PeerHost& host) : host_(host) {}

  grpc::ServerBidiReactor<pb::PeerFrame, pb::PeerFrame>* Send(
      grpc::CallbackServerContext* context) override ABSL_LOCKS_EXCLUDED(mu_);

  // Before the first call can come.
  void Start(TransportEvents& events);
  // Ends calls that have not greeted in time; says when to be called again.
  MonoTime Check(MonoTime now) ABSL_LOCKS_EXCLUDED(mu_);
  // Refuses new calls, ends all, joins the thread.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Call;

  // A snapshot on its way, from one node.  Of the writing thread alone.
  struct Part {
    std::string source;
    Message install;
    uint64_t size_bytes = 0;
    std::string sha256;
    std::unique_ptr<SnapshotWriter> writer;
    // Of what is stored.  None: its beginning was stored before this process began, and the checks
    // of the chunks, on the wire and on the disk, vouch for it.
    std::optional<Sha256> hash;
    Call* owner = nullptr;  // Null: the call that brought it broke off.
  };

  void Enqueue(Call* call) ABSL_LOCKS_EXCLUDED(mu_);
  void Gone(Call* call) ABSL_LOCKS_EXCLUDED(mu_);
  void Loop() ABSL_LOCKS_EXCLUDED(mu_);

  // What follows what a call has read.
  struct Next {
    std::optional<pb::PeerFrame> say;
    bool ends = false;
  };
  absl::StatusOr<Next> Handle(Call* call) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<Next> Greet(Call* call) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<Next> Begin(Call* call, pb::SnapshotHeader&& header);
  absl::Status OpenPart(Call* call, Part part);
  absl::StatusOr<Next> Store(Call* call, const pb::SnapshotChunk& chunk);
  absl::StatusOr<Next> Complete(Call* call);
  void End(Call* call, const absl::Status& status, std::optional<pb::PeerFrame> last);

  PeerHost& host_;
  TransportEvents* events_ = nullptr;
  std::map<NodeId, Part> parts_;  // Of the writing thread alone.
  // How many transfers were not what they said: what those left on the disk is not resumed.
  int spoiled_ = 0;

  absl::Mutex mu_;
  // All, with the time by which they have to greet, unless they have.
  std::map<Call*, std::optional<MonoTime>> calls_ ABSL_GUARDED_BY(mu_);
  std::deque<Call*> queue_ ABSL_GUARDED_BY(mu_);  // Have read something, or failed to.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_SNAPSHOT_RECEIVER_H_
