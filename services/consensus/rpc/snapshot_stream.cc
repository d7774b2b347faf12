#include "services/consensus/rpc/snapshot_stream.h"

#include <utility>

#include "services/consensus/limits.h"
#include "services/consensus/rpc/failure.h"

namespace z4j::consensus {

SnapshotStream* SnapshotStream::Open(RpcContext& rpc, const grpc::Status& admitted) {
  auto stream = std::shared_ptr<SnapshotStream>(new SnapshotStream(rpc));
  stream->Begin(stream);
  if (!admitted.ok()) {
    stream->End(admitted);
    return stream.get();
  }
  if (rpc.snapshot_under_way.exchange(true)) {
    stream->End(Failed(v1::FAILURE_REASON_LIMIT, "this node sends a snapshot already"));
    return stream.get();
  }
  stream->counted_ = true;
  const absl::Status taken =
      rpc.node->Look([stream](const CallResult& result, const Replica& replica) {
        if (result.fate != Fate::kDone) {
          stream->End(FailureOf(stream->rpc_, result, replica, /*overdue=*/false));
        } else {
          stream->Start(replica);
        }
      });
  if (!taken.ok()) stream->End(NotTaken(rpc, taken));
  return stream.get();
}

SnapshotStream::~SnapshotStream() {
  if (counted_) rpc_.snapshot_under_way = false;
}

void SnapshotStream::Start(const Replica& replica) {
  SnapshotToSave snapshot = replica.Present();
  file_ = std::make_unique<BackupWriter>(rpc_.options.identity, snapshot.meta,
                                         std::move(snapshot.state));
  v1::SaveSnapshotResponse first;
  first.set_size_bytes(file_->size());
  first.set_data(file_->Next(kSnapshotChunkBytes));
  SetBehind(true);  // So that OnDrained makes the next piece; nothing else touches the file.
  Send(std::move(first));
}

void SnapshotStream::OnDrained() {
  v1::SaveSnapshotResponse next;
  next.set_data(file_->Next(kSnapshotChunkBytes));
  if (next.data().empty()) return EndWhenSent();
  Send(std::move(next));
}

}  // namespace z4j::consensus
