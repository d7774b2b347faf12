#include "services/consensus/raft/config_log.h"

#include <iterator>
#include <utility>

#include "services/base/check.h"
#include "services/consensus/raft/mutants.h"

namespace z4j::consensus {

std::map<Index, Config>::const_iterator ConfigLog::Find(Index index) const {
  auto after = configs_.upper_bound(index);
  return after == configs_.begin() ? after : std::prev(after);
}

void ConfigLog::Append(Index index, Config config) {
  Z4J_CHECK(index > active_index());
  configs_.emplace(index, std::move(config));
}

bool ConfigLog::TruncateFrom(Index from) {
  if (Broken(Rule::kConfigRollsBack)) return false;
  const auto first = configs_.lower_bound(from);
  if (first == configs_.end()) return false;
  Z4J_CHECK(first != configs_.begin());  // Only committed ones are compacted down to the first.
  configs_.erase(first, configs_.end());
  return true;
}

void ConfigLog::CompactTo(Index index) { configs_.erase(configs_.cbegin(), Find(index)); }

void ConfigLog::Restart(Index index, Config config) {
  configs_.clear();
  configs_.emplace(index, std::move(config));
}

}  // namespace z4j::consensus
