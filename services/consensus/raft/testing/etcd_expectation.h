#ifndef Z4J_CONSENSUS_RAFT_TESTING_ETCD_EXPECTATION_H_
#define Z4J_CONSENSUS_RAFT_TESTING_ETCD_EXPECTATION_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/consensus/raft/testing/directives.h"
#include "services/consensus/raft/testing/etcd_replay.h"

// What etcd's interaction tests print, read as states of nodes.
namespace z4j::consensus {

// What is known of one of etcd's nodes; a field that was last changed while nothing was printed is
// not known.
struct EtcdNode {
  std::optional<uint64_t> term, vote, commit, lead;
  std::optional<std::string> role;  // "StateLeader" …
  // "term kind data" by index; none: not known.
  std::optional<std::map<uint64_t, std::string>> log;
};

class EtcdExpectation {
 public:
  // Takes what a directive printed.
  void Read(const Directive& directive);

  // How our nodes differ from what is known, a line each; and from what this directive printed, if
  // it asked for states.
  std::vector<std::string> Differences(const EtcdReplay& replay) const;
  std::vector<std::string> Differences(const Directive& directive, const EtcdReplay& replay) const;

 private:
  void ReadLine(const std::string& line);

  std::map<uint64_t, EtcdNode> nodes_;
  bool quiet_ = false;
  uint64_t current_ = 0;  // Whose Ready is being read.
  bool in_entries_ = false;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_TESTING_ETCD_EXPECTATION_H_
