#include "services/scheduler/dispatch/update_writer.h"

#include <iterator>

#include "services/base/log.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/mutants.h"

namespace z4j::scheduler {
namespace {

// Whether the same statement may succeed later.
bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status);
}

}  // namespace

UpdateWriter::UpdateWriter(ScheduleStore& store, Clock& clock, SchedulerMetrics* metrics)
    : store_(store), clock_(clock), metrics_(metrics) {}

UpdateWriter::~UpdateWriter() { Stop(); }

void UpdateWriter::SetCallbacks(Callbacks callbacks) { callbacks_ = std::move(callbacks); }

void UpdateWriter::Begin(FencingToken token) { Reset(token); }
void UpdateWriter::End() { Reset(std::nullopt); }

void UpdateWriter::Reset(std::optional<FencingToken> token) {
  std::deque<Item> dropped;
  {
    MonotoneMutexLock lock(&mu_);
    token_ = token;
    ++epoch_;
    dropped.swap(queue_);
    open_.clear();
    closed_.clear();
    one_by_one_ = false;
  }
  for (Item& item : dropped) {
    if (item.group != nullptr && item.group->done) std::exchange(item.group->done, nullptr)(false);
  }
}

void UpdateWriter::AddBatch(int64_t batch_id, int count) {
  MonotoneMutexLock lock(&mu_);
  if (!token_.has_value()) return;
  if (count == 0 && !open_.contains(batch_id)) {
    closed_.push_back(batch_id);
    return;
  }
  open_[batch_id] += count;
}

bool UpdateWriter::KnowsBatch(int64_t batch_id) const {
  MonotoneMutexLock lock(&mu_);
  return open_.contains(batch_id);
}

void UpdateWriter::RowGone(int64_t batch_id) {
  MonotoneMutexLock lock(&mu_);
  const auto found = open_.find(batch_id);
  if (found == open_.end() || --found->second > 0) return;
  open_.erase(found);
  closed_.push_back(batch_id);
}

void UpdateWriter::AddSettled(FireUpdate update, int64_t batch_id) {
  MonotoneMutexLock lock(&mu_);
  if (!token_.has_value()) return;
  queue_.push_back({std::move(update), batch_id, true, nullptr});
}

void UpdateWriter::AddOutcomes(std::vector<FireUpdate> updates, Done done) {
  {
    MonotoneMutexLock lock(&mu_);
    if (token_.has_value() && !updates.empty() && queue_.size() < kUpdatesQueuedMax) {
      auto group =
          std::make_shared<Group>(Group{static_cast<int>(updates.size()), std::move(done)});
      for (FireUpdate& update : updates) queue_.push_back({std::move(update), 0, false, group});
      return;
    }
  }
  done(updates.empty());
}

void UpdateWriter::Take(Flush& flush) {
  flush.token = *token_;
  flush.epoch = epoch_;
  const size_t limit = one_by_one_ ? 1 : kUpdatesPerFlushMax;
  while (!queue_.empty() && flush.items.size() < limit) {
    Item& item = queue_.front();
    flush.updates.push_back(std::move(item.update));
    flush.items.push_back(std::move(item));
    queue_.pop_front();
  }
  CountDown(flush);
}

void UpdateWriter::CountDown(Flush& flush) {
  flush.closed.swap(closed_);
  for (const Item& item : flush.items) {
    if (!item.settles) continue;
    const auto found = open_.find(item.batch_id);
    if (found == open_.end() || --found->second > 0) continue;
    open_.erase(found);
    flush.closed.push_back(item.batch_id);
  }
}

bool UpdateWriter::FlushOnce() {
  std::optional<Flush> stale;
  bool idle = false;
  {
    MonotoneMutexLock lock(&mu_);
    if (flush_.has_value() && flush_->epoch != epoch_) stale = std::exchange(flush_, std::nullopt);
    idle = !flush_.has_value() && (!token_.has_value() || (queue_.empty() && closed_.empty()));
    if (!flush_.has_value() && !idle) {
      flush_ = Flush();
      Take(*flush_);
    }
    flushing_ = flush_.has_value();
  }
  if (stale.has_value()) Finish(*std::move(stale), absl::AbortedError("the term has ended"));
  if (idle) return true;
  if (!DecideRetries()) return false;
  const MonoTime begin = clock_.MonoNow();
  const absl::Status status = store_.UpdateFires(flush_->token, flush_->updates, flush_->closed);
  if (metrics_) metrics_->StoreCall("update_fires", clock_.MonoNow() - begin, status.ok());
  if (IsTransient(status)) {
    FlushWaits(status);
    return false;
  }
  flushes_failed_ = 0;
  Flush flush = *std::move(flush_);
  flush_.reset();
  Finish(std::move(flush), status);
  MonotoneMutexLock lock(&mu_);
  flushing_ = false;
  return true;
}

void UpdateWriter::FlushWaits(const absl::Status& status) {
  if (flushes_failed_++ > 0) return;
  LogWarning("fire updates wait for the store", {{"status", status.ToString()}});
}

