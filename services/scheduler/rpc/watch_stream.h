#ifndef Z4J_SCHEDULER_RPC_WATCH_STREAM_H_
#define Z4J_SCHEDULER_RPC_WATCH_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "services/base/grpc_status.h"
#include "services/scheduler/rpc/context.h"

namespace z4j::scheduler {

// Where a watch stream gets its messages from.  Called by one thread at a time; may block.
template <typename Response>
class WatchSource {
 public:
  virtual ~WatchSource() = default;
  // Fills `out` with what the client does not know yet; false if that is nothing.
  virtual absl::StatusOr<bool> Next(Response* out) = 0;
};

// A server stream that is pulled: one message is on its way at most, and the next is made from the
// state of then.  So a slow client costs one message, and gets the newest state.
template <typename Response>
class WatchStream final : public grpc::ServerWriteReactor<Response>, public Watcher {
 public:
  // Opens the stream and returns its reactor.
  static grpc::ServerWriteReactor<Response>* Open(RpcContext& rpc,
                                                  std::unique_ptr<WatchSource<Response>> source) {
    auto stream = std::shared_ptr<WatchStream>(new WatchStream(rpc.hub, std::move(source)));
    stream->self_ = stream;
    stream->StartSendInitialMetadata();
    if (!rpc.hub.Add(stream)) {
      stream->End(absl::ResourceExhaustedError("too many watch streams are open on this node"));
    }
    return stream.get();
  }

  // A stream that ends at once, for a request that is wrong.
  static grpc::ServerWriteReactor<Response>* Refuse(const absl::Status& status) {
    class Refused final : public grpc::ServerWriteReactor<Response> {
      void OnDone() override { delete this; }
    };
    auto* refused = new Refused;
    refused->Finish(ToGrpcStatus(status));
    return refused;
  }

  void Poll() override {
    {
      absl::MutexLock lock(&mu_);
      if (busy_) poll_again_ = true;
      if (busy_ || finished_) return;
      busy_ = true;
    }
    response_.Clear();
    const absl::StatusOr<bool> news = source_->Next(&response_);
    absl::MutexLock lock(&mu_);
    if (!news.ok()) end_ = news.status();
    if (!end_.ok() || !*news) {
      Rest();
    } else {
      this->StartWrite(&response_);  // Busy until OnWriteDone.
    }
  }

  void Close() override {
    End(absl::UnavailableError("the node is going away; watch again with the last revision"));
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mu_);
    if (!ok) end_ = absl::CancelledError("the client is gone");
    poll_again_ = true;  // There may be more.
    Rest();
  }

  void OnCancel() override { End(absl::CancelledError("the client is gone")); }

  void OnDone() override {
    { absl::MutexLock lock(&mu_); }  // Who ended it has let go of it; see thread_sanitizer.h.
    hub_.Remove(self_);
    self_.reset();  // The last poll, if one is queued, holds another reference.
  }

 private:
  WatchStream(WatchHub& hub, std::unique_ptr<WatchSource<Response>> source)
      : hub_(hub), source_(std::move(source)) {}

  void End(absl::Status status) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (!end_.ok()) return;
    end_ = std::move(status);
    if (!busy_) Rest();
  }

  // Nothing is being read or written any more: ends the stream if it is to end, or looks again.
  void Rest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    busy_ = false;
    if (!end_.ok()) {
      if (!std::exchange(finished_, true)) this->Finish(ToGrpcStatus(end_));
    } else if (std::exchange(poll_again_, false)) {
      hub_.Soon(self_);
    }
  }

  WatchHub& hub_;
  const std::unique_ptr<WatchSource<Response>> source_;
  std::shared_ptr<WatchStream> self_;  // Until OnDone.
  Response response_;                  // The busy one's.

  absl::Mutex mu_;
  bool busy_ ABSL_GUARDED_BY(mu_) = false;
  bool poll_again_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_WATCH_STREAM_H_
