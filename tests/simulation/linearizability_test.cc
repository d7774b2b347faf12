#include "tests/simulation/linearizability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/simulation/testing/export.h"

namespace z4j::simulation {
namespace {

using ::testing::HasSubstr;

// One history a line, operations apart by ";": "from-to call argument… result".  "from-" with the
// result "?": nobody heard what became of it.
History Read(const std::string& line) {
  History history;
  for (absl::string_view text : absl::StrSplit(line, ';')) {
    const std::vector<std::string> words = absl::StrSplit(text, ' ', absl::SkipWhitespace());
    const std::vector<std::string> times = absl::StrSplit(words[0], '-');
    Operation operation;
    operation.client = history.size();
    operation.key = "k";
    operation.call = words[1];
    operation.arguments.assign(words.begin() + 2, words.end() - 1);
    EXPECT_TRUE(absl::SimpleAtoi(times[0], &operation.invoked)) << text;
    if (words.back() != "?") {
      operation.result = words.back();
      EXPECT_TRUE(absl::SimpleAtoi(times[1], &operation.returned)) << text;
      EXPECT_LE(operation.invoked, operation.returned) << text;
    }
    history.push_back(std::move(operation));
  }
  return history;
}

const char* const kGoodRegisters[] = {
    // In order, and nothing at all.
    "0-1 get none",
    "0-1 put a ok; 2-3 get a",
    "0-1 put a ok; 2-3 put b ok; 4-5 get b",
    "0-1 put a ok; 2-3 delete true; 4-5 delete false; 6-7 get none",
    "0-1 cas none a true; 2-3 cas none b false; 4-5 get a",
    // A read that overlaps a write may see either side of it.
    "0-1 put a ok; 2-9 put b ok; 3-4 get a",
    "0-1 put a ok; 2-9 put b ok; 3-4 get b",
    "0-1 put a ok; 2-9 put b ok; 3-4 get a; 5-6 get b",
    "0-9 put a ok; 1-2 get none; 3-4 get a; 5-6 get a",
    // Writes that overlap take effect in either order.
    "0-9 put a ok; 0-9 put b ok; 10-11 get a",
    "0-9 put a ok; 0-9 put b ok; 10-11 get b",
    "0-9 put a ok; 0-9 put b ok; 1-2 get a; 3-4 get b; 10-11 get b",
    // Of two that swap the same, one wins.
    "0-9 cas none a true; 0-9 cas none b false; 10-11 get a",
    "0-9 cas none a true; 0-9 cas a b true; 10-11 get b",
    // An unknown one took effect, late, or never.
    "0- put a ?; 1-2 get a; 3-4 get a",
    "0- put a ?; 1-2 get none; 3-4 get a",
    "0- put a ?; 1-2 get none; 30-40 get none",
    "0-1 put a ok; 2- delete ?; 3-4 get a; 5-6 get none",
    "0- cas none a ?; 1-2 cas a b true",
    "0- put a ?; 0- put b ?; 1-2 get b; 3-4 get a; 5-6 get a",
    "0-1 put a ok; 2- cas a b ?; 3-4 cas b c true; 5-6 get c",
    // What ends when the other begins overlaps it.
    "0-5 put a ok; 5-6 get none",
};

const char* const kBadRegisters[] = {
    // A write that was confirmed is lost, or was never made.
    "0-1 get a",
    "0-1 put a ok; 2-3 get none",
    "0-1 put a ok; 2-3 get b",
    "0-1 put a ok; 2-3 put b ok; 4-5 get a",
    "0-1 put a ok; 2-3 delete true; 4-5 get a",
    // Reads go back in time.
    "0-1 put a ok; 2-9 put b ok; 3-4 get b; 5-6 get a",
    "0-9 put a ok; 1-2 get a; 3-4 get none",
    "0-9 put a ok; 0-9 put b ok; 1-2 get a; 3-4 get b; 5-6 get a",
    "0-9 put a ok; 0-9 put b ok; 10-11 get a; 12-13 get b",
    // Swaps that both, or neither, succeed.
    "0-9 cas none a true; 0-9 cas none b true",
    "0-9 cas none a false; 0-9 cas none b false",
    "0-1 put a ok; 2-3 cas b c true",
    "0-1 put a ok; 2-3 cas a b false",
    "0-9 cas none a true; 0-9 cas none b false; 10-11 get b",
    "0-1 put a ok; 2-9 delete true; 2-9 delete true",
    "0-1 delete true",
    // An unknown one takes effect once at most, and not before it was called.
    "0-1 get a; 2- put a ?",
    "0- put a ?; 1-2 get a; 3-4 get none",
    "0- put a ?; 1-2 get a; 3-4 put b ok; 5-6 get b; 7-8 get a",
    "0- delete ?; 1-2 put a ok; 3-4 get none; 5-6 put a ok; 7-8 get none",
    "0-1 put a ok; 2- cas a b ?; 3-4 get b; 5-6 get a",
};

const char* const kGoodLocks[] = {
    "0-1 get free",
    "0-1 acquire s 5; 2-3 get 5; 4-5 release s 5 true; 6-7 get free",
    "0-1 acquire s 5; 2-3 acquire s 5; 4-5 release s 5 true; 6-7 release s 5 false",
    "0-1 acquire s 5; 2-3 acquire t no; 4-5 release s 5 true; 6-7 acquire t 8",
    "0-1 acquire s 5; 2-9 acquire t 8; 3-4 release s 5 true",
    "0-9 acquire s 5; 0-9 acquire t no; 10-11 get 5",
    "0-1 acquire s 5; 2-9 end s ok; 3-8 acquire t 6; 9-10 get 6",
    "0-1 acquire s 5; 2- end s ?; 3-4 acquire t 6",
    "0-1 acquire s 5; 2- release s 5 ?; 3-4 get 5; 5-6 get free",
    "0- acquire s ?; 1-2 acquire t no; 3-4 get 5",
    "0- acquire s ?; 1-2 acquire t 4; 3-4 release t 4 true; 5-6 get 7",
    "0- acquire s ?; 1-2 acquire t no; 3-4 end s ok; 5-6 acquire t 9",
    "0- acquire s ?; 1-2 get 5; 3-4 release s 5 true; 5-6 get free",
    "0-1 acquire s 5; 2-3 release t 5 false; 4-5 get 5",
    "0-1 end s ok; 2-3 acquire s 5",
    // Those who wait hold one after the other, in the order in which they came.
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-5 release s 5 true; 6-7 look t 1 8",
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-5 enter u 1 waits; 6-7 release s 5 true; "
    "8-9 look t 1 8; 8-9 look u 1 waits; 10-11 release t 8 true; 12-13 look u 1 9",
    "0-1 enter s 1 5; 2-9 enter t 1 waits; 2-9 enter u 1 waits; 10-11 release s 5 true; "
    "12-13 look u 1 8; 14-15 look t 1 waits",
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-5 look t 1 waits; 6-7 get 5",
    // A wait that ended, or whose session did, is passed over.
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-9 leave t 1 ok; 10-11 look t 1 over; "
    "12-13 release s 5 true; 14-15 get free",
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-5 enter u 1 waits; 6- end t ?; "
    "7-8 release s 5 true; 9-10 look u 1 9",
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-5 leave t 1 ok; 6-7 enter t 2 waits; "
    "8- leave t 1 ?; 9-10 release s 5 true; 11-12 look t 2 8",
    // A session that ends gives up what it held, to whoever is next.
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-9 end s ok; 10-11 look t 1 6; 12-13 get 6",
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-9 end s ok; 5-6 look t 1 waits; 7-8 look t 1 6",
};

const char* const kBadLocks[] = {
    // Two hold it.
    "0-1 acquire s 5; 2-3 acquire t 6",
    "0-9 acquire s 5; 0-9 acquire t 6",
    "0-1 acquire s 5; 2-9 acquire t 8; 10-11 release s 5 true",
    "0-1 acquire s 5; 2-3 release t 5 true",
    // It is held by nobody, and yet refused; or by somebody, and yet free.
    "0-1 acquire s no",
    "0-1 acquire s 5; 2-3 release s 5 true; 4-5 acquire t no",
    "0-1 acquire s 5; 2-3 get free",
    "0-1 acquire s 5; 2-3 release s 5 true; 4-5 get 5",
    "0-1 acquire s 5; 2-3 end s ok; 4-5 get 5",
    // Tokens that do not grow, or change under the holder.
    "0-1 acquire s 5; 2-3 release s 5 true; 4-5 acquire t 5",
    "0-1 acquire s 5; 2-3 release s 5 true; 4-5 acquire t 4",
    "0-1 acquire s 5; 2-3 acquire s 6",
    "0-1 acquire s 5; 2-3 get 6",
    "0-1 acquire s 5; 2-9 end s ok; 3-8 acquire t 4",
    "0- acquire s ?; 1-2 get 5; 3-4 end s ok; 5-6 acquire t 5",
    "0- acquire s ?; 1-2 get 5; 3-4 get 6",
    // What was released is released.
    "0-1 acquire s 5; 2-3 release s 5 false",
    "0-1 acquire s 5; 2-3 release s 5 true; 4-5 release s 5 true",
    "0-1 acquire s 5; 2- release s 5 ?; 3-4 get free; 5-6 get 5",
    "0-1 release s 5 true",
    // The first that came is next.
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-5 enter u 1 waits; 6-7 release s 5 true; "
    "8-9 look u 1 8",
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-5 release s 5 true; 6-7 acquire u 8",
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-5 release s 5 true; 6-7 get free",
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-5 enter u 1 waits; 6-7 look t 1 over",
    // Nobody waits for what is free, nor holds it while another does.
    "0-1 enter s 1 waits",
    "0-1 enter s 1 5; 2-3 enter t 1 6",
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-5 look t 1 6",
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-5 release s 5 true; 6-7 look t 1 5",
    // A session ends no earlier than it may: until then it holds, and its place is kept.
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-5 look t 1 6; 6-9 end s ok",
    "0-1 acquire s 5; 2-3 acquire t 6; 4- end s ?",
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-5 look t 1 over; 6- leave t 1 ?",
    // Once it has ended it holds nothing.
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-5 end s ok; 6-7 look t 1 waits",
    "0-1 enter s 1 5; 2-3 end s ok; 4-5 release s 5 true",
    "0-1 enter s 1 5; 2-3 enter t 1 waits; 4-5 end t ok; 6-7 release s 5 true; 8-9 look t 1 6",
};

template <size_t kSize>
void ExpectAll(const char* name, const SequentialModel& model, const char* const (&lines)[kSize],
               Verdict verdict) {
  for (const char* line : lines) {
    Export(name, verdict, Read(line));
    EXPECT_EQ(CheckLinearizable(model, Read(line)).verdict, verdict) << line;
  }
}

TEST(LinearizabilityTest, AcceptsGoodHistoriesOfARegister) {
  static_assert(std::size(kGoodRegisters) >= 20);
  ExpectAll("register", RegisterModel(), kGoodRegisters, Verdict::kLinearizable);
}
TEST(LinearizabilityTest, RefusesBadHistoriesOfARegister) {
  static_assert(std::size(kBadRegisters) >= 20);
  ExpectAll("register", RegisterModel(), kBadRegisters, Verdict::kNotLinearizable);
}
TEST(LinearizabilityTest, AcceptsGoodHistoriesOfALock) {
  ExpectAll("lock", LockModel(), kGoodLocks, Verdict::kLinearizable);
}
TEST(LinearizabilityTest, RefusesBadHistoriesOfALock) {
  static_assert(std::size(kBadLocks) >= 20);
  ExpectAll("lock", LockModel(), kBadLocks, Verdict::kNotLinearizable);
}

TEST(LinearizabilityTest, JudgesEachKeyAndNamesTheOneAtFault) {
  History history = Read("0-1 put a ok; 2-3 get a");
  for (Operation& operation : Read("0-1 put a ok; 2-3 get b")) {
    operation.key = "other";
    history.push_back(operation);
  }
  const CheckResult result = CheckLinearizable(RegisterModel(), history);
  EXPECT_EQ(result.verdict, Verdict::kNotLinearizable);
  EXPECT_EQ(result.key, "other");
  EXPECT_THAT(result.explanation, HasSubstr("after 1 of 2"));
  EXPECT_THAT(result.explanation, HasSubstr("get(other) = b [2, 3]"));
}

TEST(LinearizabilityTest, ASearchThatIsCutShortIsNoPass) {
  const History history = Read(kGoodRegisters[2]);
  EXPECT_EQ(CheckLinearizable(RegisterModel(), history, 2).verdict, Verdict::kUndecided);
  EXPECT_EQ(CheckLinearizable(RegisterModel(), history, 3).verdict, Verdict::kLinearizable);
  // A failure of another key outweighs it.
  History both = history;
  both.push_back({9, "other", "get", {}, "never", 0, 1});
  EXPECT_EQ(CheckLinearizable(RegisterModel(), both, 2).verdict, Verdict::kNotLinearizable);
}

TEST(LinearizabilityTest, ACallThatTheModelDoesNotKnowIsNoPass) {
  EXPECT_EQ(CheckLinearizable(RegisterModel(), Read("0-1 increment 1 ok")).verdict,
            Verdict::kNotLinearizable);
}

// Clients of one true copy, whose operations overlap: each takes effect at some instant between its
// call and its return, and some answers are lost.
History RandomHistory(std::mt19937& random, int operations, int clients) {
  const RegisterModel model;
  std::string state = model.Initial();
  std::vector<int64_t> free(clients, 0);
  std::vector<Operation> pending;
  for (int i = 0; i < operations; ++i) {
    Operation operation;
    operation.client = random() % clients;
    operation.key = "k";
    const std::string value = absl::StrCat(random() % 4), other = absl::StrCat(random() % 4);
    switch (random() % 4) {
      case 0:
        operation.call = "put", operation.arguments = {value};
        break;
      case 1:
        operation.call = "cas", operation.arguments = {other, value};
        break;
      case 2:
        operation.call = "delete";
        break;
      default:
        operation.call = "get";
    }
    // Takes effect at 10 * i; so calls and returns are around it, one client at a time.
    const int64_t effect = 10 * i;
    operation.invoked = std::max<int64_t>(free[operation.client], effect - random() % 60);
    operation.returned = effect + random() % 60;
    if (operation.invoked > effect) continue;
    free[operation.client] = operation.returned + 1;
    for (const char* result : {"ok", "true", "false", "none", "0", "1", "2", "3"}) {
      operation.result = result;
      const std::vector<std::string> next = model.Next(state, operation);
      if (next.empty()) continue;
      state = next[0];
      break;
    }
    if (random() % 20 == 0) operation.result = std::nullopt;
    pending.push_back(std::move(operation));
  }
  return pending;
}

TEST(LinearizabilityTest, AcceptsWhatOneTrueCopyDidAndRefusesItOnceAReadIsForged) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 100; ++round) {
    History history = RandomHistory(random, 200, 6);
    const CheckResult good = CheckLinearizable(RegisterModel(), history);
    ASSERT_EQ(good.verdict, Verdict::kLinearizable) << good.explanation;
    Export("register", good.verdict, history);
    history.push_back({99, "k", "get", {}, "never written", 500, 600});
    ASSERT_EQ(CheckLinearizable(RegisterModel(), history).verdict, Verdict::kNotLinearizable);
  }
}

