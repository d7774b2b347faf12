#ifndef Z4J_TESTS_SIMULATION_TESTING_EXPORT_H_
#define Z4J_TESTS_SIMULATION_TESTING_EXPORT_H_

#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/simulation/linearizability.h"

namespace z4j::simulation {

// Writes a history that was judged into the directory $Z4J_HISTORIES, if that is set, for
// tools/check-with-porcupine.
inline void Export(const std::string& model, Verdict verdict, const History& history) {
  static int number = 0;
  const char* directory = std::getenv("Z4J_HISTORIES");
  if (directory == nullptr || verdict == Verdict::kUndecided) return;
  const char* word = verdict == Verdict::kLinearizable ? "good" : "bad";
  std::ofstream(std::string(directory) + "/" + model + "-" + word + "-" + std::to_string(++number) +
                ".json")
      << ToJson(history);
}

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_TESTING_EXPORT_H_
