#include "services/scheduler/store/postgres/testing/postgres_database.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace z4j::scheduler {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(30);

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "PostgresDatabase: %s\n", why.c_str());
  std::abort();
}

std::string Cluster() {
  const char* const conninfo = std::getenv("Z4J_TEST_POSTGRES");
  if (conninfo == nullptr) Die("run this test under tools/with-postgres");
  return conninfo;
}

void InCluster(const std::string& sql) {
  pq::Connection connection({Cluster(), "z4j:test", "", kDeadline});
  absl::Status status = connection.Ensure();
  if (status.ok()) status = connection.Script(sql);
  if (!status.ok()) Die(status.ToString());
}

}  // namespace

PostgresDatabase::PostgresDatabase() {
  static std::atomic<int> count = 0;
  name_ = absl::StrCat("test_", getpid(), "_", ++count);
  conninfo_ = absl::StrCat(Cluster(), " options='-c search_path=", name_, "'");
  InCluster(absl::StrCat("CREATE SCHEMA ", name_));
}

PostgresDatabase::~PostgresDatabase() {
  connection_.reset();
  InCluster(absl::StrCat("SET client_min_messages = error; DROP SCHEMA ", name_, " CASCADE"));
}

pq::Connection& PostgresDatabase::connection() {
  if (connection_ == nullptr) {
    connection_ = std::make_unique<pq::Connection>(
        pq::ConnectionOptions{conninfo_, "z4j:test", "", kDeadline});
  }
  if (const absl::Status status = connection_->Ensure(); !status.ok()) Die(status.ToString());
  return *connection_;
}

std::string PostgresDatabase::Query(const std::string& sql) {
  const pq::Statement statement = {"", absl::StrCat("SELECT (", sql, ")::text")};
  const absl::StatusOr<pq::Result> result = connection().Run(statement, {});
  if (!result.ok()) Die(absl::StrCat(sql, ": ", result.status().ToString()));
  return result->rows() == 0 ? "" : result->Text(0, 0);
}

void PostgresDatabase::AwaitQuery(const std::string& sql, const std::string& expected) {
  const absl::Time deadline = absl::Now() + kDeadline;
  std::string last;
  while ((last = Query(sql)) != expected) {
    if (absl::Now() > deadline) Die(absl::StrCat(sql, " is still ", last, ", not ", expected));
    absl::SleepFor(absl::Milliseconds(2));
  }
}

int PostgresDatabase::TerminateBackends(const std::string& name) {
  return std::atoi(Query(absl::StrCat("SELECT count(pg_terminate_backend(pid, 5000)) "
                                      "FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                                      "AND application_name LIKE '",
                                      name, "'"))
                       .c_str());
}

void PostgresDatabase::RestartServer() {
  const char* const command = std::getenv("Z4J_TEST_POSTGRES_RESTART");
  if (command == nullptr || std::system(command) != 0) Die("cannot restart the server");
}

}  // namespace z4j::scheduler
