#ifndef Z4J_CONSENSUS_TRANSPORT_DIALER_H_
#define Z4J_CONSENSUS_TRANSPORT_DIALER_H_

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/transport/outbox.h"
#include "services/consensus/transport/peer_host.h"

namespace z4j::consensus {

// A connection that shares nothing with any other, and gives up early: whoever uses it tries again
// with a new one, so that no back-off of gRPC and no patience of TCP delays the next try.
std::shared_ptr<grpc::Channel> MakePeerChannel(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials);

// Keeps a stream to one peer, by which this node sends.  Thread-safe.
class Dialer : public std::enable_shared_from_this<Dialer> {
 public:
  // `host` outlives all streams: from its StreamBegins() to its StreamEnds().
  Dialer(NodeId peer, std::string address, std::shared_ptr<grpc::ChannelCredentials> credentials,
         PeerHost& host);

  NodeId peer() const { return peer_; }
  const std::string& address() const { return address_; }
  Outbox& outbox() { return outbox_; }

  // Dials if that is due, gives up on a stream that is dead; says when to be called again.
  MonoTime Check(MonoTime now) ABSL_LOCKS_EXCLUDED(mu_);
  // The peer is there: the next Check dials.
  void DialAtOnce() ABSL_LOCKS_EXCLUDED(mu_);
  // Drops the stream, dials no more.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Stream;

  absl::Status Connected(NodeId who) ABSL_LOCKS_EXCLUDED(mu_);
  void Ended(const absl::Status& why, std::shared_ptr<void> remains) ABSL_LOCKS_EXCLUDED(mu_);

  const NodeId peer_;
  const std::string address_;
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  PeerHost& host_;
  Outbox outbox_;

  absl::Mutex mu_;
  Stream* stream_ ABSL_GUARDED_BY(mu_) = nullptr;  // Null: none.
  bool connected_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  MonoTime dialed_ ABSL_GUARDED_BY(mu_);
  MonoTime retry_at_ ABSL_GUARDED_BY(mu_);
  absl::Duration back_off_ ABSL_GUARDED_BY(mu_);
  std::string complaint_ ABSL_GUARDED_BY(mu_);  // The last one logged: once each.
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_DIALER_H_
