#include "services/scheduler/mutate/working.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace z4j::scheduler {

namespace {

// What `mutation` is answered.
MutationResult ResultOf(const Mutation& mutation, const Decision& decision) {
  if (!mutation.brief || !decision.result.schedule.has_value()) return decision.result;
  MutationResult result;
  result.version = {KeyOf(mutation.action), decision.result.schedule->schedule.revision};
  result.fire = decision.result.fire;
  result.notes = decision.result.notes;
  return result;
}

}  // namespace

absl::StatusOr<MutationResult> Working::Run(const Mutation& mutation, const std::string& hash,
                                            const Uuid& fresh_id) {
  RETURN_IF_ERROR(CheckRequestId(mutation.request_id));
  Answers* answers = nullptr;
  if (const std::string request_key = RequestKey(mutation); !request_key.empty()) {
    ASSIGN_OR_RETURN(answers, AnswersOf(request_key));
    ASSIGN_OR_RETURN(std::optional<MutationResult> answered, answers->Find(mutation, hash));
    if (answered.has_value()) return *std::move(answered);
  }
  const ScheduleKey key = KeyOf(mutation.action);
  const auto changed = changed_.find(key);
  if (changed != changed_.end() &&
      (std::holds_alternative<DeleteSchedule>(mutation.action) || !changed->second.has_value())) {
    return absl::FailedPreconditionError(
        absl::StrCat("'", ResourceName(key),
                     "' is deleted and changed in one batch; send the "
                     "deletion by itself"));
  }
  const Moment moment{now_, read_->head.seq + static_cast<int64_t>(writes_.audit.size()) + 1,
                      fresh_id, offers_};
  ASSIGN_OR_RETURN(Decision decision, Decide(Find(key), mutation, moment));
  MutationResult result = ResultOf(mutation, decision);
  if (mutation.validate_only) return result;
  if (answers != nullptr) answers->Add(mutation, hash, result);
  if (decision.effect != Decision::Effect::kNothing) Take(key, std::move(decision));
  return result;
}

bool Working::dirty() const {
  return !writes_.audit.empty() || std::any_of(requests_.begin(), requests_.end(),
                                               [](const auto& r) { return r.second.is_changed(); });
}

const StoredSchedule* Working::Find(const ScheduleKey& key) const {
  if (const auto changed = changed_.find(key); changed != changed_.end()) {
    return changed->second.has_value() ? &*changed->second : nullptr;
  }
  const auto read = read_->schedules.find(key);
  return read == read_->schedules.end() ? nullptr : &read->second;
}

absl::StatusOr<Answers*> Working::AnswersOf(const std::string& id) {
  if (const auto taken = requests_.find(id); taken != requests_.end()) return &taken->second;
  Answers answers;
  if (const auto read = read_->requests.find(id); read != read_->requests.end()) {
    ASSIGN_OR_RETURN(answers, Answers::Read(read->second));
  }
  return &requests_.emplace(id, std::move(answers)).first->second;
}

void Working::Take(const ScheduleKey& key, Decision decision) {
  switch (decision.effect) {
    case Decision::Effect::kNothing:
    case Decision::Effect::kFireOnly:
    case Decision::Effect::kEntryOnly:
      break;
    case Decision::Effect::kInsert:
    case Decision::Effect::kUpdate:
      changed_[key] = std::move(decision.result.schedule);
      break;
    case Decision::Effect::kDelete:
      changed_[key] = std::nullopt;
      writes_.deleted.push_back(key);
      break;
  }
  for (Fire& fire : decision.fires) writes_.fires.push_back(std::move(fire));
  for (const FireKey& fire : decision.cancelled) writes_.cancelled.push_back(fire);
  writes_.audit.push_back(std::move(decision.audit));
}

absl::StatusOr<WriteSet> Working::Finish(ChainMac& mac, const Keyring& keys) && {
  for (auto& [key, stored] : changed_) {
    if (!stored.has_value()) continue;
    const auto read = read_->schedules.find(key);
    if (read == read_->schedules.end()) {
      writes_.inserted.push_back(*std::move(stored));
      continue;
    }
    if (stored->cursor.watermark > read->second.cursor.watermark) {
      writes_.watermarks.emplace_back(stored->schedule.id, stored->cursor.watermark);
    }
    writes_.updated.push_back(std::move(stored->schedule));
  }
  for (const auto& [id, answers] : requests_) {
    if (answers.is_changed()) writes_.requests.push_back(answers.Store(id, now_));
  }
  ASSIGN_OR_RETURN(writes_.head, AppendToChain(mac, keys, read_->head, writes_.audit));
  return std::move(writes_);
}

}  // namespace z4j::scheduler
