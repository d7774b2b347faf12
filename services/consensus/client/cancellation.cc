#include "services/consensus/client/cancellation.h"

#include <grpcpp/client_context.h>

#include <utility>

#include "services/base/monotone_wait.h"

namespace z4j::consensus::client {

Cancellation::Cancellation(std::vector<Cancellation*> parents) : parents_(std::move(parents)) {
  for (Cancellation* parent : parents_) {
    if (parent == nullptr) continue;
    std::lock_guard<std::mutex> lock(parent->mu_);
    parent->children_.insert(this);
    if (parent->cancelled_) Cancel();
  }
}

Cancellation::~Cancellation() {
  for (Cancellation* parent : parents_) {
    if (parent == nullptr) continue;
    std::lock_guard<std::mutex> lock(parent->mu_);
    parent->children_.erase(this);
  }
}

void Cancellation::Cancel() {
  std::lock_guard<std::mutex> lock(mu_);
  cancelled_ = true;
  for (grpc::ClientContext* call : calls_) call->TryCancel();
  for (Cancellation* child : children_) child->Cancel();
  changed_.notify_all();
}

bool Cancellation::cancelled() const {
  std::lock_guard<std::mutex> lock(mu_);
  return cancelled_;
}

bool Cancellation::Sleep(absl::Duration duration) {
  std::unique_lock<std::mutex> lock(mu_);
  WaitAtMost(changed_, lock, duration, [this] { return cancelled_; });
  return cancelled_;
}

Cancellation::Scope::Scope(Cancellation* cancellation, grpc::ClientContext* context)
    : cancellation_(cancellation), context_(context) {
  if (cancellation_ == nullptr) return;
  std::lock_guard<std::mutex> lock(cancellation_->mu_);
  cancellation_->calls_.insert(context_);
  if (cancellation_->cancelled_) context_->TryCancel();
}

Cancellation::Scope::~Scope() {
  if (cancellation_ == nullptr) return;
  std::lock_guard<std::mutex> lock(cancellation_->mu_);
  cancellation_->calls_.erase(cancellation_->calls_.find(context_));
}

}  // namespace z4j::consensus::client
