#include "services/scheduler/rpc/fire_watch.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/hash/hash.h"
#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/answer.h"

namespace z4j::scheduler {
namespace {

constexpr size_t kForeignMax = 100'000;  // Then they are learnt anew.

// Differs when anything that can change has changed.
uint64_t FingerprintOf(const Fire& fire, const std::string& note) {
  return absl::HashOf(note, fire.state, fire.reason, fire.dispatched_at, fire.started_at,
                      fire.finished_at, fire.attempts, fire.error, fire.adapter);
}

}  // namespace

class FireWatch::Filler {
 public:
  Filler(FireWatch& watch, v1::WatchFiresResponse* out) : watch_(watch), out_(out) {}

  // Adds the fire unless the client knows it as it is; false if there is no room for it.
  bool Add(const NamedFire& named) {
    const FireKey& key = named.fire.key;
    const std::string note = watch_.notes_.OutcomeNote(named);
    const uint64_t fingerprint = FingerprintOf(named.fire, note);
    if (!IsNews(key, fingerprint)) return true;
    if (out_->fires_size() == kEventsPerMessage) return false;
    v1::Fire* const fire = out_->add_fires();
    SetFire(named.fire, named.schedule, fire);
    fire->set_outcome_note(note);
    if (!room_.KeepLast(out_->mutable_fires())) return false;
    Remember(key, fingerprint, IsFinal(named.fire.state));
    return true;
  }
  bool any() const { return out_->fires_size() > 0; }

 private:
  bool IsNews(const FireKey& key, uint64_t fingerprint) const {
    const auto sent = watch_.sent_.find(key);
    if (sent != watch_.sent_.end()) return sent->second != fingerprint;
    const auto open = watch_.open_.find(key);
    return open == watch_.open_.end() || open->second != fingerprint;
  }

  void Remember(const FireKey& key, uint64_t fingerprint, bool ended) {
    const auto [sent, is_new] = watch_.sent_.insert_or_assign(key, fingerprint);
    if (is_new) watch_.sent_order_.push_back(key);
    if (watch_.sent_order_.size() > kWatchedFiresMax) {
      watch_.sent_.erase(watch_.sent_order_.front());
      watch_.sent_order_.pop_front();
    }
    if (ended) {
      watch_.open_.erase(key);
    } else {
      watch_.open_[key] = fingerprint;
    }
    if (watch_.open_.size() > kWatchedFiresMax) watch_.open_.erase(watch_.open_.begin());
  }

