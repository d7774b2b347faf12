#include "services/consensus/raft/reads.h"

#include <algorithm>

#include "services/consensus/limits.h"

namespace z4j::consensus {

bool ReadRounds::Add(ReadAsked read, std::optional<Index> commit) {
  if (reads_.size() + waiting_.size() >= kPendingReadsMax) return false;
  if (commit.has_value()) {
    reads_.push_back({read, *commit, round_ + 1});
  } else {
    waiting_.push_back(read);
  }
  return true;
}

void ReadRounds::Confirmable(Index commit) {
  for (ReadAsked read : waiting_) reads_.push_back({read, commit, round_ + 1});
  waiting_.clear();
}

std::vector<ReadRounds::Confirmed> ReadRounds::Confirm(uint64_t round) {
  std::vector<Confirmed> confirmed;
  while (!reads_.empty() && reads_.front().round <= round) {
    confirmed.push_back({reads_.front().read, reads_.front().index});
    reads_.pop_front();
  }
  return confirmed;
}

std::vector<ReadAsked> ReadRounds::TakeAll() {
  std::vector<ReadAsked> all;
  for (const Pending& pending : reads_) all.push_back(pending.read);
  all.insert(all.end(), waiting_.begin(), waiting_.end());
  reads_.clear();
  waiting_.clear();
  return all;
}

std::optional<uint64_t> ReadsAsked::Add(uint64_t context, MonoTime now) {
  if (questions_.size() >= kPendingReadsMax) return std::nullopt;
  questions_.push_back({next_, context, now});
  return next_++;
}

std::optional<uint64_t> ReadsAsked::Take(uint64_t number) {
  const auto question = std::lower_bound(
      questions_.begin(), questions_.end(), number,
      [](const Question& question, uint64_t wanted) { return question.number < wanted; });
  if (question == questions_.end() || question->number != number) return std::nullopt;
  const uint64_t context = question->context;
  questions_.erase(question);
  return context;
}

std::vector<uint64_t> ReadsAsked::TakeOlder(MonoTime until) {
  std::vector<uint64_t> contexts;
  while (!questions_.empty() && questions_.front().asked <= until) {
    contexts.push_back(questions_.front().context);
    questions_.pop_front();
  }
  return contexts;
}

std::optional<MonoTime> ReadsAsked::oldest() const {
  if (questions_.empty()) return std::nullopt;
  return questions_.front().asked;
}

}  // namespace z4j::consensus