bool UpdateWriter::DecideRetries() {
  if (flush_->decided || Broken(Rule::kRetryWithItsEnd)) return true;
  const absl::Status status = run_retries_.Decide(store_, clock_.Now(), flush_->updates);
  if (!status.ok()) FlushWaits(status);
  flush_->decided = status.ok();
  return status.ok();
}

void UpdateWriter::ReportEnded(const Flush& flush, const absl::Status& status) {
  std::vector<FireId> ended;
  int retried = 0;
  for (size_t i = 0; i < flush.items.size(); ++i) {
    const FireUpdate& update = flush.updates[i];
    if (flush.items[i].settles || !MayBeRepeated(update.state)) continue;
    ended.push_back(update.id);
    if (status.ok() && update.retry != nullptr) ++retried;
  }
  if (ended.empty()) return;
  if (metrics_) metrics_->RunsRetried(retried);
  callbacks_.on_ended(ended, retried > 0);
}

void UpdateWriter::Finish(Flush flush, const absl::Status& status) {
  const bool fenced = absl::IsAborted(status);
  if (!status.ok() && !fenced && flush.items.size() > 1) {
    // Something in the batch cannot be written.  One at a time finds it and saves the others.
    LogError("fire updates refused; trying them one by one", {{"status", status.ToString()}});
    MonotoneMutexLock lock(&mu_);
    if (flush.epoch == epoch_) {
      one_by_one_ = true;
      for (size_t i = flush.items.size(); i-- > 0;) {
        flush.items[i].update = std::move(flush.updates[i]);
        if (flush.items[i].settles) ++open_[flush.items[i].batch_id];
        queue_.push_front(std::move(flush.items[i]));
      }
      for (const int64_t batch : flush.closed) {
        if (!open_.contains(batch)) closed_.push_back(batch);
      }
      return;
    }
  }
  if (!status.ok() && !fenced) {
    LogError("a fire update cannot be written", {{"status", status.ToString()}});
    MonotoneMutexLock lock(&mu_);
    // Its row stays PENDING and so its batch open: the next leader finds it.
    if (flush.epoch == epoch_) {
      for (const Item& item : flush.items) {
        if (item.settles) ++open_[item.batch_id];
      }
    }
  }
  // When a newer term writes, then nothing that this one knows counts any more.
  if (!fenced) ReportEnded(flush, status);
  std::vector<FireId> settled;
  for (size_t i = 0; i < flush.items.size(); ++i) {
    Item& item = flush.items[i];
    if (status.ok() && item.settles) settled.push_back(flush.updates[i].id);
    if (item.group == nullptr || !item.group->done) continue;
    if (!status.ok() || --item.group->left == 0) {
      std::exchange(item.group->done, nullptr)(status.ok());
    }
  }
  if (status.ok()) {
    {
      MonotoneMutexLock lock(&mu_);
      if (queue_.empty()) one_by_one_ = false;
    }
    if (!settled.empty()) callbacks_.on_durable(settled);
  } else if (fenced) {
    LogWarning("fire updates were fenced off", {{"token", flush.token.value}});
    bool current = false;
    {
      MonotoneMutexLock lock(&mu_);
      current = flush.epoch == epoch_;
    }
    if (current) {
      End();
      callbacks_.on_fenced();
    }
  }
}

int64_t UpdateWriter::queued() const {
  MonotoneMutexLock lock(&mu_);
  return static_cast<int64_t>(queue_.size());
}

void UpdateWriter::AwaitIdle(absl::Duration timeout) {
  MonotoneMutexLock lock(&mu_);
  const auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !running_ || (queue_.empty() && !flushing_);
  };
  mu_.AwaitAtMost(timeout, absl::Condition(&idle));
}

void UpdateWriter::Start() {
  StartElsewhere();
  thread_ = std::thread([this] { Loop(); });
}

void UpdateWriter::StartElsewhere() {
  MonotoneMutexLock lock(&mu_);
  running_ = true;
}

void UpdateWriter::Loop() {
  bool retry = false;
  while (true) {
    {
      MonotoneMutexLock lock(&mu_);
      const auto something = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return stopping_ || !queue_.empty() || !closed_.empty();
      };
      const auto enough = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return stopping_ || queue_.size() >= kUpdatesPerFlushMax;
      };
      if (retry) {
        const auto stopping = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return stopping_; };
        mu_.AwaitAtMost(absl::Milliseconds(100), absl::Condition(&stopping));
      } else {
        mu_.Await(absl::Condition(&something));
        mu_.AwaitAtMost(kUpdatesFlushAfter, absl::Condition(&enough));
      }
      if (stopping_) break;
    }
    retry = !FlushOnce();
  }
  while (queued() > 0 && FlushOnce()) {
  }
}

void UpdateWriter::Stop() {
  {
    MonotoneMutexLock lock(&mu_);
    stopping_ = true;
    running_ = false;
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace z4j::scheduler
