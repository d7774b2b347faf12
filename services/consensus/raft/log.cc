#include "services/consensus/raft/log.h"

#include <algorithm>
#include <utility>

#include "services/base/check.h"

namespace z4j::consensus {

Log::Log(LogPosition base, std::vector<Entry> entries) : base_(base) {
  for (Entry& entry : entries) Append(std::move(entry));
}

std::optional<Term> Log::TermAt(Index index) const {
  if (index == base_.index) return base_.term;
  if (index < base_.index || index > last()) return std::nullopt;
  return At(index).term;
}

const Entry& Log::At(Index index) const {
  Z4J_CHECK(index >= first() && index <= last());
  return entries_[index - first()];
}

bool Log::IsUpToDate(LogPosition last) const {
  if (last.term != last_term()) return last.term > last_term();
  return last.index >= this->last();
}

void Log::Append(Entry entry) {
  Z4J_CHECK(entry.index == last() + 1);
  Z4J_CHECK(entry.term >= last_term());
  Z4J_CHECK(entry.data != nullptr);
  entries_.push_back(std::move(entry));
}

void Log::TruncateFrom(Index from) {
  Z4J_CHECK(from > base_.index);
  if (from > last()) return;
  entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(from - first()), entries_.end());
}

void Log::CompactTo(Index to) {
  if (to <= base_.index) return;
  Z4J_CHECK(to <= last());
  const LogPosition base{to, *TermAt(to)};
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(to - base_.index));
  base_ = base;
}

void Log::Restart(LogPosition base) {
  entries_.clear();
  base_ = base;
}

std::vector<Entry> Log::Slice(Index from, Index to, size_t entries_max, size_t bytes_max) const {
  std::vector<Entry> slice;
  size_t bytes = 0;
  for (Index index = from; index <= std::min(to, last()); index = index + 1) {
    const Entry& entry = At(index);
    bytes += entry.data->size();
    if (!slice.empty() && (slice.size() >= entries_max || bytes > bytes_max)) break;
    slice.push_back(entry);
  }
  return slice;
}

LogPosition Log::LastNotAbove(Index from, Term term) const {
  Index index = std::clamp(from, base_.index, last());
  while (index > base_.index && At(index).term > term) index = index - 1;
  return {index, *TermAt(index)};
}

}  // namespace z4j::consensus
