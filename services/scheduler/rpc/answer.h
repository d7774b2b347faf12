#ifndef Z4J_SCHEDULER_RPC_ANSWER_H_
#define Z4J_SCHEDULER_RPC_ANSWER_H_

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_field.h"
#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/page_token.h"
#include "services/scheduler/store/schedule_store.h"

// Answers of many rows that fit into one message, however large the rows are.
namespace z4j::scheduler {

// How much of kAnswerBytesMax one answer has taken.
class AnswerRoom {
 public:
  // Counts `message` in and returns true if it fits beside what was counted before.  The first
  // always does: nothing that is stored is larger than an answer.
  bool Take(const google::protobuf::MessageLite& message) {
    const size_t bytes = message.ByteSizeLong() + kTagBytes;
    if (taken_ > 0 && taken_ + bytes > kAnswerBytesMax) return false;
    taken_ += bytes;
    return true;
  }
  // The same for the last of `rows`, which is removed again if it does not fit.
  template <typename Row>
  bool KeepLast(google::protobuf::RepeatedPtrField<Row>* rows) {
    if (Take(rows->Get(rows->size() - 1))) return true;
    rows->RemoveLast();
    return false;
  }

 private:
  static constexpr size_t kTagBytes = 6;  // Field number and length, of at most five bytes.
  size_t taken_ = 0;
};

inline std::vector<StoredSchedule>& RowsOf(SchedulePage& page) { return page.schedules; }
inline std::vector<NamedFire>& RowsOf(FirePage& page) { return page.fires; }
inline std::string TokenAfter(const ScheduleQuery& query, const StoredSchedule& last) {
  return ScheduleToken(query, PositionOf(last.schedule, query.order));
}
inline std::string TokenAfter(const FireQuery& query, const NamedFire& last) {
  return FireToken(query, last.fire.key);
}

// Gives the rows of one page of `query` to `add` until that returns false, which leaves the row for
// the next page.  `read` asks the store, for kRowsPerRead rows at most, since each may hold long
// arguments.  Returns where the next page begins; empty: there is none.
template <typename Query, typename Read, typename Add>
absl::StatusOr<std::string> ReadPage(Query query, Read read, Add add) {
  for (int left = query.limit; left > 0;) {
    query.limit = std::min(left, kRowsPerRead);
    ASSIGN_OR_RETURN(auto page, read(query));
    auto& rows = RowsOf(page);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!add(rows[i])) return i == 0 ? query.after : TokenAfter(query, rows[i - 1]);
    }
    query.after = std::move(page.next);
    if (query.after.empty()) break;
    left -= static_cast<int>(rows.size());
  }
  return query.after;
}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_ANSWER_H_
