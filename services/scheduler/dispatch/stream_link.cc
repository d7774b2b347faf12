#include "services/scheduler/dispatch/stream_link.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/scheduler/dispatch/stream_convert.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

// gRPC refuses messages over 4 MiB unless told otherwise; a template has at most ~130 KiB.
constexpr size_t kBatchBytes = 1 << 20;

}  // namespace

StreamLink::StreamLink(AdapterInfo info, StreamCall* call, MonoTime now)
    : info_(std::move(info)), call_(call), last_heard_(now) {}

AdapterInfo StreamLink::Info() const {
  absl::MutexLock lock(&mu_);
  return info_;
}

bool StreamLink::Send(std::vector<DispatchItem> items) {
  absl::MutexLock lock(&mu_);
  if (call_ == nullptr || closing_.has_value()) return false;
  v1::ConnectResponse message;
  size_t bytes = 0;
  for (const DispatchItem& item : items) {
    if (bytes > kBatchBytes) {
      Push(std::exchange(message, {}));
      bytes = 0;
    }
    v1::DispatchBatch* batch = message.mutable_dispatch();
    if (templates_.size() >= kTemplatesPerStreamMax) reset_templates_ = true;
    if (reset_templates_ && batch->fires_size() > 0) {
      // A reset stands at the head of a message, before the templates that count again.
      Push(std::exchange(message, {}));
      bytes = 0;
      batch = message.mutable_dispatch();
    }
    if (std::exchange(reset_templates_, false)) {
      batch->set_reset_templates(true);
      templates_.clear();
    }
    if (templates_.insert(item.task->id).second) {
      v1::TaskTemplate* task = batch->add_templates();
      SetTemplate(*item.task, task);
      bytes += task->ByteSizeLong();
    }
    SetDispatch(item, batch->add_fires());
    bytes += 100;
  }
  if (message.has_dispatch()) Push(std::move(message));
  return true;
}

void StreamLink::Cancel(const FireKey& key, FireId id, bool terminate) {
  absl::MutexLock lock(&mu_);
  v1::ConnectResponse message;
  message.mutable_control()->set_id(next_control_++);
  v1::CancelFire* cancel = message.mutable_control()->mutable_cancel();
  cancel->set_fire_id(id.value.ToBytes());
  cancel->set_fire_ref(EncodeFireRef(key));
  cancel->set_terminate(terminate);
  Push(std::move(message));
}

void StreamLink::LookUp(const std::vector<FireRef>& fires) {
  absl::MutexLock lock(&mu_);
  look_up_ = next_control_++;
  v1::ConnectResponse message;
  message.mutable_control()->set_id(look_up_);
  for (const FireRef& fire : fires) {
    v1::LookUpOutcomes::Asked* asked = message.mutable_control()->mutable_look_up()->add_fires();
    asked->set_fire_id(fire.id.value.ToBytes());
    asked->set_fire_ref(EncodeFireRef(fire.key));
  }
  Push(std::move(message));
}

void StreamLink::Ask(const AdapterQuestion& question, MonoTime deadline, OnAnswer done) {
  absl::Status refused;
  {
    absl::MutexLock lock(&mu_);
    if (call_ == nullptr || closing_.has_value()) {
      refused = absl::UnavailableError("the adapter is not connected any more");
    } else if (asks_.full()) {
      refused = absl::ResourceExhaustedError(absl::StrCat("the adapter owes ", kAsksPerAdapterMax,
                                                          " answers; try again in some seconds"));
    } else {
      const int64_t id = next_control_++;
      asks_.Add(id, deadline, std::move(done));
      v1::ConnectResponse message;
      message.mutable_control()->set_id(id);
      SetQuestion(question, message.mutable_control());
      Push(std::move(message));
    }
  }
  if (!refused.ok()) done(refused);
}

void StreamLink::Answered(const v1::ControlReply& reply) {
  OnAnswer done;
  {
    absl::MutexLock lock(&mu_);
    done = asks_.Take(reply.id());
  }
  if (done) done(ToAnswer(reply));
}

void StreamLink::GiveUpLateAsks(MonoTime now) {
  std::vector<OnAnswer> late;
  {
    absl::MutexLock lock(&mu_);
    late = asks_.TakeLate(now);
  }
  for (OnAnswer& done : late) {
    done(absl::UnavailableError(
        absl::StrCat("the adapter did not answer within ", absl::FormatDuration(kAskMax))));
  }
}

bool StreamLink::IsLookUp(int64_t id) const {
  absl::MutexLock lock(&mu_);
  return id == look_up_;
}

