#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/simulation/linearizability.h"

namespace z4j::simulation {
namespace {

// Whether `operation` may have had the result `result`.
bool May(const Operation& operation, const std::string& result) {
  return !operation.result.has_value() || *operation.result == result;
}

// What a lock is at one time.
struct LockState {
  uint64_t newest = 0;  // No token up to here will be granted again.
  std::string holder;   // Its session; empty: free.
  // Nobody was told the holder's token: it is any above `newest`.
  bool untold = false;

  std::string ToString() const { return absl::StrCat(newest, " ", untold ? 1 : 0, " ", holder); }
  static LockState Of(const std::string& text) {
    const std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits(' ', 2));
    LockState state;
    if (!absl::SimpleAtoi(parts[0], &state.newest)) state.newest = 0;
    state.untold = parts[1] == "1";
    state.holder = parts[2];
    return state;
  }

  // The holder's token turns out to be `token`.  False: it cannot be.
  bool Told(const std::string& token) {
    uint64_t number = 0;
    if (!absl::SimpleAtoi(token, &number)) return false;
    if (!untold) return number == newest;
    if (number <= newest) return false;
    newest = number;
    untold = false;
    return true;
  }
  // After an untold token the newest is not known; the least that it can be is kept.
  void Free() {
    if (untold) ++newest;
    untold = false;
    holder.clear();
  }
};

std::vector<std::string> Acquire(LockState state, const Operation& operation) {
  const std::string& session = operation.arguments[0];
  std::vector<std::string> next;
  if (state.holder.empty()) {
    state.holder = session;
    state.untold = true;
    if (!operation.result.has_value() || state.Told(*operation.result)) {
      next.push_back(state.ToString());
    }
  } else if (state.holder == session) {
    if (!operation.result.has_value() || state.Told(*operation.result)) {
      next.push_back(state.ToString());
    }
  } else if (May(operation, "no")) {
    next.push_back(state.ToString());
  }
  return next;
}

std::vector<std::string> Release(LockState state, const Operation& operation) {
  const bool holder = state.holder == operation.arguments[0];
  LockState freed = state;
  std::vector<std::string> next;
  if (holder && freed.Told(operation.arguments[1])) {
    freed.Free();
    if (May(operation, "true")) next.push_back(freed.ToString());
    // A token that nobody was told may also be another one than this.
    if (state.untold && May(operation, "false")) next.push_back(state.ToString());
  } else if (May(operation, "false")) {
    next.push_back(state.ToString());
  }
  return next;
}

}  // namespace

std::vector<std::string> RegisterModel::Next(const std::string& state,
                                             const Operation& operation) const {
  const bool exists = state != Initial();
  const auto value = [](const std::string& text) { return "=" + text; };
  const std::string shown = exists ? state.substr(1) : "none";
  if (operation.call == "put") {
    if (May(operation, "ok")) return {value(operation.arguments[0])};
  } else if (operation.call == "get") {
    if (May(operation, shown)) return {state};
  } else if (operation.call == "delete") {
    if (May(operation, exists ? "true" : "false")) return {Initial()};
  } else if (operation.call == "cas") {
    const bool as_expected = operation.arguments[0] == shown;
    if (May(operation, as_expected ? "true" : "false")) {
      return {as_expected ? value(operation.arguments[1]) : state};
    }
  }
  return {};
}

std::string LockModel::Initial() const { return LockState().ToString(); }

std::vector<std::string> LockModel::Next(const std::string& text,
                                         const Operation& operation) const {
  LockState state = LockState::Of(text);
  if (operation.call == "acquire") return Acquire(state, operation);
  if (operation.call == "release") return Release(state, operation);
  if (operation.call == "end") {
    if (state.holder == operation.arguments[0]) state.Free();
    return {state.ToString()};
  }
  if (operation.call == "get") {
    if (!operation.result.has_value()) return {text};
    if (state.holder.empty()) {
      if (*operation.result == "free") return {text};
    } else if (state.Told(*operation.result)) {
      return {state.ToString()};
    }
  }
  return {};
}

}  // namespace z4j::simulation