TEST(LinearizabilityTest, JudgesAThousandOperationsOfOneKey) {
  std::mt19937 random(1);
  const History history = RandomHistory(random, 1000, 8);
  EXPECT_EQ(CheckLinearizable(RegisterModel(), history).verdict, Verdict::kLinearizable);
}

TEST(HoldingsTest, HoldingsOneAfterTheOtherWithGrowingTokensAreWell) {
  EXPECT_EQ(CheckHoldings({{"a", 1, 0, 5}, {"b", 2, 0, 9}, {"a", 3, 5, 6}, {"a", 9, 7, 8}}),
            std::nullopt);
}

TEST(HoldingsTest, OverlapsAndTokensThatDoNotGrowAreFound) {
  EXPECT_THAT(*CheckHoldings({{"a", 1, 0, 5}, {"a", 2, 4, 6}}), HasSubstr("held twice"));
  EXPECT_THAT(*CheckHoldings({{"a", 2, 0, 5}, {"a", 1, 6, 7}}), HasSubstr("tokens against time"));
  EXPECT_THAT(*CheckHoldings({{"a", 1, 0, 5}, {"b", 1, 6, 7}}), HasSubstr("one token"));
}

TEST(HistoryTest, IsExportedAsJsonWithNullForTheUnknown) {
  History history = Read("0-1 put \"x\" ok");
  history.push_back({7, "k", "get", {}, std::nullopt, 3, 0});
  const std::string json = ToJson(history);
  EXPECT_THAT(json, HasSubstr(R"("arguments": [
   "\"x\""
  ],
  "result": "ok",
  "invoked": 0,
  "returned": 1)"));
  EXPECT_THAT(json, HasSubstr(R"("result": null,
  "invoked": 3,
  "returned": null)"));
}

}  // namespace
}  // namespace z4j::simulation
