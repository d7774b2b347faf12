#ifndef Z4J_CONSENSUS_MACHINE_STATE_MACHINE_H_
#define Z4J_CONSENSUS_MACHINE_STATE_MACHINE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "services/consensus/raft/types.h"

// The seam between the log and what it decides.  Deterministic: the same entries give the same
// state, the same answers and the same hash on every node and in every run.
namespace z4j::consensus {

class StateMachine {
 public:
  virtual ~StateMachine() = default;

  // Applies one committed command and returns its encoded answer.  A command that cannot be read or
  // is not known (a newer version's) changes nothing, on every node alike.
  virtual std::string Apply(Index index, std::string_view command) = 0;

  // The whole state as bytes, and back.  Equal states have equal bytes.
  virtual std::string Save() const = 0;
  // DATA_LOSS: `bytes` are no state; nothing changed.
  virtual absl::Status Load(std::string_view bytes) = 0;

  // Equal on nodes that applied the same entries.
  virtual uint64_t Hash() const = 0;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_MACHINE_STATE_MACHINE_H_
