#ifndef Z4J_CONSENSUS_MACHINE_TURN_H_
#define Z4J_CONSENSUS_MACHINE_TURN_H_

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "services/consensus/machine/answer.h"
#include "services/consensus/machine/cluster_time.h"
#include "services/consensus/machine/event.h"
#include "services/consensus/machine/stamps.h"
#include "services/consensus/raft/mutants.h"

namespace z4j::consensus {

// The applying of one entry, as the parts of the machine see it.
struct Turn {
  Revision revision;
  ClusterTime now;
  Token& last_token;
  std::vector<Event>& events;

  Token NextToken() {
    const uint64_t next = Broken(Rule::kTokensGrow) ? 0 : last_token.value + 1;
    last_token.value = std::max(revision.value, next);
    return last_token;
  }

  template <typename Body>
  Answer Ok(Body body) const {
    return {AnswerCode::kOk, revision, "", std::move(body)};
  }
  Answer Refuse(AnswerCode code, std::string detail) const {
    return {code, revision, std::move(detail), {}};
  }
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_MACHINE_TURN_H_
