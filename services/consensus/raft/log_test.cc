#include "services/consensus/raft/log.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "services/base/rng.h"
#include "services/consensus/raft/testing/lone_node.h"

namespace z4j::consensus {
namespace {

TEST(LogTest, AgreesWithAPlainListUnderAnySequenceOfChanges) {
  for (uint64_t seed = 1; seed <= 2'000; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Rng rng(seed);
    Log log({});
    std::vector<Term> terms = {{0}};  // terms[i] is the term at index i; never shortened at front.
    uint64_t base = 0;
    Term term{1};
    for (int step = 0; step < 60; ++step) {
      const uint64_t dice = rng.Below(10);
      if (dice < 6) {
        if (rng.Chance(1, 4)) term = term.Next();
        log.Append(EntryAt(terms.size(), term.value));
        terms.push_back(term);
      } else if (dice < 8 && terms.size() > base + 1) {
        const uint64_t from = base + 1 + rng.Below(terms.size() - base - 1);
        log.TruncateFrom({from});
        terms.resize(from);
      } else if (terms.size() > base + 1) {
        base += rng.Below(terms.size() - base);
        log.CompactTo({base});
      }
      ASSERT_EQ(log.first(), Index{base + 1});
      ASSERT_EQ(log.last(), Index{terms.size() - 1});
      for (uint64_t index = 0; index < terms.size() + 2; ++index) {
        const bool known = index >= base && index < terms.size();
        ASSERT_EQ(log.TermAt({index}), known ? std::optional(terms[index]) : std::nullopt);
      }
      const uint64_t from = rng.Below(terms.size() + 2);
      const Term above{rng.Below(term.value + 2)};
      uint64_t expected = std::clamp<uint64_t>(from, base, terms.size() - 1);
      while (expected > base && terms[expected] > above) --expected;
      ASSERT_EQ(log.LastNotAbove({from}, above), (LogPosition{{expected}, terms[expected]}));
    }
  }
}

TEST(LogTest, ASliceKeepsBothBoundsAndMakesProgress) {
  const Log log({}, EntriesOf({1, 1, 1, 1}));  // One byte each.
  EXPECT_EQ(log.Slice({1}, {4}, 2, 100).size(), 2);
  EXPECT_EQ(log.Slice({1}, {4}, 100, 3).size(), 3);
  EXPECT_EQ(log.Slice({1}, {4}, 100, 0).size(), 1);  // One that is too large still goes, alone.
  EXPECT_EQ(log.Slice({2}, {3}, 100, 100).size(), 2);
  EXPECT_TRUE(log.Slice({5}, {9}, 100, 100).empty());
}

TEST(LogTest, TheLaterTermIsMoreUpToDateThenTheLongerLog) {
  const Log log({}, EntriesOf({1, 2}));
  EXPECT_TRUE(log.IsUpToDate({{1}, {3}}));
  EXPECT_TRUE(log.IsUpToDate({{2}, {2}}));
  EXPECT_FALSE(log.IsUpToDate({{1}, {2}}));
  EXPECT_FALSE(log.IsUpToDate({{9}, {1}}));
}

TEST(LogTest, AHoleIsABugThatEndsTheProcess) {
  Log log({}, EntriesOf({1}));
  EXPECT_DEATH(log.Append(EntryAt(3, 1)), "check failed");
  EXPECT_DEATH(log.Append(EntryAt(2, 0)), "check failed");
}

}  // namespace
}  // namespace z4j::consensus
