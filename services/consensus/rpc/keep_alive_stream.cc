#include "services/consensus/rpc/keep_alive_stream.h"

#include <utility>

#include "services/base/field_error.h"
#include "services/base/thread_sanitizer.h"
#include "services/consensus/limits.h"
#include "services/consensus/rpc/convert.h"
#include "services/consensus/rpc/failure.h"

namespace z4j::consensus {

KeepAliveStream* KeepAliveStream::Open(RpcContext& rpc, const grpc::Status& admitted) {
  auto stream = std::shared_ptr<KeepAliveStream>(new KeepAliveStream(rpc));
  stream->self_ = stream;
  if (!admitted.ok()) {
    stream->OnEnd(admitted);
  } else if (const absl::Status added = rpc.hub.AddLeaderBound(stream); !added.ok()) {
    stream->OnEnd(NotTaken(rpc, added));
  } else if (!rpc.node->leadership()) {
    // Asked after it was added: whatever ends a leadership from here on ends the stream as well.
    stream->OnEnd(NotLeaderFailure(rpc, rpc.node->Status().raft.soft, "this node does not lead"));
  }
  absl::MutexLock lock(&stream->mu_);
  if (!stream->end_) stream->StartSendInitialMetadata();
  stream->Go();
  return stream.get();
}

void KeepAliveStream::OnReadDone(bool ok) {
  TakeFromGrpc(this);
  SessionId session{ok ? request_.session_id() : 0};
  {
    absl::MutexLock lock(&mu_);
    reading_ = false;
    no_more_ = !ok;
    if (end_) return Go();
    if (ok && session.value == 0) {
      end_ = FailedField(FieldError("session_id", "is 0; give the one that OpenSession gave"));
    }
    if (!ok || end_) return Go();
    ++asked_;
  }
  Ask(session);
  absl::MutexLock lock(&mu_);
  Go();
}

void KeepAliveStream::Ask(SessionId session) {
  const absl::Status taken = rpc_.node->KeepAlive(
      session, rpc_.clock.MonoNow() + kCallTimeMax,
      [self = shared_from_this(), session](const CallResult& result, const Replica& replica) {
        self->Answered(session, result, replica);
      });
  if (taken.ok()) return;
  absl::MutexLock lock(&mu_);
  --asked_;
  if (!end_) end_ = NotTaken(rpc_, taken);
}

void KeepAliveStream::Answered(SessionId session, const CallResult& result,
                               const Replica& replica) {
  absl::MutexLock lock(&mu_);
  --asked_;
  if (!end_) {
    if (result.fate == Fate::kDone) {
      v1::KeepAliveResponse& answer = answers_.emplace_back();
      answer.set_session_id(session.value);
      const Session* found = replica.machine().sessions().Find(session);
      answer.set_lost(found == nullptr);
      if (found != nullptr) SetDuration(found->ttl, answer.mutable_ttl());
    } else {
      end_ = FailureOf(rpc_, result, replica, /*overdue=*/result.fate == Fate::kUnknown);
    }
  }
  Go();
}

void KeepAliveStream::OnWriteDone(bool ok) {
  TakeFromGrpc(this);
  absl::MutexLock lock(&mu_);
  writing_ = false;
  answers_.pop_front();
  if (!ok && !end_) end_ = grpc::Status::CANCELLED;
  Go();
}

void KeepAliveStream::OnEnd(const grpc::Status& status) {
  absl::MutexLock lock(&mu_);
  if (!end_) end_ = status;
  Go();
}

bool KeepAliveStream::MayRead() const {
  return !reading_ && !no_more_ && asked_ + answers_.size() < kKeepAlivesInFlightMax;
}

void KeepAliveStream::Go() {
  if (finished_ || writing_) return;
  HandToGrpc(this);
  if (!end_ && no_more_ && asked_ == 0 && answers_.empty()) end_ = grpc::Status::OK;
  if (end_) {
    finished_ = true;
    return Finish(*end_);
  }
  if (!answers_.empty()) {
    writing_ = true;
    StartWrite(&answers_.front());
  }
  if (MayRead()) {
    reading_ = true;
    StartRead(&request_);
  }
}

void KeepAliveStream::OnDone() {
  TakeFromGrpc(this);
  const std::shared_ptr<KeepAliveStream> self = std::move(self_);
  { absl::MutexLock lock(&mu_); }  // Whoever ended it has let go of it; see thread_sanitizer.h.
  rpc_.hub.RemoveLeaderBound(self);
}

}  // namespace z4j::consensus
