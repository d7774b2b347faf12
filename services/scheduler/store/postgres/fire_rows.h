#ifndef Z4J_SCHEDULER_STORE_POSTGRES_FIRE_ROWS_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_FIRE_ROWS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/scheduler/core/fire.h"
#include "services/scheduler/store/postgres/pq_values.h"

// Fires as rows of the table `fires`, and as the arrays of which many rows are made at once.
namespace z4j::scheduler {

// The columns of `fires` that FireAt reads, of the table called `alias`: "f.schedule_id, …".
std::string FireColumns(const std::string& alias);
// How many they are.
inline constexpr int kFireColumns = 21;
// Reads them from `column` on.
Fire FireAt(const pq::Result& result, int row, int column = 0);

// True if `fire` says no more than that it was decided, as nearly all do when they are written;
// then the columns of its later life need not be sent.
bool IsFresh(const Fire& fire);

// What AddFires adds, in its order: the columns' names, and "$4, $5, …" beginning at `first`.
std::string InsertColumns(bool fresh);
std::string InsertParameters(bool fresh, int first);
// Adds an array for each of these columns.
void AddFires(pq::Params& params, absl::Span<const Fire* const> fires, bool fresh);

// The three columns of the primary key, as arrays.
void AddKeys(pq::Params& params, absl::Span<const FireKey> keys);

// outbox_batches.refs and written_fires.refs.
std::string PackKeys(absl::Span<const FireKey> keys);
// Bytes that are not whole keys are DATA_LOSS's to report: returns false.
bool UnpackKeys(absl::string_view refs, std::vector<FireKey>& keys);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_FIRE_ROWS_H_
