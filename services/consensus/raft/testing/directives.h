#ifndef Z4J_CONSENSUS_RAFT_TESTING_DIRECTIVES_H_
#define Z4J_CONSENSUS_RAFT_TESTING_DIRECTIVES_H_

#include <map>
#include <string>
#include <vector>

// Files of data-driven tests, as etcd writes them: a command with arguments, lines of input, a line
// `----`, and the expected output up to the next empty line.  `#` begins a comment.
namespace z4j::consensus {

struct Directive {
  int line = 0;
  std::string command;
  std::vector<std::string> words;                             // Arguments without a key.
  std::map<std::string, std::vector<std::string>> arguments;  // key=value or key=(a,b).
  std::string input;
  std::string expected;
};

std::vector<Directive> ParseDirectives(const std::string& text);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_TESTING_DIRECTIVES_H_
