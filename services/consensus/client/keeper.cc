#include "services/consensus/client/keeper.h"

#include <utility>

#include "services/base/monotone_wait.h"
#include "services/consensus/client/failure.h"

namespace z4j::consensus::client {

Keeper::Keeper(Connection& connection, Options options)
    : connection_(connection),
      options_(std::move(options)),
      keep_alive_(options_.ttl, connection.nodes(), connection.NextSeed()),
      thread_([this] { Run(); }) {}

Keeper::~Keeper() { Stop(); }

std::optional<MonoTime> Keeper::trusted_until() const {
  std::lock_guard<std::mutex> lock(mu_);
  return stopping_ ? std::nullopt : keep_alive_.trusted_until();
}

bool Keeper::lost() const {
  std::lock_guard<std::mutex> lock(mu_);
  return keep_alive_.lost();
}

void Keeper::Lost() {
  std::lock_guard<std::mutex> lock(mu_);
  keep_alive_.Lost();
  changed_.notify_all();
}

void Keeper::Stop() {
  {
    std::lock_guard<std::mutex> lock(mu_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Keeper::Run() {
  std::unique_lock<std::mutex> lock(mu_);
  while (Step(lock)) {
  }
}

bool Keeper::Step(std::unique_lock<std::mutex>& lock) {
  if (ended_.has_value()) {
    TakeEnd(lock);
    return true;
  }
  if (std::exchange(answered_, false) && stream_ != nullptr) {
    const std::string endpoint = stream_->endpoint();
    lock.unlock();
    connection_.Leads(endpoint);
    lock.lock();
    return true;
  }
  const std::pair<bool, bool> news(keep_alive_.trusted_until().has_value(), keep_alive_.lost());
  if (std::exchange(told_, news) != news) {
    lock.unlock();
    options_.on_change(news.second);
    lock.lock();
    return true;
  }
  if (stopping_ && stream_ == nullptr) return false;
  const MonoTime now = connection_.clock().MonoNow();
  KeepAlive::Step step = keep_alive_.Next(now);
  if (stopping_) step.act = KeepAlive::Act::kRest;
  switch (step.act) {
    case KeepAlive::Act::kDial:
      Dial(lock);
      return true;
    case KeepAlive::Act::kSign:
      Sign(lock);
      return true;
    case KeepAlive::Act::kDrop:
      keep_alive_.Dropped();
      Cancel(lock);
      return true;
    case KeepAlive::Act::kRest:
      if (stream_ != nullptr) Cancel(lock);
      step.at = now + absl::InfiniteDuration();
      break;
    case KeepAlive::Act::kWait:
      break;
  }
  WaitAtMost(changed_, lock, step.at - now, [this, rests = step.act == KeepAlive::Act::kRest] {
    const bool may_rest = keep_alive_.lost() || stopping_;
    return answered_ || ended_.has_value() || rests != may_rest ||
           (stopping_ && stream_ == nullptr);
  });
  return true;
}

void Keeper::Dial(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  SignStream::Events events;
  events.answered = [this](const v1::KeepAliveResponse& answer) { OnAnswer(answer); };
  events.ended = [this](const grpc::Status& status) {
    Failure failure = FailureOf(status);
    std::lock_guard<std::mutex> guard(mu_);
    ended_ = std::move(failure);
    changed_.notify_all();
  };
  stream_ =
      std::make_unique<SignStream>(connection_.target(), options_.session_id, std::move(events));
  lock.lock();
  keep_alive_.Dialed(connection_.clock().MonoNow());
}

void Keeper::Sign(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  if (options_.before_sign) options_.before_sign();
  lock.lock();
  if (stopping_ || ended_.has_value()) return;
  keep_alive_.Signed(connection_.clock().MonoNow());
  // A sign that cannot leave counts as one without an answer, which ends the stream in time.
  stream_->Sign();
}

void Keeper::Cancel(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  stream_->Cancel();
  lock.lock();
}

void Keeper::OnAnswer(const v1::KeepAliveResponse& answer) {
  if (answer.session_id() != options_.session_id) return;
  const absl::Duration ttl =
      absl::Seconds(answer.ttl().seconds()) + absl::Nanoseconds(answer.ttl().nanos());
  std::lock_guard<std::mutex> lock(mu_);
  keep_alive_.Answered(answer.lost(), answer.lost() ? options_.ttl : ttl);
  answered_ = true;
  changed_.notify_all();
}

void Keeper::TakeEnd(std::unique_lock<std::mutex>& lock) {
  const Failure failure = *std::exchange(ended_, std::nullopt);
  const std::unique_ptr<SignStream> stream = std::move(stream_);
  lock.unlock();
  const bool hinted = connection_.Failed(stream->endpoint(), failure);
  lock.lock();
  if (failure.reason == Reason::kSessionLost) keep_alive_.Lost();
  keep_alive_.Ended(connection_.clock().MonoNow(), hinted);
}

}  // namespace z4j::consensus::client
