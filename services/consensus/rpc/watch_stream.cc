#include "services/consensus/rpc/watch_stream.h"

#include "absl/strings/match.h"
#include "services/base/field_error.h"
#include "services/consensus/limits.h"
#include "services/consensus/rpc/convert.h"
#include "services/consensus/rpc/failure.h"

namespace z4j::consensus {

WatchStream* WatchStream::Open(RpcContext& rpc, const grpc::Status& admitted,
                               const v1::WatchRequest& request) {
  auto stream = std::shared_ptr<WatchStream>(new WatchStream(rpc, request));
  stream->Begin(stream);
  if (!admitted.ok()) {
    stream->End(admitted);
    return stream.get();
  }
  const bool all = request.prefix() && request.key().empty();
  if (const absl::Status named = CheckName("key", request.key()); !all && !named.ok()) {
    stream->End(FailedField(named));
    return stream.get();
  }
  const absl::Status taken = rpc.node->Look([stream, from = Revision{request.from_revision()}](
                                                const CallResult& result, const Replica& replica) {
    if (result.fate != Fate::kDone) {
      stream->End(FailureOf(stream->rpc_, result, replica, /*overdue=*/false));
    } else {
      stream->Look(from, replica.machine());
    }
  });
  if (!taken.ok()) stream->End(NotTaken(rpc, taken));
  return stream.get();
}

void WatchStream::Look(Revision from, const CoordinationMachine& machine) {
  const Revision now = machine.revision();
  next_ = from.value > 0 ? from : Revision{now.value + 1};
  if (next_ < machine.kv().oldest_revision()) return EndCompacted(machine);
  if (const absl::Status added = rpc_.hub.Add(shared_from_this()); !added.ok()) {
    return End(NotTaken(rpc_, added));
  }
  SendHead();
  if (next_ <= now) {
    SetBehind(true);
    CatchUp(machine);
  }
  if (over()) rpc_.hub.Remove(shared_from_this());  // OnGone came before.
}

void WatchStream::OnChanged(const KvChanged& changed, const CoordinationMachine& machine) {
  if (changed.revision < next_) return;  // It asked for later ones.
  if (behind()) {
    if (next_ < machine.kv().oldest_revision()) EndSlow();
    return;
  }
  v1::WatchResponse response = ResponseOf(changed);
  if (response.changes().empty() || SendIfRoom(std::move(response), kWatchReadBytesMax)) {
    next_ = {changed.revision.value + 1};
  }
}

void WatchStream::OnReplaced(const CoordinationMachine& machine) {
  if (next_ < machine.kv().oldest_revision()) return EndCompacted(machine);
  if (SetBehind(true)) CatchUp(machine);
}

void WatchStream::OnDrained() {
  const absl::Status taken = rpc_.node->Look(
      [self = shared_from_this()](const CallResult& result, const Replica& replica) {
        if (result.fate == Fate::kDone) {
          self->CatchUp(replica.machine());
        } else {
          self->End(FailureOf(self->rpc_, result, replica, /*overdue=*/false));
        }
      });
  if (!taken.ok()) End(NotTaken(rpc_, taken));
}

void WatchStream::CatchUp(const CoordinationMachine& machine) {
  const auto missed = machine.kv().ChangesFrom(next_, kWatchReadChangesMax, kWatchReadBytesMax);
  if (!missed.ok()) return EndSlow();
  if (missed->empty()) {
    SetBehind(false);
    return;
  }
  for (const KvChanged& changed : *missed) {
    v1::WatchResponse response = ResponseOf(changed);
    if (!response.changes().empty()) Send(std::move(response));
  }
  next_ = {missed->back().revision.value + 1};
  // If none of it was wanted nothing is on its way, and nobody would come back here.
  if (SetBehind(true)) OnDrained();
}

void WatchStream::EndCompacted(const CoordinationMachine& machine) {
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_COMPACTED);
  failure.set_oldest_revision(machine.kv().oldest_revision().value);
  End(Failed("changes from there on are no longer kept; read the keys and watch from then on",
             std::move(failure)));
}

void WatchStream::EndSlow() {
  End(Failed(v1::FAILURE_REASON_SLOW_WATCHER,
             "the changes are read too slowly; watch again from the last revision plus 1"));
}

bool WatchStream::Wants(const KvChange& change) const {
  return prefix_ ? absl::StartsWith(change.key, key_) : change.key == key_;
}

v1::WatchResponse WatchStream::ResponseOf(const KvChanged& changed) const {
  v1::WatchResponse response;
  response.set_revision(changed.revision.value);
  for (const KvChange& change : changed.changes) {
    if (!Wants(change)) continue;
    v1::KeyChange& out = *response.add_changes();
    out.mutable_kv()->set_key(change.key);
    out.mutable_kv()->set_mod_revision(changed.revision.value);
    out.set_deleted(change.value == nullptr);
    if (change.value == nullptr) continue;
    out.mutable_kv()->set_value(*change.value);
    out.mutable_kv()->set_create_revision(change.create_revision.value);
  }
  return response;
}

}  // namespace z4j::consensus
