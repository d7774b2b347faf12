#ifndef Z4J_TESTS_SIMULATION_DATABASE_LINK_H_
#define Z4J_TESTS_SIMULATION_DATABASE_LINK_H_

#include <functional>

#include "tests/simulation/database.h"
#include "tests/simulation/options.h"
#include "tests/simulation/world.h"

namespace z4j::simulation {

// The way from one machine to the database.  A statement that is on it arrives, however late, and
// whether or not whoever sent it still waits or lives; an answer may be lost.
class DatabaseLink {
 public:
  DatabaseLink(World& world, const Options& options, Database& database)
      : world_(world), options_(options), database_(database) {}

  // `answered`(broken) comes at most once: without it, the caller's patience ends the wait.
  // Broken: the connection is, and what became of the statement is not known.
  void Send(Database::Statement statement, std::function<void(bool broken)> answered);
  // Nothing that is sent from now on arrives, in either direction.
  void Cut(absl::Duration duration);
  // From now on nothing is lost or slow.
  void Calm();

 private:
  absl::Duration Delay();

  World& world_;
  const Options& options_;
  Database& database_;
  Instant cut_until_ = absl::ZeroDuration();
  bool calm_ = false;
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_DATABASE_LINK_H_
