#ifndef Z4J_CONSENSUS_RAFT_LOG_H_
#define Z4J_CONSENSUS_RAFT_LOG_H_

#include <deque>
#include <optional>
#include <vector>

#include "services/consensus/raft/types.h"

// The log since the last compaction, in memory, whether it is on the disk already or not.
namespace z4j::consensus {

struct LogPosition {
  Index index;
  Term term;
  friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

class Log {
 public:
  // `base`: the position before the first entry.
  explicit Log(LogPosition base, std::vector<Entry> entries = {});

  Index first() const { return base_.index + 1; }
  Index last() const { return base_.index + entries_.size(); }
  Term last_term() const { return *TermAt(last()); }

  // None: before base or behind last.  Never a stand-in: a missing term matches nothing.
  std::optional<Term> TermAt(Index index) const;
  bool Matches(LogPosition position) const { return TermAt(position.index) == position.term; }
  const Entry& At(Index index) const;  // first() <= index <= last().

  // §5.4.1: would a candidate whose log ends at `last` be as up to date as this one?
  bool IsUpToDate(LogPosition last) const;

  // The entry must follow the last one.
  void Append(Entry entry);
  // Forgets `from` and everything behind it.  from > base.
  void TruncateFrom(Index from);
  // Forgets everything up to `to`, which becomes the base.  to <= last().
  void CompactTo(Index to);
  // Forgets everything.
  void Restart(LogPosition base);

  // Entries from `from` on: as many as stay within both bounds, and at least one if there is one.
  std::vector<Entry> Slice(Index from, Index to, size_t entries_max, size_t bytes_max) const;

  // The largest position at or before `from` whose term is not above `term`: where two logs may
  // agree, skipping a whole term at a time (§5.3's optimisation, on both sides).  The base's, if
  // all entries are of later terms.
  LogPosition LastNotAbove(Index from, Term term) const;

 private:
  LogPosition base_;
  std::deque<Entry> entries_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_LOG_H_
