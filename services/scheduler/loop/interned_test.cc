#include "services/scheduler/loop/interned.h"

#include <gmock/gmock.h>

#include <optional>
#include <string>

namespace z4j::scheduler {
namespace {

using Names = Interned<std::string, int>;

TEST(InternedTest, HoldsAValueUntilItsLastUserDropsIt) {
  Names names;
  EXPECT_EQ(names.Share("a"), std::nullopt);
  const Names::Number a = names.Add("a", 1);
  EXPECT_EQ(names.Share("a"), a);
  names.Drop(a);
  EXPECT_EQ(names[a], 1);
  EXPECT_EQ(names.KeyOf(a), "a");
  names.Drop(a);
  EXPECT_EQ(names.Share("a"), std::nullopt);
  EXPECT_EQ(names.size(), 0);
}

TEST(InternedTest, GivesNumbersOutAgain) {
  Names names;
  const Names::Number kept = names.Add("kept", 0);
  for (int i = 1; i < 1000; ++i) {
    const Names::Number number = names.Add("name " + std::to_string(i), i);
    EXPECT_LE(number, 1);
    EXPECT_EQ(names[number], i);
    names.Drop(number);
  }
  EXPECT_EQ(names[kept], 0);
}

TEST(InternedTest, KeepsEveryEntryWhereItIs) {
  Names names;
  const int* const first = &names[names.Add("first", 1)];
  for (int i = 0; i < 1000; ++i) names.Add("name " + std::to_string(i), i);
  EXPECT_EQ(first, &names[*names.Share("first")]);
}

}  // namespace
}  // namespace z4j::scheduler
