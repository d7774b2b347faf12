#ifndef Z4J_CONSENSUS_RPC_SNAPSHOT_STREAM_H_
#define Z4J_CONSENSUS_RPC_SNAPSHOT_STREAM_H_

#include <memory>

#include "services/consensus/rpc/context.h"
#include "services/consensus/rpc/event_stream.h"
#include "services/consensus/storage/backup.h"
#include "z4j/consensus/v1/cluster.pb.h"

namespace z4j::consensus {

// ClusterService.SaveSnapshot.  The whole state is in memory meanwhile, so a node sends one at a
// time.
class SnapshotStream final : public EventStream<v1::SaveSnapshotResponse>,
                             public std::enable_shared_from_this<SnapshotStream> {
 public:
  // Opens the stream, unless it is not `admitted`, and returns its reactor.  `rpc` outlives it.
  static SnapshotStream* Open(RpcContext& rpc, const grpc::Status& admitted);
  ~SnapshotStream() override;

 private:
  explicit SnapshotStream(RpcContext& rpc) : rpc_(rpc) {}
  void OnDrained() override;
  void OnGone() override {}
  void Start(const Replica& replica);

  RpcContext& rpc_;
  bool counted_ = false;
  std::unique_ptr<BackupWriter> file_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_SNAPSHOT_STREAM_H_
