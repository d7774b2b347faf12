// The search against the definition itself: try every order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "tests/simulation/linearizability.h"
#include "tests/simulation/testing/export.h"

namespace z4j::simulation {
namespace {

// Whether the operations outside `done`, if need be without the unknown ones, have an order that
// keeps their times and that the model allows from `state` on.
bool SomeOrderFits(const SequentialModel& model, const History& history, std::set<size_t> done,
                   const std::string& state) {
  bool all_known_done = true;
  for (size_t i = 0; i < history.size(); ++i) {
    if (done.contains(i)) continue;
    if (history[i].result.has_value()) all_known_done = false;
    bool may_be_next = true;
    for (size_t j = 0; j < history.size(); ++j) {
      if (j == i || done.contains(j) || !history[j].result.has_value()) continue;
      if (history[j].returned < history[i].invoked) may_be_next = false;
    }
    if (!may_be_next) continue;
    std::set<size_t> with = done;
    with.insert(i);
    for (const std::string& next : model.Next(state, history[i])) {
      if (SomeOrderFits(model, history, with, next)) return true;
    }
  }
  return all_known_done;
}

class RandomHistories {
 public:
  explicit RandomHistories(uint32_t seed) : random_(seed) {}

  History Registers() {
    return Make([this](Operation& operation) {
      const std::string a(1, "ab"[Roll(2)]), b(1, "ab"[Roll(2)]);
      switch (Roll(4)) {
        case 0:
          return Set(operation, "put", {a}, "ok");
        case 1:
          return Set(operation, "delete", {}, Roll(2) == 0 ? "true" : "false");
        case 2:
          return Set(operation, "cas", {a, b}, Roll(2) == 0 ? "true" : "false");
        default:
          return Set(operation, "get", {}, Roll(3) == 0 ? "none" : a);
      }
    });
  }
  History Locks() {
    return Make([this](Operation& operation) {
      const std::string session(1, "st"[Roll(2)]), token(1, "1234"[Roll(4)]);
      const std::string call(1, "12"[Roll(2)]);
      switch (Roll(9)) {
        case 0:
        case 1:
          return Set(operation, "acquire", {session}, Roll(3) == 0 ? "no" : token);
        case 2:
        case 6:
          return Set(operation, "enter", {session, call}, Roll(2) == 0 ? "waits" : token);
        case 7:
          return Set(operation, "look", {session, call},
                     Roll(3) == 0   ? "waits"
                     : Roll(2) == 0 ? "over"
                                    : token);
        case 8:
          return Set(operation, "leave", {session, call}, "ok");
        case 3:
          return Set(operation, "release", {session, token}, Roll(3) != 0 ? "true" : "false");
        case 4:
          return Set(operation, "end", {session}, "ok");
        default:
          return Set(operation, "get", {}, Roll(3) == 0 ? "free" : token);
      }
    });
  }

 private:
  size_t Roll(size_t n) { return random_() % n; }
  void Set(Operation& operation, std::string call, std::vector<std::string> arguments,
           std::string result) {
    operation.call = std::move(call);
    operation.arguments = std::move(arguments);
    if (Roll(5) != 0) operation.result = std::move(result);
  }
  template <typename F>
  History Make(F fill) {
    History history(2 + Roll(4));
    for (Operation& operation : history) {
      operation.key = "k";
      operation.invoked = static_cast<int64_t>(Roll(20));
      operation.returned = operation.invoked + static_cast<int64_t>(Roll(8));
      fill(operation);
    }
    return history;
  }

  std::mt19937 random_;
};

void ExpectAgreement(const char* name, const SequentialModel& model, const History& history,
                     int (&seen)[2]) {
  const bool fits = SomeOrderFits(model, history, {}, model.Initial());
  std::string text;
  for (const Operation& operation : history) text += Describe(operation) + "\n";
  ASSERT_EQ(CheckLinearizable(model, history).verdict,
            fits ? Verdict::kLinearizable : Verdict::kNotLinearizable)
      << text;
  if (++seen[fits ? 1 : 0] <= 500) {
    Export(name, fits ? Verdict::kLinearizable : Verdict::kNotLinearizable, history);
  }
}

TEST(LinearizabilityTest, AgreesWithTryingEveryOrder) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  RandomHistories random(seed);
  int registers[2] = {0, 0}, locks[2] = {0, 0};
  for (int round = 0; round < 10'000; ++round) {
    ExpectAgreement("register", RegisterModel(), random.Registers(), registers);
    ExpectAgreement("lock", LockModel(), random.Locks(), locks);
    if (testing::Test::HasFatalFailure()) return;
  }
  // Neither verdict is rare.
  EXPECT_GT(std::min(registers[0], registers[1]), 1000);
  EXPECT_GT(std::min(locks[0], locks[1]), 500);
}

}  // namespace
}  // namespace z4j::simulation
