#ifndef Z4J_CONSENSUS_RPC_WATCH_STREAM_H_
#define Z4J_CONSENSUS_RPC_WATCH_STREAM_H_

#include <memory>
#include <string>

#include "services/consensus/rpc/context.h"
#include "services/consensus/rpc/event_stream.h"
#include "z4j/consensus/v1/kv.pb.h"

namespace z4j::consensus {

// KvService.Watch.  While the client keeps up, it is sent what happens.  When it does not, only the
// place where it stands is kept, and the rest is read from the machine's history when there is room
// again; who falls out of the history has read too slowly.
class WatchStream final : public EventStream<v1::WatchResponse>,
                          public KvWatcher,
                          public std::enable_shared_from_this<WatchStream> {
 public:
  // Opens the stream, unless it is not `admitted`, and returns its reactor.  `rpc` outlives it.
  static WatchStream* Open(RpcContext& rpc, const grpc::Status& admitted,
                           const v1::WatchRequest& request);

  void OnChanged(const KvChanged& changed, const CoordinationMachine& machine) override;
  void OnReplaced(const CoordinationMachine& machine) override;
  void OnEnd(const grpc::Status& status) override { End(status); }

 private:
  WatchStream(RpcContext& rpc, const v1::WatchRequest& request)
      : rpc_(rpc), key_(request.key()), prefix_(request.prefix()) {}
  void OnDrained() override;
  void OnGone() override { rpc_.hub.Remove(shared_from_this()); }

  // The core thread's.
  void Look(Revision from, const CoordinationMachine& machine);
  void CatchUp(const CoordinationMachine& machine);
  void EndCompacted(const CoordinationMachine& machine);
  void EndSlow();
  bool Wants(const KvChange& change) const;
  // What of it is wanted; without changes if that is nothing.
  v1::WatchResponse ResponseOf(const KvChanged& changed) const;

  RpcContext& rpc_;
  const std::string key_;
  const bool prefix_;
  Revision next_;  // Everything before was sent or is queued; the core thread's.
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_WATCH_STREAM_H_
