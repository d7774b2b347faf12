#ifndef Z4J_SCHEDULER_STORE_POSTGRES_QUERY_TEXT_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_QUERY_TEXT_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "services/scheduler/store/postgres/pq.h"

namespace z4j::scheduler {

// A SELECT that grows by the filters that a caller gave.  It is planned for its values each time.
class QueryText {
 public:
  explicit QueryText(const std::string& select) : sql_(select) {}

  // The parameters of the next Where(); add them first.
  pq::Params& params() { return params_; }
  // Adds one condition.  In it "?1" is the first of the last `count` parameters, "?2" the second …
  void Where(absl::string_view condition, int count = 1) {
    std::string text(condition);
    for (int i = 1; i <= count; ++i) {
      text = absl::StrReplaceAll(
          text, {{absl::StrCat("?", i), absl::StrCat("$", params_.size() - count + i)}});
    }
    absl::StrAppend(&sql_, first_ ? " WHERE " : " AND ", text);
    first_ = false;
  }
  void Then(absl::string_view text) { absl::StrAppend(&sql_, " ", text); }

  pq::Statement statement() const { return {"", sql_}; }

 private:
  std::string sql_;
  pq::Params params_;
  bool first_ = true;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_QUERY_TEXT_H_
