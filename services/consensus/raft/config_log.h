#ifndef Z4J_CONSENSUS_RAFT_CONFIG_LOG_H_
#define Z4J_CONSENSUS_RAFT_CONFIG_LOG_H_

#include <map>

#include "services/consensus/raft/types.h"

// Which configuration is in force at which index.  A configuration holds from its append on (§4.1
// of the thesis), so a truncation brings the earlier one back.
namespace z4j::consensus {

class ConfigLog {
 public:
  ConfigLog(Index index, Config config) { Restart(index, std::move(config)); }

  const Config& active() const { return configs_.rbegin()->second; }
  Index active_index() const { return configs_.rbegin()->first; }

  // In force at `index`; the oldest one known, if that is later.
  const Config& At(Index index) const { return Find(index)->second; }
  Index IndexAt(Index index) const { return Find(index)->first; }

  void Append(Index index, Config config);
  // Returns whether another configuration came into force.
  bool TruncateFrom(Index from);
  // Forgets what is only needed before `index`.
  void CompactTo(Index index);
  void Restart(Index index, Config config);

 private:
  std::map<Index, Config>::const_iterator Find(Index index) const;

  std::map<Index, Config> configs_;  // Never empty.
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_CONFIG_LOG_H_
