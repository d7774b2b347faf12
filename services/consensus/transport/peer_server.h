#ifndef Z4J_CONSENSUS_TRANSPORT_PEER_SERVER_H_
#define Z4J_CONSENSUS_TRANSPORT_PEER_SERVER_H_

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/transport/outbox.h"
#include "services/consensus/transport/peer_host.h"
#include "z4j/raft/v1/raft.grpc.pb.h"

namespace z4j::consensus {

// The streams that others opened to this node, one for each: a newer one replaces the older, which
// is most likely half-open.  Thread-safe.
class PeerServer final : public pb::PeerService::CallbackService {
 public:
  explicit PeerServer(PeerHost& host) : host_(host) {}
  ~PeerServer() override ABSL_LOCKS_EXCLUDED(mu_);

  grpc::ServerBidiReactor<pb::PeerFrame, pb::PeerFrame>* Stream(
      grpc::CallbackServerContext* context) override ABSL_LOCKS_EXCLUDED(mu_);

  // Sends by the stream that `peer` opened; null: it has none.
  std::shared_ptr<Outbox> OutboxOf(NodeId peer) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends streams that have not greeted in time; says when to be called again.
  MonoTime Check(MonoTime now) ABSL_LOCKS_EXCLUDED(mu_);
  // Refuses new streams, ends all, waits until they are gone.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Incoming;

  void Greeted(Incoming* stream) ABSL_LOCKS_EXCLUDED(mu_);
  void Gone(Incoming* stream) ABSL_LOCKS_EXCLUDED(mu_);
  void Complain(const std::string& address, const std::string& reason) ABSL_LOCKS_EXCLUDED(mu_);

  PeerHost& host_;
  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  // All, with the time by which they have to greet, unless they have.
  std::map<Incoming*, std::optional<MonoTime>> streams_ ABSL_GUARDED_BY(mu_);
  std::map<NodeId, Incoming*> greeted_ ABSL_GUARDED_BY(mu_);
  std::string complaint_ ABSL_GUARDED_BY(mu_);  // The last one logged.
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_PEER_SERVER_H_
