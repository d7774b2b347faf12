#ifndef Z4J_CONSENSUS_RPC_OBSERVE_STREAM_H_
#define Z4J_CONSENSUS_RPC_OBSERVE_STREAM_H_

#include <memory>
#include <string>

#include "services/consensus/rpc/context.h"
#include "services/consensus/rpc/event_stream.h"
#include "z4j/consensus/v1/election.pb.h"

namespace z4j::consensus {

void SetLeader(const std::string& name, const Holder& holder, v1::Leader* out);

// ElectionService.Observe.
class ObserveStream final : public EventStream<v1::ObserveResponse>,
                            public LeaderWatcher,
                            public std::enable_shared_from_this<ObserveStream> {
 public:
  // Opens the stream, unless it is not `admitted`, and returns its reactor.  `rpc` outlives it.
  static ObserveStream* Open(RpcContext& rpc, const grpc::Status& admitted,
                             const v1::ObserveRequest& request);

  void OnCaughtUp(const CoordinationMachine& machine) override;
  void OnLeader(const LeaderChanged& changed) override;
  void OnReplaced() override;
  void OnEnd(const grpc::Status& status) override { End(status); }

 private:
  ObserveStream(RpcContext& rpc, const v1::ObserveRequest& request)
      : rpc_(rpc), name_(request.name()), after_{request.after_revision()} {}
  void OnGone() override { rpc_.hub.Remove(name_, this); }
  void Look(const CoordinationMachine& machine);
  void Added(const absl::Status& status);

  RpcContext& rpc_;
  const std::string name_;
  const Revision after_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_OBSERVE_STREAM_H_
