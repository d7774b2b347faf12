#ifndef Z4J_CONSENSUS_RPC_GRANT_CALL_H_
#define Z4J_CONSENSUS_RPC_GRANT_CALL_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/rpc/context.h"
#include "z4j/consensus/v1/common.pb.h"

namespace z4j::consensus {

// Campaign and AcquireLock: takes a place in the queue and answers when it holds.  Cancelled, it
// gives the place up, unless another call waits for the same place.
class GrantCall final : public grpc::ServerUnaryReactor,
                        public TicketWaiter,
                        public std::enable_shared_from_this<GrantCall> {
 public:
  // Puts the token into the response, which has its header already.
  using Fill = std::function<void(Token token)>;

  // Begins the call and returns its reactor.  `rpc` outlives it.
  static GrantCall* Open(RpcContext& rpc, grpc::CallbackServerContext* context,
                         std::optional<RequestId> request, Enter enter, v1::ResponseHeader* header,
                         Fill fill);

  void OnCancel() override ABSL_LOCKS_EXCLUDED(mu_);
  void OnDone() override;
  void OnGranted(Token token, const CoordinationMachine& machine) override;
  void OnWaitEnded(WaitEnded::Why why) override;
  void OnReplaced(const CoordinationMachine& machine) override;
  void OnEnd(const grpc::Status& status) override { FinishOnce(status); }

 private:
  GrantCall(RpcContext& rpc, grpc::CallbackServerContext* context, const Enter& enter,
            v1::ResponseHeader* header, Fill fill);

  void OnEntered(const grpc::Status& status, const Answer& answer, const Replica* replica);
  void Await(const Replica& replica);
  // Answers if the machine has decided about the ticket; false: it waits.
  bool Decided(const CoordinationMachine& machine);
  bool FinishOnce(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void Grant(Token token, Revision revision) ABSL_LOCKS_EXCLUDED(mu_);
  void GiveUp() ABSL_LOCKS_EXCLUDED(mu_);

  RpcContext& rpc_;
  grpc::CallbackServerContext* const context_;
  const ClaimKind kind_;
  const std::string name_;
  v1::ResponseHeader* const header_;
  const Fill fill_;
  std::shared_ptr<GrantCall> self_;  // Until OnDone.

  // Set on the core thread when the place is taken, before anybody else may ask for them.
  SessionId session_;
  Term term_;

  absl::Mutex mu_;
  Ticket ticket_ ABSL_GUARDED_BY(mu_);
  bool own_ ABSL_GUARDED_BY(mu_) = false;  // This very request took the place.
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  bool granted_ ABSL_GUARDED_BY(mu_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_GRANT_CALL_H_
