#include "services/scheduler/rpc/fire_feed.h"

#include <utility>

#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

// Nobody watches any more.
constexpr absl::Duration kUnread = absl::Seconds(5);
// Of PostgreSQL's positions the cost grows with their age, and old ones are refused.
constexpr absl::Duration kEndKept = absl::Seconds(20);
constexpr size_t kPartsMax = 1000;

}  // namespace

bool FireFeed::IsOld() const {
  const MonoTime now = clock_.MonoNow();
  return end_.empty() || now - last_read_ > kUnread || now - end_made_ > kEndKept;
}

void FireFeed::AwaitReader() {
  const auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !reading_; };
  mu_.Await(absl::Condition(&idle));
}

absl::StatusOr<std::string> FireFeed::Begin() {
  {
    absl::MutexLock lock(&mu_);
    if (!IsOld()) return end_;
  }
  return Restart();
}

absl::StatusOr<std::string> FireFeed::Restart() {
  {
    absl::MutexLock lock(&mu_);
    AwaitReader();
    if (!IsOld()) return end_;
    reading_ = true;
  }
  absl::StatusOr<WrittenFires> now = store_.ListWritten("", "", kWrittenPerRead);
  absl::MutexLock lock(&mu_);
  reading_ = false;
  RETURN_IF_ERROR(now.status());
  end_ = std::move(now->next);
  end_made_ = last_read_ = clock_.MonoNow();
  in_vain_ = -1;
  return end_;
}

absl::Status FireFeed::ReadOn(const std::string& end) {
  int64_t mine = 0;
  {
    absl::MutexLock lock(&mu_);
    AwaitReader();
    if (end_ != end) return absl::OkStatus();  // Somebody has.
    reading_ = true;
    mine = ++reads_;
  }
  absl::StatusOr<WrittenFires> written = store_.ListWritten(end, "", kWrittenPerRead);
  absl::MutexLock lock(&mu_);
  reading_ = false;
  if (!written.ok()) {
    Forget();
    return written.status();
  }
  last_read_ = clock_.MonoNow();
  if (written->keys.empty()) {
    in_vain_ = mine;
  } else {
    Keep(std::make_shared<const WrittenFires>(*std::move(written)));
  }
  return absl::OkStatus();
}

void FireFeed::Forget() {
  end_.clear();
  parts_.clear();
  order_.clear();
  keys_ = 0;
}

void FireFeed::Keep(Part part) {
  keys_ += part->keys.size();
  order_.push_back(end_);
  end_ = part->next;
  end_made_ = last_read_;
  in_vain_ = -1;
  parts_[order_.back()] = std::move(part);
  while (order_.size() > 1 && (keys_ > kFeedKeysMax || order_.size() > kPartsMax)) {
    const auto oldest = parts_.find(order_.front());
    keys_ -= oldest->second->keys.size();
    parts_.erase(oldest);
    order_.pop_front();
  }
}

absl::StatusOr<FireFeed::Part> FireFeed::After(std::string position) {
  int64_t asked = -1;
  while (true) {
    std::string end;
    bool restart = false;
    {
      absl::MutexLock lock(&mu_);
      if (asked < 0) asked = reads_;
      if (const auto kept = parts_.find(position); kept != parts_.end()) return kept->second;
      if (position == end_ && in_vain_ > asked) {
        return std::make_shared<const WrittenFires>(WrittenFires{{}, position});
      }
      restart = IsOld();
      end = end_;
    }
    if (restart) {
      RETURN_IF_ERROR(Restart().status());
    } else if (position == end) {
      RETURN_IF_ERROR(ReadOn(end));
    } else {
      ASSIGN_OR_RETURN(WrittenFires written, store_.ListWritten(position, end, kWrittenPerRead));
      if (!written.keys.empty()) return std::make_shared<const WrittenFires>(std::move(written));
      position = written.next;
    }
  }
}

}  // namespace z4j::scheduler
