#ifndef Z4J_TESTS_SIMULATION_HISTORY_H_
#define Z4J_TESTS_SIMULATION_HISTORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// What clients did and saw, to be judged by linearizability.h.
namespace z4j::simulation {

struct Operation {
  uint64_t client = 0;
  std::string key;                     // What it is about; keys are judged one by one.
  std::string call;                    // "put", "acquire", …; the model says which there are.
  std::vector<std::string> arguments;  // Of the call.
  std::optional<std::string> result;   // None: unknown; it took effect at any time, or never.
  int64_t invoked = 0;                 // In any unit, but one for the whole history.
  int64_t returned = 0;                // Means nothing if the result is unknown.
};

using History = std::vector<Operation>;

// A JSON list of objects with the fields above, for other checkers; null: unknown.
std::string ToJson(const History& history);

// "client 3: put(a, 1) = ok [5, 9]", for messages.
std::string Describe(const Operation& operation);

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_HISTORY_H_
