#ifndef Z4J_SCHEDULER_STORE_SQLITE_FIRES_H_
#define Z4J_SCHEDULER_STORE_SQLITE_FIRES_H_

#include <utility>

#include "absl/status/statusor.h"
#include "services/scheduler/store/fire_changes.h"
#include "services/scheduler/store/schedule_store.h"
#include "services/scheduler/store/sqlite/sqlite.h"
#include "services/scheduler/store/sqlite/written.h"

// Writes to the table `fires`, many rows with one prepared statement, inside the caller's
// transaction.
namespace z4j::scheduler::sqlite {

class FireInserter {
 public:
  static absl::StatusOr<FireInserter> Prepare(Connection& connection);
  // A fire whose key exists is left; otherwise `written` gets its key.
  absl::Status Insert(const Fire& fire, int64_t batch_id, WrittenKeys& written);

 private:
  explicit FireInserter(Statement insert) : insert_(std::move(insert)) {}
  Statement insert_;
};

class FireUpdater {
 public:
  static absl::StatusOr<FireUpdater> Prepare(Connection& connection);
  // False, and left out, if it would move the fire backwards, touch a final one, or find none;
  // otherwise `written` gets its key.
  absl::StatusOr<bool> Update(const FireChange& change, WrittenKeys& written);

 private:
  FireUpdater(Statement update, Statement find)
      : update_(std::move(update)), find_(std::move(find)) {}
  Statement update_, find_;
};

}  // namespace z4j::scheduler::sqlite

#endif  // Z4J_SCHEDULER_STORE_SQLITE_FIRES_H_
