#ifndef Z4J_CONSENSUS_CLIENT_LEADER_FINDER_H_
#define Z4J_CONSENSUS_CLIENT_LEADER_FINDER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/consensus/client/result.h"

namespace z4j::consensus::client {

// Whom to ask: the leader as far as known, else one endpoint after the other.  It is told what
// became of each request, whoever sent it.  Pure; not thread-safe.
class LeaderFinder {
 public:
  // `endpoints`: not empty.  `first`: which of them is asked first, modulo their number; clients
  // that begin with different ones spread their load.
  explicit LeaderFinder(std::vector<std::string> endpoints, size_t first = 0);

  const std::string& target() const { return target_; }
  // The target has answered as the leader does, and nothing was heard since that it is not.
  bool sure() const { return sure_; }
  size_t endpoints() const { return endpoints_.size(); }

  // `endpoint` did what only a leader does.  True: so far it was not known to lead.
  bool Leads(const std::string& endpoint);
  // `endpoint` said that it does not lead, and perhaps who does.  True: its hint is followed, so
  // the target may be asked at once.  Of two hints the one of the greater term is followed; one
  // that was followed in vain is not followed again before all endpoints were asked.
  bool DoesNotLead(const std::string& endpoint, const std::optional<LeaderHint>& hint);
  // `endpoint` did not answer, or not as it should.
  void Failed(const std::string& endpoint);

 private:
  // The target is asked no more.
  void MoveOn();

  const std::vector<std::string> endpoints_;
  size_t next_;  // The endpoint to ask when nothing better is known.
  std::string target_;
  bool sure_ = false;
  uint64_t term_ = 0;      // Of the last hint followed.
  size_t since_hint_ = 0;  // Targets given up since then.
};

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_LEADER_FINDER_H_
