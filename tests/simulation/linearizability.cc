#include "tests/simulation/linearizability.h"

#include <algorithm>
#include <limits>
#include <map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace z4j::simulation {
namespace {

// The search in one key.  Operations are taken in the order of their calls; one may take effect
// next if no other that has not yet taken effect returned before it was called.
class Search {
 public:
  Search(const SequentialModel& model, std::vector<Operation> operations, uint64_t steps_max)
      : model_(model), operations_(std::move(operations)), steps_max_(steps_max) {
    std::stable_sort(operations_.begin(), operations_.end(),
                     [](const Operation& a, const Operation& b) { return a.invoked < b.invoked; });
    for (const Operation& operation : operations_) known_left_ += operation.result.has_value();
    done_.assign(operations_.size(), '0');
  }

  Verdict Run() {
    std::vector<Frame> stack;
    Push(stack, model_.Initial());
    while (!stack.empty()) {
      if (known_left_ == 0) return Verdict::kLinearizable;
      Frame& top = stack.back();
      if (top.next == top.choices.size()) {
        if (top.taken.has_value()) Undo(*top.taken);
        stack.pop_back();
        continue;
      }
      if (++steps_ > steps_max_) return Verdict::kUndecided;
      auto [operation, state] = top.choices[top.next++];
      Do(operation);
      if (tried_.insert(Place(state)).second) {
        Push(stack, state);
        stack.back().taken = operation;
      } else {
        Undo(operation);
      }
    }
    return Verdict::kNotLinearizable;
  }

  uint64_t steps() const { return steps_; }
  std::string Explain() const {
    std::string text = absl::StrCat("after ", best_, " of ", operations_.size(),
                                    " operations, none of these fits:");
    for (const size_t stuck : stuck_) absl::StrAppend(&text, "\n  ", Describe(operations_[stuck]));
    return text;
  }

 private:
  struct Frame {
    std::vector<std::pair<size_t, std::string>> choices;  // An operation and the state after it.
    size_t next = 0;
    std::optional<size_t> taken;  // What led here.
  };

  void Push(std::vector<Frame>& stack, const std::string& state) {
    Frame frame;
    std::vector<size_t> candidates;
    int64_t first_return = std::numeric_limits<int64_t>::max();
    for (size_t i = first_open_; i < operations_.size(); ++i) {
      const Operation& operation = operations_[i];
      if (operation.invoked > first_return) break;
      if (done_[i] == '1') continue;
      candidates.push_back(i);
      if (operation.result.has_value()) first_return = std::min(first_return, operation.returned);
    }
    for (const size_t i : candidates) {
      for (std::string& next : model_.Next(state, operations_[i])) {
        // An unknown that changes nothing may as well never take effect.
        if (!operations_[i].result.has_value() && next == state) continue;
        frame.choices.emplace_back(i, std::move(next));
      }
    }
    if (depth_ >= best_) {
      best_ = depth_;
      stuck_ = std::move(candidates);
    }
    stack.push_back(std::move(frame));
  }

  // What took effect and the state after it, in few bytes: all before the first that is open did.
  std::string Place(const std::string& state) const {
    const size_t last = done_.rfind('1');  // There is one.
    const size_t between = last < first_open_ ? 0 : last + 1 - first_open_;
    return absl::StrCat(first_open_, " ", done_.substr(first_open_, between), " ", state);
  }

  void Do(size_t i) {
    done_[i] = '1';
    ++depth_;
    known_left_ -= operations_[i].result.has_value();
    while (first_open_ < done_.size() && done_[first_open_] == '1') ++first_open_;
  }
  void Undo(size_t i) {
    done_[i] = '0';
    --depth_;
    known_left_ += operations_[i].result.has_value();
    first_open_ = std::min(first_open_, i);
  }

  const SequentialModel& model_;
  std::vector<Operation> operations_;  // By the time of their calls.
  uint64_t steps_max_;
  uint64_t steps_ = 0;
  size_t known_left_ = 0;                  // With a known result, not yet taken effect.
  std::string done_;                       // '1': took effect.
  size_t first_open_ = 0;                  // All before took effect.
  std::unordered_set<std::string> tried_;  // Places.
  size_t depth_ = 0;                       // How many took effect.
  size_t best_ = 0;
  std::vector<size_t> stuck_;
};

}  // namespace

CheckResult CheckLinearizable(const SequentialModel& model, const History& history,
                              uint64_t steps_max) {
  std::map<std::string, std::vector<Operation>> by_key;
  for (const Operation& operation : history) by_key[operation.key].push_back(operation);
  CheckResult result;
  for (auto& [key, operations] : by_key) {
    Search search(model, std::move(operations), steps_max);
    const Verdict verdict = search.Run();
    result.steps += search.steps();
    if (verdict == Verdict::kLinearizable || result.verdict == Verdict::kNotLinearizable) continue;
    if (verdict == Verdict::kUndecided && result.verdict == Verdict::kUndecided) continue;
    result.verdict = verdict;
    result.key = key;
    result.explanation = search.Explain();
  }
  return result;
}

std::optional<std::string> CheckHoldings(std::vector<Holding> holdings) {
  std::sort(holdings.begin(), holdings.end(),
            [](const Holding& a, const Holding& b) { return a.token < b.token; });
  std::map<std::string, Holding> last;
  for (size_t i = 0; i < holdings.size(); ++i) {
    const Holding& now = holdings[i];
    const auto text = [](const Holding& holding) {
      return absl::StrCat(holding.key, " by token ", holding.token, " in [", holding.from, ", ",
                          holding.to, "]");
    };
    if (i > 0 && holdings[i - 1].token == now.token) {
      return absl::StrCat("one token, two holdings: ", text(holdings[i - 1]), " and ", text(now));
    }
    const auto before = last.find(now.key);
    if (before != last.end() && before->second.to > now.from) {
      return absl::StrCat("held twice at once, or tokens against time: ", text(before->second),
                          " and ", text(now));
    }
    last[now.key] = now;
  }
  return std::nullopt;
}

}  // namespace z4j::simulation
