#ifndef Z4J_SCHEDULER_STORE_SQLITE_WRITTEN_H_
#define Z4J_SCHEDULER_STORE_SQLITE_WRITTEN_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/store/schedule_store.h"
#include "services/scheduler/store/sqlite/sqlite.h"

// The table `written_fires`: ScheduleStore::ListWritten on SQLite.
namespace z4j::scheduler::sqlite {

// The fires that one transaction writes.
class WrittenKeys {
 public:
  void Add(const FireKey& key);
  // Writes them, inside the caller's transaction.  Nothing if there are none.
  absl::Status Write(Connection& connection, absl::Time now) const;

 private:
  std::string refs_;
};

// `reader` is inside a transaction, so that it sees one commit.
absl::StatusOr<WrittenFires> ReadWritten(Connection& reader, const std::string& after,
                                         const std::string& until, int limit);

// Forgets what was written before `before`.
absl::Status PruneWritten(Connection& connection, absl::Time before);

}  // namespace z4j::scheduler::sqlite

#endif  // Z4J_SCHEDULER_STORE_SQLITE_WRITTEN_H_
