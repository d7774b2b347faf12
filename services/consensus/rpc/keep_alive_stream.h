#ifndef Z4J_CONSENSUS_RPC_KEEP_ALIVE_STREAM_H_
#define Z4J_CONSENSUS_RPC_KEEP_ALIVE_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/rpc/context.h"
#include "z4j/consensus/v1/session.pb.h"

namespace z4j::consensus {

// SessionService.KeepAlive: each id that comes in is one sign of life and has one answer, when it
// is known.  Ends with the leadership.
class KeepAliveStream final
    : public grpc::ServerBidiReactor<v1::KeepAliveRequest, v1::KeepAliveResponse>,
      public Subscriber,
      public std::enable_shared_from_this<KeepAliveStream> {
 public:
  // Opens the stream, unless it is not `admitted`, and returns its reactor.  `rpc` outlives it.
  static KeepAliveStream* Open(RpcContext& rpc, const grpc::Status& admitted);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override { OnEnd(grpc::Status::CANCELLED); }
  void OnDone() override ABSL_LOCKS_EXCLUDED(mu_);
  void OnEnd(const grpc::Status& status) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit KeepAliveStream(RpcContext& rpc) : rpc_(rpc) {}

  void Ask(SessionId session);
  void Answered(SessionId session, const CallResult& result, const Replica& replica);
  bool MayRead() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Does what can be done now: reads on, writes, finishes.
  void Go() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  RpcContext& rpc_;
  std::shared_ptr<KeepAliveStream> self_;  // Until OnDone.
  v1::KeepAliveRequest request_;           // The read's that is under way.

  absl::Mutex mu_;
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool no_more_ ABSL_GUARDED_BY(mu_) = false;  // The client has said all.
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  size_t asked_ ABSL_GUARDED_BY(mu_) = 0;                           // Not answered by the node yet.
  std::deque<v1::KeepAliveResponse> answers_ ABSL_GUARDED_BY(mu_);  // The first is being written.
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_KEEP_ALIVE_STREAM_H_