  FireWatch& watch_;
  v1::WatchFiresResponse* const out_;
  AnswerRoom room_;
};

FireWatch::FireWatch(RpcContext& rpc, FireQuery query, std::string resume_token)
    : rpc_(rpc),
      notes_(rpc.store, rpc.cluster, rpc.clock.Now()),
      query_(std::move(query)),
      position_(std::move(resume_token)),
      all_there_(!position_.empty()),
      next_notes_(rpc.clock.MonoNow()),
      next_token_(rpc.clock.MonoNow()) {
  query_.ascending = true;
  query_.limit = kEventsPerMessage;
}

bool FireWatch::Selects(const FireKey& key) const {
  return key.due_at >= query_.from && (!query_.schedule || key.schedule == *query_.schedule) &&
         !foreign_.contains(key.schedule);
}

absl::StatusOr<bool> FireWatch::NextOfThoseThereAre(v1::WatchFiresResponse* out) {
  Filler filler(*this, out);
  ASSIGN_OR_RETURN(query_.after,
                   ReadPage(
                       query_, [this](const FireQuery& part) { return rpc_.store.ListFires(part); },
                       [&](const NamedFire& named) { return filler.Add(named); }));
  all_there_ = query_.after.empty();
  return true;
}

absl::StatusOr<bool> FireWatch::ReadFeed() {
  while (todo_.empty()) {
    ASSIGN_OR_RETURN(const FireFeed::Part part, rpc_.feed.After(position_));
    if (part->keys.empty()) {
      position_ = part->next;
      return false;
    }
    std::vector<FireKey> keys;
    std::copy_if(part->keys.begin(), part->keys.end(), std::back_inserter(keys),
                 [this](const FireKey& key) { return Selects(key); });
    std::sort(keys.begin(), keys.end(), &KeyLess);
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    todo_.assign(keys.begin(), keys.end());
    next_ = part->next;
    if (todo_.empty()) position_ = next_;
  }
  return true;
}

absl::Status FireWatch::SendWritten(Filler& filler) {
  while (true) {
    ASSIGN_OR_RETURN(const bool some, ReadFeed());
    if (!some) return absl::OkStatus();
    const size_t count = std::min<size_t>(todo_.size(), kRowsPerRead);
    const std::vector<FireKey> keys(todo_.begin(), todo_.begin() + count);
    ASSIGN_OR_RETURN(std::vector<NamedFire> found, rpc_.store.GetFires(keys));
    std::sort(found.begin(), found.end(), [](const NamedFire& a, const NamedFire& b) {
      return KeyLess(a.fire.key, b.fire.key);
    });
    for (const NamedFire& named : found) {
      if (named.schedule.project != query_.project) {
        if (foreign_.size() >= kForeignMax) foreign_.clear();
        foreign_.insert(named.fire.key.schedule);
      } else if (!filler.Add(named)) {
        // The rest is for the next message, each as it will be then.
        while (KeyLess(todo_.front(), named.fire.key)) todo_.pop_front();
        return absl::OkStatus();
      }
    }
    todo_.erase(todo_.begin(), todo_.begin() + count);
    if (todo_.empty()) position_ = next_;
  }
}

absl::Status FireWatch::SendNotes(MonoTime now, Filler& filler) {
  if (now < next_notes_) return absl::OkStatus();
  next_notes_ = now + kWatchedNotesEvery;
  std::vector<FireKey> keys;
  for (auto next = open_.upper_bound(looked_to_);
       keys.size() < kWatchedPerRead && next != open_.end(); ++next) {
    keys.push_back(next->first);
  }
  // A round that has reached the newest begins anew with the oldest.
  looked_to_ = keys.size() < kWatchedPerRead ? kOldest : keys.back();
  for (size_t begin = 0; begin < keys.size(); begin += kRowsPerRead) {
    const auto some = absl::MakeConstSpan(keys).subspan(begin, kRowsPerRead);
    ASSIGN_OR_RETURN(const std::vector<NamedFire> found, rpc_.store.GetFires(some));
    absl::flat_hash_set<FireKey> there;
    for (const NamedFire& named : found) {
      there.insert(named.fire.key);
      if (!filler.Add(named)) return absl::OkStatus();
    }
    for (const FireKey& key : some) {
      if (!there.contains(key)) open_.erase(key);  // Retention has taken it.
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> FireWatch::Next(v1::WatchFiresResponse* out) {
  const MonoTime now = rpc_.clock.MonoNow();  // First: what the notes are of is not older.
  notes_.Refresh(rpc_.clock.Now());
  if (position_.empty()) {
    ASSIGN_OR_RETURN(position_, rpc_.feed.Begin());
  }
  bool send = false;
  if (!all_there_) {
    ASSIGN_OR_RETURN(send, NextOfThoseThereAre(out));
    if (!all_there_) return true;
  } else {
    Filler filler(*this, out);
    RETURN_IF_ERROR(SendWritten(filler));
    if (!filler.any()) RETURN_IF_ERROR(SendNotes(now, filler));
    send = filler.any();
  }
  if (!send && (now < next_token_ || position_ == last_token_)) return false;
  next_token_ = now + kWatchTokenEvery;
  last_token_ = position_;
  out->set_resume_token(position_);
  return true;
}

}  // namespace z4j::scheduler