void StreamLink::Welcome(const std::string& node) {
  absl::MutexLock lock(&mu_);
  v1::ConnectResponse message;
  message.mutable_welcome()->set_node(node);
  message.mutable_welcome()->set_max_in_flight(info_.max_in_flight);
  message.mutable_welcome()->mutable_heartbeat_interval()->set_seconds(
      absl::ToInt64Seconds(kHeartbeatInterval));
  Push(std::move(message));
}

void StreamLink::SetRole(bool leader) {
  absl::MutexLock lock(&mu_);
  ++role_epoch_;
  outcomes_.clear();
  stuck_since_.reset();
  ack_ = 0;
  v1::ConnectResponse message;
  message.mutable_role()->set_leader(leader);
  Push(std::move(message));
}

void StreamLink::Drain() {
  absl::MutexLock lock(&mu_);
  v1::ConnectResponse message;
  message.mutable_drain();
  Push(std::move(message));
}

void StreamLink::Close(const grpc::Status& status) {
  absl::MutexLock lock(&mu_);
  if (!closing_.has_value()) closing_ = status;
  Pump();
}

void StreamLink::Abort(const grpc::Status& status) {
  absl::MutexLock lock(&mu_);
  if (!closing_.has_value()) closing_ = status;
  queue_.clear();
  ack_ = 0;
  if (call_ != nullptr && !ended_) call_->Abort();
  Pump();
}

bool StreamLink::closed() const {
  absl::MutexLock lock(&mu_);
  return call_ == nullptr || closing_.has_value();
}

void StreamLink::Push(v1::ConnectResponse message) {
  if (call_ == nullptr || closing_.has_value()) return;
  if (queue_.size() >= kStreamMessagesQueuedMax) {
    // It does not read; what it was to get is sent to the next connection.
    queue_.clear();
    closing_ = grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "the adapter does not read");
    call_->Abort();
  } else {
    queue_.push_back(std::move(message));
  }
  Pump();
}

void StreamLink::Pump() {
  if (call_ == nullptr || is_writing_ || ended_) return;
  if (!queue_.empty()) {
    writing_ = std::move(queue_.front());
    queue_.pop_front();
  } else if (ack_ > 0 && !closing_.has_value()) {
    writing_.Clear();
    writing_.mutable_outcomes_ack()->set_sequence(std::exchange(ack_, 0));
  } else {
    if (closing_.has_value()) {
      ended_ = true;
      call_->End(*closing_);
    }
    return;
  }
  is_writing_ = true;
  call_->Write(writing_);
}

void StreamLink::OnWritten(bool ok) {
  absl::MutexLock lock(&mu_);
  is_writing_ = false;
  if (!ok) {
    queue_.clear();
    ack_ = 0;
    if (!closing_.has_value()) closing_ = grpc::Status(grpc::StatusCode::UNAVAILABLE, "broken");
  }
  Pump();
}

void StreamLink::Detach() {
  std::vector<OnAnswer> unanswered;
  {
    absl::MutexLock lock(&mu_);
    call_ = nullptr;
    queue_.clear();
    unanswered = asks_.TakeAll();
  }
  for (OnAnswer& done : unanswered) {
    done(absl::UnavailableError("the adapter disconnected before it answered"));
  }
}

void StreamLink::Heard(MonoTime now) {
  absl::MutexLock lock(&mu_);
  last_heard_ = now;
}

void StreamLink::SetCapabilities(AdapterCapabilities capabilities) {
  absl::MutexLock lock(&mu_);
  info_.capabilities = std::move(capabilities);
}

void StreamLink::ForgetTemplates() {
  absl::MutexLock lock(&mu_);
  reset_templates_ = true;
}

int64_t StreamLink::BeginOutcomes(int64_t sequence) {
  absl::MutexLock lock(&mu_);
  outcomes_[sequence] = false;
  return role_epoch_;
}

void StreamLink::Settled(int64_t role_epoch, int64_t sequence, bool durable, MonoTime now) {
  absl::MutexLock lock(&mu_);
  if (role_epoch != role_epoch_) return;  // The adapter has taken them back already.
  if (!durable) {
    if (!stuck_since_.has_value()) stuck_since_ = now;
    return;
  }
  outcomes_[sequence] = true;
  while (!outcomes_.empty() && outcomes_.begin()->second) {
    ack_ = outcomes_.begin()->first;
    outcomes_.erase(outcomes_.begin());
  }
  Pump();
}

MonoTime StreamLink::last_heard() const {
  absl::MutexLock lock(&mu_);
  return last_heard_;
}

std::optional<MonoTime> StreamLink::stuck_since() const {
  absl::MutexLock lock(&mu_);
  return stuck_since_;
}

}  // namespace z4j::scheduler
