#include "services/consensus/transport/outbox.h"

#include <utility>

#include "services/consensus/transport/convert.h"
#include "services/consensus/transport/limits.h"

namespace z4j::consensus {
namespace {

// Requests that a living peer answers at once, whoever leads.
bool IsAnswered(const Message& message) {
  return std::holds_alternative<VoteRequest>(message.body) ||
         std::holds_alternative<AppendRequest>(message.body);
}

}  // namespace

Outbox::Outbox(Clock& clock, absl::Duration stale)
    : clock_(clock),
      stale_(stale),
      queue_({.messages = kPeerQueueMessagesMax, .bytes = kPeerQueueBytesMax}) {}

void Outbox::Push(Message message) {
  absl::MutexLock lock(&mu_);
  queue_.Push(std::move(message), clock_.MonoNow());
  Pump();
}

void Outbox::Attach(FrameWriter* writer, bool busy) {
  absl::MutexLock lock(&mu_);
  writer_ = writer;
  writing_ = busy;
  unanswered_since_.reset();
  queue_.DropBefore(clock_.MonoNow() - stale_);
  Pump();
}

void Outbox::Written(FrameWriter* writer) {
  absl::MutexLock lock(&mu_);
  if (writer != writer_) return;
  writing_ = false;
  Pump();
}

void Outbox::Detach(FrameWriter* writer) {
  absl::MutexLock lock(&mu_);
  if (writer != writer_) return;
  writer_ = nullptr;
  unanswered_since_.reset();
  queue_.Clear();
}

void Outbox::Heard() {
  absl::MutexLock lock(&mu_);
  unanswered_since_.reset();
}

std::optional<MonoTime> Outbox::unanswered_since() const {
  absl::MutexLock lock(&mu_);
  return unanswered_since_;
}

void Outbox::Pump() {
  if (writer_ == nullptr || writing_) return;
  const std::optional<Message> message = queue_.Pop();
  if (!message.has_value()) return;
  if (IsAnswered(*message) && !unanswered_since_.has_value()) {
    unanswered_since_ = clock_.MonoNow();
  }
  pb::PeerFrame frame;
  SetMessage(*message, frame.mutable_message());
  writing_ = true;
  writer_->Write(std::move(frame));
}

}  // namespace z4j::consensus
