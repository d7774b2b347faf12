#ifndef Z4J_SCHEDULER_STORE_POSTGRES_TESTING_POSTGRES_DATABASE_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_TESTING_POSTGRES_DATABASE_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "services/scheduler/store/postgres/pq.h"

namespace z4j::scheduler {

// An empty schema of its own in the cluster that tools/with-postgres runs, dropped at the end (a
// whole database would take half a second).  Everything here dies on failure: without it there is
// no test.
class PostgresDatabase {
 public:
  PostgresDatabase();
  ~PostgresDatabase();

  const std::string& conninfo() const { return conninfo_; }
  // A connection of the test's own, for looking behind the store's back.
  pq::Connection& connection();
  // The first column of the first row as text; empty if there is none.
  std::string Query(const std::string& sql);
  // Polls until `sql` returns `expected`.
  void AwaitQuery(const std::string& sql, const std::string& expected);
  // Ends every other connection whose application_name is like `name`; returns how many.
  int TerminateBackends(const std::string& name);

  // Crashes the server and starts it again.
  static void RestartServer();

 private:
  std::string name_, conninfo_;
  std::unique_ptr<pq::Connection> connection_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_TESTING_POSTGRES_DATABASE_H_
