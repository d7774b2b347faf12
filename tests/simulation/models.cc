#include <algorithm>
#include <cstddef>
#include <utility>

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

// Who holds or waits: a session, and the number of its call; 0: of a call that does not wait.
struct Claimant {
  std::string session;
  std::string number;
  friend bool operator==(const Claimant&, const Claimant&) = default;
};

// What a lock is at one time.
struct LockState {
  uint64_t newest = 0;  // No token up to here will be granted again.
  // Nobody was told the holder's token: it is any above `newest`.
  bool untold = false;
  std::vector<Claimant> places;  // The holder, then those who wait; none: it is free.

  std::string ToString() const {
    std::string text = absl::StrCat(newest, " ", untold ? 1 : 0);
    for (const Claimant& place : places) {
      absl::StrAppend(&text, " ", place.session, " ", place.number);
    }
    return text;
  }
  static LockState Of(const std::string& text) {
    const std::vector<std::string> parts = absl::StrSplit(text, ' ');
    LockState state;
    if (!absl::SimpleAtoi(parts[0], &state.newest)) state.newest = 0;
    state.untold = parts[1] == "1";
    for (size_t i = 2; i + 1 < parts.size(); i += 2) {
      state.places.push_back({parts[i], parts[i + 1]});
    }
    return state;
  }

  bool free() const { return places.empty(); }
  bool HeldBy(const std::string& session) const { return !free() && places[0].session == session; }
  bool Waits(const Claimant& claimant) const {
    return !free() && std::find(places.begin() + 1, places.end(), claimant) != places.end();
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
  // The next holds, under a token that nobody was told yet.  After an untold token the newest is
  // not known; the least that it can be is kept.
  void PassOn() {
    if (untold) ++newest;
    places.erase(places.begin());
    untold = !free();
  }
  void Hold(Claimant claimant) {
    places = {std::move(claimant)};
    untold = true;
  }
};

std::vector<std::string> Acquire(LockState state, const Operation& operation) {
  const std::string& session = operation.arguments[0];
  const bool waits = operation.call == "enter";
  const Claimant claimant{session, waits ? operation.arguments[1] : "0"};
  if (state.free()) state.Hold(claimant);
  if (state.HeldBy(session)) {
    if (!operation.result.has_value() || state.Told(*operation.result)) return {state.ToString()};
    return {};
  }
  if (!May(operation, waits ? "waits" : "no")) return {};
  if (waits) state.places.push_back(claimant);
  return {state.ToString()};
}

std::vector<std::string> Release(LockState state, const Operation& operation) {
  const bool holder = state.HeldBy(operation.arguments[0]);
  LockState freed = state;
  std::vector<std::string> next;
  if (holder && freed.Told(operation.arguments[1])) {
    freed.PassOn();
    if (May(operation, "true")) next.push_back(freed.ToString());
    // A token that nobody was told may also be another one than this.
    if (state.untold && May(operation, "false")) next.push_back(state.ToString());
  } else if (May(operation, "false")) {
    next.push_back(state.ToString());
  }
  return next;
}

// What a session loses, or the one wait of it that `number` names.
std::string Leave(LockState state, const std::string& session, const std::string* number) {
  for (size_t i = state.places.size(); i-- > 0;) {
    const Claimant& place = state.places[i];
    if (place.session != session || (number != nullptr && place.number != *number)) continue;
    if (i > 0) {
      state.places.erase(state.places.begin() + static_cast<std::ptrdiff_t>(i));
    } else if (number == nullptr) {
      state.PassOn();
    }
  }
  return state.ToString();
}

std::vector<std::string> Look(LockState state, const Operation& operation) {
  const Claimant claimant{operation.arguments[0], operation.arguments[1]};
  if (!operation.result.has_value()) return {state.ToString()};
  if (!state.free() && state.places[0] == claimant) {
    if (!state.Told(*operation.result)) return {};
    return {state.ToString()};
  }
  if (*operation.result == (state.Waits(claimant) ? "waits" : "over")) return {state.ToString()};
  return {};
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
  const std::string& call = operation.call;
  if (call == "acquire" || call == "enter") return Acquire(std::move(state), operation);
  if (call == "release") return Release(std::move(state), operation);
  if (call == "look") return Look(std::move(state), operation);
  if (call == "leave") {
    return {Leave(std::move(state), operation.arguments[0], &operation.arguments[1])};
  }
  if (call == "end") return {Leave(std::move(state), operation.arguments[0], nullptr)};
  if (call == "get") {
    if (!operation.result.has_value()) return {text};
    if (state.free()) {
      if (*operation.result == "free") return {text};
    } else if (state.Told(*operation.result)) {
      return {state.ToString()};
    }
  }
  return {};
}

}  // namespace z4j::simulation
