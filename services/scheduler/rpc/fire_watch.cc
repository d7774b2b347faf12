#include "services/scheduler/rpc/fire_watch.h"

#include <algorithm>

#include "absl/hash/hash.h"
#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

// Differs when anything that can change has changed.
uint64_t FingerprintOf(const Fire& fire, const std::string& note) {
  return absl::HashOf(note, fire.state, fire.reason, fire.dispatched_at, fire.started_at,
                      fire.finished_at, fire.attempts, fire.error, fire.adapter);
}

}  // namespace

absl::StatusOr<std::vector<FireWatch::News>> FireWatch::ReadNews() {
  std::vector<News> news;
  FireQuery query = query_;
  query.limit = kPageSizeMax;
  notes_.Refresh(clock_.Now());
  for (int seen = 0; seen < kWatchedFiresMax;) {
    ASSIGN_OR_RETURN(FirePage page, store_.ListFires(query));
    bool all_new = true;
    for (NamedFire& named : page.fires) {
      const auto sent = sent_.find({named.fire.key.due_at, named.fire.id});
      all_new = all_new && sent == sent_.end();
      std::string note = notes_.OutcomeNote(named);
      const uint64_t fingerprint = FingerprintOf(named.fire, note);
      if (sent == sent_.end() || sent->second != fingerprint) {
        news.push_back({std::move(named), std::move(note), fingerprint});
      }
    }
    // A burst may be longer than a page; otherwise the rest was looked at when it was new.
    if (page.next.empty() || !all_new) break;
    seen += static_cast<int>(page.fires.size());
    query.after = page.next;
  }
  std::reverse(news.begin(), news.end());
  return news;
}

absl::StatusOr<bool> FireWatch::Next(v1::WatchFiresResponse* out) {
  ASSIGN_OR_RETURN(std::vector<News> news, ReadNews());
  // The rest is still news when this message has left.
  if (news.size() > kEventsPerMessage) news.resize(kEventsPerMessage);
  for (const auto& [named, note, fingerprint] : news) {
    v1::Fire* const fire = out->add_fires();
    SetFire(named.fire, named.schedule, fire);
    fire->set_outcome_note(note);
    sent_[{named.fire.key.due_at, named.fire.id}] = fingerprint;
  }
  while (sent_.size() > kWatchedFiresMax) {
    // What is no longer remembered must not come back as new.
    query_.from = std::max(query_.from, sent_.begin()->first.first + absl::Microseconds(1));
    sent_.erase(sent_.begin());
  }
  return !news.empty();
}

}  // namespace z4j::scheduler
