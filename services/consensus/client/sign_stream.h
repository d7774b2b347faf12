#ifndef Z4J_CONSENSUS_CLIENT_SIGN_STREAM_H_
#define Z4J_CONSENSUS_CLIENT_SIGN_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/client/connection.h"
#include "z4j/consensus/v1/session.grpc.pb.h"

namespace z4j::consensus::client {

// One stream of signs of life of one session.  Sign and Cancel are its owner's; it may be deleted
// once `ended` was called, which happens exactly once, last.
class SignStream final
    : public grpc::ClientBidiReactor<v1::KeepAliveRequest, v1::KeepAliveResponse> {
 public:
  // Called on gRPC's threads, one at a time; must not block.
  struct Events {
    std::function<void(const v1::KeepAliveResponse& answer)> answered;
    std::function<void(const grpc::Status& status)> ended;
  };
  SignStream(Connection::Target target, uint64_t session_id, Events events);

  const std::string& endpoint() const { return endpoint_; }
  // False: the last sign has not left yet, or the stream is over; nothing is sent.
  bool Sign() ABSL_LOCKS_EXCLUDED(mu_);
  void Cancel() { context_.TryCancel(); }

 private:
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnReadDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnDone(const grpc::Status& status) override ABSL_LOCKS_EXCLUDED(mu_);

  const std::string endpoint_;
  const std::unique_ptr<v1::SessionService::Stub> stub_;
  const Events events_;
  grpc::ClientContext context_;
  v1::KeepAliveRequest sign_;
  v1::KeepAliveResponse answer_;

  absl::Mutex mu_;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool over_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_SIGN_STREAM_H_
