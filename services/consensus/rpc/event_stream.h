#ifndef Z4J_CONSENSUS_RPC_EVENT_STREAM_H_
#define Z4J_CONSENSUS_RPC_EVENT_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace z4j::consensus {

// A server stream with a queue of what is to be sent.  Whoever fills it says when it is too long,
// or that it is behind: then OnDrained() says when the queue is empty, to go on.  Thread-safe.
template <typename Response>
class EventStream : public grpc::ServerWriteReactor<Response> {
 public:
  void OnWriteDone(bool ok) final {
    bool drained = false;
    {
      absl::MutexLock lock(&mu_);
      writing_ = false;
      queued_bytes_ -= queue_.front().ByteSizeLong();
      queue_.pop_front();
      if (!ok && !end_) end_ = grpc::Status::CANCELLED;
      Go();
      drained = behind_ && Idle();
    }
    if (drained) OnDrained();
  }
  void OnCancel() final { End(grpc::Status::CANCELLED); }
  void OnDone() final {
    const std::shared_ptr<void> self = std::move(self_);
    {
      absl::MutexLock lock(&mu_);
      over_ = true;
    }
    OnGone();
  }

 protected:
  // `self` is this; it lives until the call is over.  First of all.
  void Begin(std::shared_ptr<void> self) { self_ = std::move(self); }

  // OnGone() was called, or is about to be: whoever lets others know of this looks afterwards.
  bool over() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return over_;
  }
  // Tells the client that the stream is there.  Before anything is sent.
  void SendHead() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (!finished_) this->StartSendInitialMetadata();
  }
  // What the client has not taken yet.
  size_t queued() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return queue_.size();
  }
  bool behind() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return behind_;
  }
  void Send(Response response) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    Push(std::move(response));
  }
  // False, and the stream is behind: `bytes_max` are queued already.
  bool SendIfRoom(Response response, size_t bytes_max) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (queued_bytes_ >= bytes_max) {
      behind_ = true;
      return false;
    }
    Push(std::move(response));
    return true;
  }
  // While it is behind, OnDrained() comes each time when the queue has become empty.  Returns
  // whether it is empty now, so that OnDrained() will not come by itself.
  bool SetBehind(bool behind) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    behind_ = behind;
    return Idle();
  }
  // Drops what is queued.  The first end holds.
  void End(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (!end_) end_ = status;
    Go();
  }
  // Ends well when all that is queued has been sent.
  void EndWhenSent() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    complete_ = true;
    behind_ = false;
    Go();
  }

  virtual void OnDrained() {}
  // The call is over; nothing of it may be used any more.
  virtual void OnGone() = 0;

 private:
  bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return queue_.empty() && !end_; }
  void Push(Response response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (end_) return;
    queued_bytes_ += response.ByteSizeLong();
    queue_.push_back(std::move(response));
    Go();
  }
  void Go() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (finished_ || writing_) return;
    if (!end_ && complete_ && queue_.empty()) end_ = grpc::Status::OK;
    if (end_) {
      finished_ = true;
      queue_.clear();
      return this->Finish(*end_);
    }
    if (queue_.empty()) return;
    writing_ = true;
    this->StartWrite(&queue_.front());
  }

  std::shared_ptr<void> self_;
  absl::Mutex mu_;
  std::deque<Response> queue_ ABSL_GUARDED_BY(mu_);  // The first is being written.
  size_t queued_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool behind_ ABSL_GUARDED_BY(mu_) = false;
  bool complete_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  bool over_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_EVENT_STREAM_H_
