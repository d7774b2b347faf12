#ifndef Z4J_SCHEDULER_STORE_POSTGRES_PQ_STATUS_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_PQ_STATUS_H_

#include <libpq-fe.h>

#include <string>

#include "absl/status/status.h"

// PostgreSQL's errors in the house's eight codes; pq.h lists them.
namespace z4j::scheduler::pq {

// What went wrong with a statement.
absl::Status ResultError(const PGresult* result);

// The SQLSTATE that PostgreSQL gave with `status`; empty if it did not come from the server.
std::string SqlStateOf(const absl::Status& status);

// True if PostgreSQL rolled the work back because of another transaction (serialisation failure,
// deadlock), so that the same work may be sent again at once.
bool IsConflict(const absl::Status& status);

}  // namespace z4j::scheduler::pq

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_PQ_STATUS_H_
