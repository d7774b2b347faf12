#ifndef Z4J_SCHEDULER_STORE_POSTGRES_MUTATION_CALLS_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_MUTATION_CALLS_H_

#include <vector>

#include "services/scheduler/store/postgres/pq.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// A statement, and the number that its first column must return; -1: it returns none.
struct MutationCall {
  pq::Call call;
  int64_t rows = -1;
};

// The statements that write `write`, in the order in which they must run: a handful, however many
// schedules it changes.  Empty if there is nothing to write.
std::vector<MutationCall> MutationCalls(const WriteSet& write);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_MUTATION_CALLS_H_
