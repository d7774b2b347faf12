#include "services/scheduler/rpc/fire_watch.h"

#include <algorithm>

#include "absl/hash/hash.h"
#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/answer.h"

namespace z4j::scheduler {
namespace {

// Differs when anything that can change has changed.
uint64_t FingerprintOf(const Fire& fire, const std::string& note) {
  return absl::HashOf(note, fire.state, fire.reason, fire.dispatched_at, fire.started_at,
                      fire.finished_at, fire.attempts, fire.error, fire.adapter);
}

}  // namespace

FireWatch::News FireWatch::Look(NamedFire named) {
  std::string note = notes_.OutcomeNote(named);
  const uint64_t fingerprint = FingerprintOf(named.fire, note);
  return {std::move(named), std::move(note), fingerprint};
}

absl::StatusOr<std::deque<FireWatch::News>> FireWatch::ReadNewest(FireKey& read_to) {
  std::deque<News> news;
  FireQuery query = query_;
  query.limit = kWatchedPerRead;
  for (int seen = 0; seen < kWatchedFiresMax;) {
    ASSIGN_OR_RETURN(FirePage page, store_.ListFires(query));
    bool any_new = false;
    for (NamedFire& named : page.fires) {
      read_to = named.fire.key;
      const auto sent = sent_.find(named.fire.key);
      any_new = any_new || sent == sent_.end();
      News looked = Look(std::move(named));
      if (sent != sent_.end() && sent->second == looked.fingerprint) continue;
      news.push_back(std::move(looked));
      if (news.size() > kEventsPerMessage) news.pop_front();
    }
    // A burst may be longer than a page, and what was late stands among older ones.
    if (page.next.empty() || !any_new) break;
    seen += static_cast<int>(page.fires.size());
    query.after = page.next;
  }
  return news;
}

absl::StatusOr<std::deque<FireWatch::News>> FireWatch::ReadOpen(const FireKey& read_to) {
  std::vector<FireKey> keys;
  auto next = open_.upper_bound(looked_to_);
  while (keys.size() < kWatchedPerRead && next != open_.end() && KeyLess(next->first, read_to)) {
    keys.push_back((next++)->first);
  }
  // A round that has reached the newest begins anew with the oldest.
  looked_to_ = keys.size() < kWatchedPerRead ? kOldest : keys.back();
  std::deque<News> news;
  if (keys.empty()) return news;
  ASSIGN_OR_RETURN(std::vector<NamedFire> found, store_.GetFires(keys));
  std::sort(found.begin(), found.end(),
            [](const NamedFire& a, const NamedFire& b) { return KeyLess(a.fire.key, b.fire.key); });
  auto row = found.begin();
  for (const FireKey& key : keys) {
    if (row == found.end() || row->fire.key != key) {
      open_.erase(key);  // Retention has taken it.
      continue;
    }
    News looked = Look(std::move(*row++));
    if (open_[key] != looked.fingerprint) news.push_back(std::move(looked));
  }
  return news;
}

void FireWatch::Remember(const News& news) {
  const Fire& fire = news.named.fire;
  sent_[fire.key] = news.fingerprint;
  if (IsFinal(fire.state)) {
    open_.erase(fire.key);
  } else {
    open_[fire.key] = news.fingerprint;
  }
  if (open_.size() > kWatchedFiresMax) open_.erase(open_.begin());
  if (sent_.size() > kWatchedFiresMax) {
    // What is no longer remembered must not come back as new.
    query_.from = std::max(query_.from, sent_.begin()->first.due_at + absl::Microseconds(1));
    sent_.erase(sent_.begin());
  }
}

absl::StatusOr<bool> FireWatch::Next(v1::WatchFiresResponse* out) {
  notes_.Refresh(clock_.Now());
  FireKey read_to = {{}, absl::InfiniteFuture(), {}};
  ASSIGN_OR_RETURN(const std::deque<News> newest, ReadNewest(read_to));
  ASSIGN_OR_RETURN(std::deque<News> news, ReadOpen(read_to));
  news.insert(news.end(), newest.rbegin(), newest.rend());
  AnswerRoom room;
  for (const News& looked : news) {
    // The rest is still news when this message has left.
    if (out->fires_size() == kEventsPerMessage) break;
    v1::Fire* const fire = out->add_fires();
    SetFire(looked.named.fire, looked.named.schedule, fire);
    fire->set_outcome_note(looked.note);
    if (!room.KeepLast(out->mutable_fires())) break;
    Remember(looked);
  }
  return !news.empty();
}

}  // namespace z4j::scheduler
