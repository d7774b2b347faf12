#ifndef Z4J_TESTS_SIMULATION_LINEARIZABILITY_H_
#define Z4J_TESTS_SIMULATION_LINEARIZABILITY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/history.h"

// Whether a history could have come from one copy that does one thing at a time: the algorithm of
// Wing and Gong with Lowe's memory of the states that were tried, a search per key.
namespace z4j::simulation {

// What one key does, one operation after the other.  States are strings, equal if the same.
class SequentialModel {
 public:
  virtual ~SequentialModel() = default;
  virtual std::string Initial() const = 0;
  // The states that may follow when `operation` takes effect in `state`.  None: in this state it
  // cannot have had its result.  More than one: only if its result is unknown.
  virtual std::vector<std::string> Next(const std::string& state,
                                        const Operation& operation) const = 0;
};

// A key with a value other than "none".  Calls: put(value) = "ok"; get() = value or "none";
// delete() = "true" if there was one; cas(expected value or "none", value) = "true" if it was as
// expected.
class RegisterModel final : public SequentialModel {
 public:
  std::string Initial() const override { return "none"; }
  std::vector<std::string> Next(const std::string& state,
                                const Operation& operation) const override;
};

// A lock or an election with its tokens, which grow, and its queue, whose first is next.  Calls:
//   acquire(session)        = token, the same while the session holds it, or "no" if another does
//   enter(session, number)  = token, or "waits" if another holds it
//   look(session, number)   = "waits", the token if that call's wait was granted, or "over"
//   leave(session, number)  the wait of that call ended, if it still waited
//   release(session, token) = "true" if the session held it with this token
//   end(session)            the session ended, and with it its holding or its wait
//   get()                   = the holder's token, or "free"
// What nobody calls, a timeout or the expiry of a session, is an operation from the first instant
// at which it may happen to the first at which it is known to have, or open.
class LockModel final : public SequentialModel {
 public:
  std::string Initial() const override;
  std::vector<std::string> Next(const std::string& state,
                                const Operation& operation) const override;
};

enum class Verdict : uint8_t {
  kLinearizable,
  kNotLinearizable,
  kUndecided,  // The budget ran out: neither a pass nor a failure; count it.
};

struct CheckResult {
  Verdict verdict = Verdict::kLinearizable;
  uint64_t steps = 0;  // Of the search, over all keys.
  std::string key;     // The first that is not linearizable, else the first undecided.
  // What could not be brought into any order, after the longest order found.
  std::string explanation;
};

// Judges the keys of `history` one by one, each with at most `steps_max` steps of search, of which
// each may keep some hundred bytes.  Instants that are equal count as overlapping.
CheckResult CheckLinearizable(const SequentialModel& model, const History& history,
                              uint64_t steps_max = 2'000'000);

// From when to when a client believed to hold a key: from the answer that granted it to the call
// that gave it up, or the end of its trust in its session.
struct Holding {
  std::string key;
  uint64_t token = 0;
  int64_t from = 0;
  int64_t to = 0;
};

// What need not be searched for: holdings of a key do not overlap, and their tokens grow with time;
// no two holdings of any key have one token.  None: all well; else what is wrong.
std::optional<std::string> CheckHoldings(std::vector<Holding> holdings);

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_LINEARIZABILITY_H_
