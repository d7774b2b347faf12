#include "services/consensus/client/sign_stream.h"

#include <utility>

#include "services/base/thread_sanitizer.h"

namespace z4j::consensus::client {

SignStream::SignStream(Connection::Target target, uint64_t session_id, Events events)
    : endpoint_(std::move(target.endpoint)),
      stub_(v1::SessionService::NewStub(target.channel)),
      events_(std::move(events)) {
  sign_.set_session_id(session_id);
  stub_->async()->KeepAlive(&context_, this);
  AddHold();  // Signs come from outside of the reactions, until reading fails.
  HandToGrpc(this);
  StartRead(&answer_);
  StartCall();
}

bool SignStream::Sign() {
  absl::MutexLock lock(&mu_);
  if (writing_ || over_) return false;
  writing_ = true;
  HandToGrpc(this);
  StartWrite(&sign_);
  return true;
}

void SignStream::OnWriteDone(bool ok) {
  TakeFromGrpc(this);
  absl::MutexLock lock(&mu_);
  writing_ = !ok;  // After a failure reading fails as well, and ends the stream.
}

void SignStream::OnReadDone(bool ok) {
  TakeFromGrpc(this);
  if (ok) {
    events_.answered(answer_);
    HandToGrpc(this);
    StartRead(&answer_);
    return;
  }
  {
    absl::MutexLock lock(&mu_);
    over_ = true;
  }
  HandToGrpc(this);
  RemoveHold();
}

void SignStream::OnDone(const grpc::Status& status) {
  TakeFromGrpc(this);
  { absl::MutexLock lock(&mu_); }  // The last sign has let go of it; see thread_sanitizer.h.
  // The owner may delete this as soon as it hears of the end.
  const auto ended = events_.ended;
  ended(status);
}

}  // namespace z4j::consensus::client
