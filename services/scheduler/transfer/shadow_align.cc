#include "services/scheduler/transfer/shadow_align.h"

#include <algorithm>
#include <cstdint>

#include "services/scheduler/transfer/limits.h"

namespace z4j::scheduler {
namespace {

enum class Step : uint8_t { kPair, kSkipDue, kSkipSeen };

// The least cost from each state to the end, row by row from behind.  State (due, j): those before
// `due` are done, and so are the first j of `seen`.  Of each row only those j are looked at that a
// due time there or later may still be paired with.
class Aligner {
 public:
  Aligner(absl::Span<const DueTime> dues, absl::Span<const absl::Time> seen)
      : dues_(dues), seen_(seen) {
    for (const DueTime& due : dues) reach_ = std::max(reach_, due.reach);
    while (!Frame()) reach_ /= 2;
  }

  std::vector<int> Align() {
    std::vector<std::vector<Step>> steps(dues_.size());
    std::vector<double> after = {0};  // The row behind the last: all of `seen` is done.
    for (int row = static_cast<int>(dues_.size()) - 1; row >= 0; --row) {
      after = Row(row, after, steps[row]);
    }
    return Walk(steps);
  }

 private:
  // Finds the columns of every row; false: there are too many.
  bool Frame() {
    begin_.assign(dues_.size() + 1, static_cast<int>(seen_.size()));
    end_ = begin_;
    int64_t cells = 0;
    int begin = 0, end = 0;
    for (int row = 0; row < dues_.size(); ++row) {
      while (begin < seen_.size() && seen_[begin] < dues_[row].at - reach_) ++begin;
      while (end < seen_.size() && seen_[end] <= dues_[row].at + reach_) ++end;
      begin_[row] = begin;
      end_[row] = end;
      cells += end - begin + 1;
    }
    return cells <= kShadowCellsMax || reach_ < absl::Milliseconds(1);
  }

  double Alone() const { return absl::ToDoubleSeconds(reach_); }

  // The cost from column `j` of the row behind `row`, with what has to be skipped to be in it.
  double After(int row, const std::vector<double>& after, int j) const {
    const int first = begin_[row + 1];
    return j >= first ? after[j - first] : after[0] + (first - j) * Alone();
  }

  std::vector<double> Row(int row, const std::vector<double>& after, std::vector<Step>& steps) {
    const int begin = begin_[row], end = end_[row];
    std::vector<double> costs(end - begin + 1);
    steps.assign(costs.size(), Step::kSkipDue);
    for (int j = end; j >= begin; --j) {
      double& cost = costs[j - begin];
      Step& step = steps[j - begin];
      cost = Alone() + After(row, after, j);
      if (j == end) continue;
      const absl::Duration apart = absl::AbsDuration(seen_[j] - dues_[row].at);
      if (const double skip = Alone() + costs[j + 1 - begin]; skip < cost) {
        cost = skip;
        step = Step::kSkipSeen;
      }
      if (apart > dues_[row].reach) continue;
      const double pair = absl::ToDoubleSeconds(apart) + After(row, after, j + 1);
      if (pair <= cost) {
        cost = pair;
        step = Step::kPair;
      }
    }
    return costs;
  }

  std::vector<int> Walk(const std::vector<std::vector<Step>>& steps) const {
    std::vector<int> partner(dues_.size(), -1);
    int j = 0;
    for (int row = 0; row < dues_.size();) {
      j = std::max(j, begin_[row]);
      const Step step = steps[row][j - begin_[row]];
      if (step == Step::kPair) partner[row] = j;
      if (step != Step::kSkipDue) ++j;
      if (step != Step::kSkipSeen) ++row;
    }
    return partner;
  }

  const absl::Span<const DueTime> dues_;
  const absl::Span<const absl::Time> seen_;
  absl::Duration reach_;
  std::vector<int> begin_, end_;  // Columns of each row: begin_ <= j <= end_.
};

}  // namespace

std::vector<int> AlignShadow(absl::Span<const DueTime> dues, absl::Span<const absl::Time> seen) {
  return Aligner(dues, seen).Align();
}

}  // namespace z4j::scheduler
