#include "services/consensus/machine/kv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/limits.h"
#include "services/consensus/machine/testing/machine_driver.h"

namespace z4j::consensus {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class KvTest : public testing::Test {
 protected:
  std::string ValueOf(const std::string& key) {
    const std::optional<KvEntry> entry = log.machine.kv().Get(key);
    return entry.has_value() ? entry->value : "(none)";
  }
  Revision ModRevisionOf(const std::string& key) {
    return log.machine.kv().Get(key).value_or(KvEntry{}).mod_revision;
  }
  std::vector<std::string> KeysOf(const std::vector<KvEntry>& entries) {
    std::vector<std::string> keys;
    for (const KvEntry& entry : entries) keys.push_back(entry.key);
    return keys;
  }
  MachineDriver log;
};

TEST_F(KvTest, AKeyKeepsWhenItCameToBeAndWhenItWasLastWritten) {
  const Revision first = log.Put("k", "1").revision;
  const Revision second = log.Put("k", "2").revision;
  EXPECT_EQ(*log.machine.kv().Get("k"), (KvEntry{"k", "2", first, second}));
}

TEST_F(KvTest, CompareAndSetTakesTheElseBranchOnceTheKeyHasMovedOn) {
  log.Put("k", "1");
  const Revision seen = ModRevisionOf("k");
  const KvTxn swap = {{{"k", seen}}, {{"k", KvPut{"2"}}}, {{"k", KvGet{}}}};
  EXPECT_TRUE(std::get<TxnDone>(log.Txn(swap).body).succeeded);
  const auto again = std::get<TxnDone>(log.Txn(swap).body);
  EXPECT_FALSE(again.succeeded);
  ASSERT_THAT(again.results, SizeIs(1));
  EXPECT_EQ(again.results[0]->value, "2");
}

TEST_F(KvTest, ComparesWithAValueOrWithAbsence) {
  const auto holds = [&](KvCompare compare) {
    return std::get<TxnDone>(log.Txn({{std::move(compare)}, {}, {}}).body).succeeded;
  };
  EXPECT_TRUE(holds({"k", Revision{}}));
  EXPECT_FALSE(holds({"k", std::string()}));
  log.Put("k", "v");
  EXPECT_FALSE(holds({"k", Revision{}}));
  EXPECT_TRUE(holds({"k", std::string("v")}));
  EXPECT_FALSE(holds({"k", std::string("w")}));
}

TEST_F(KvTest, OperationsSeeThoseBeforeThemAndShareOneRevision) {
  log.Put("b", "old");
  const Answer answer =
      log.Txn({{}, {{"a", KvPut{"1"}}, {"a", KvGet{}}, {"b", KvDelete{}}, {"b", KvGet{}}}, {}});
  const auto done = std::get<TxnDone>(answer.body);
  ASSERT_THAT(done.results, SizeIs(4));
  EXPECT_EQ(done.results[1]->value, "1");
  EXPECT_EQ(done.results[2]->value, "old");
  EXPECT_EQ(done.results[3], std::nullopt);
  EXPECT_EQ(ModRevisionOf("a"), answer.revision);
}

TEST_F(KvTest, ATransactionThatWritesAKeyTwiceIsRefused) {
  EXPECT_EQ(log.Txn({{}, {{"a", KvPut{"1"}}, {"a", KvDelete{}}}, {}}).code, AnswerCode::kInvalid);
}

TEST_F(KvTest, ADeletedKeyStartsAnew) {
  const Revision first = log.Put("k", "1").revision;
  log.Txn({{}, {{"k", KvDelete{}}}, {}});
  EXPECT_EQ(ValueOf("k"), "(none)");
  log.Put("k", "2");
  EXPECT_GT(log.machine.kv().Get("k")->create_revision, first);
}

TEST_F(KvTest, ValuesAndKeysBeyondTheirBoundAreRefused) {
  EXPECT_EQ(log.Put("k", std::string(kKvValueBytesMax, 'x')).code, AnswerCode::kOk);
  EXPECT_EQ(log.Put("k", std::string(kKvValueBytesMax + 1, 'x')).code, AnswerCode::kInvalid);
  EXPECT_EQ(log.Put("", "x").code, AnswerCode::kInvalid);
  EXPECT_EQ(log.Put(std::string(kNameBytesMax + 1, 'k'), "x").code, AnswerCode::kInvalid);
}

TEST_F(KvTest, AFullStoreRefusesWhatGrowsItWholeAndTakesWhatShrinksIt) {
  const std::string value(kKvValueBytesMax, 'x');
  int stored = 0;
  while (log.Put("key" + std::to_string(stored), value).code == AnswerCode::kOk) {
    ASSERT_LT(++stored, kKvBytesMax / kKvValueBytesMax + 1);
  }
  EXPECT_LE(log.machine.kv().bytes(), kKvBytesMax);
  EXPECT_GT(log.machine.kv().bytes(), kKvBytesMax - kKvValueBytesMax - 1000);
  const Answer refused =
      log.Txn({{}, {{"key0", KvPut{"s"}}, {"a", KvPut{value}}, {"b", KvPut{value}}}, {}});
  EXPECT_EQ(refused.code, AnswerCode::kExhausted);
  EXPECT_EQ(ValueOf("key0"), value);
  EXPECT_EQ(log.Txn({{}, {{"key0", KvDelete{}}, {"a", KvPut{"small"}}}, {}}).code, AnswerCode::kOk);
}

TEST_F(KvTest, ListsAPrefixInOrderPageByPage) {
  for (const char* key : {"a", "p/1", "p/2", "p/3", "q"}) log.Put(key, "v");
  const Kv& kv = log.machine.kv();
  EXPECT_THAT(KeysOf(kv.List("p/", "", 2, 1000)), ElementsAre("p/1", "p/2"));
  EXPECT_THAT(KeysOf(kv.List("p/", "p/2", 2, 1000)), ElementsAre("p/3"));
  EXPECT_THAT(KeysOf(kv.List("p/", "p/3", 2, 1000)), IsEmpty());
  EXPECT_THAT(KeysOf(kv.List("", "", 10, 1000)), SizeIs(5));
  EXPECT_THAT(KeysOf(kv.List("p/", "", 10, 1)), ElementsAre("p/1"));  // One, if there is one.
}

TEST_F(KvTest, EveryWriteIsAChangeAndNothingElseIs) {
  log.Put("k", "1");
  log.Txn({{}, {{"k", KvGet{}}, {"absent", KvDelete{}}}, {}});
  log.Txn({{}, {{"k", KvDelete{}}, {"l", KvPut{"2"}}}, {}});
  ASSERT_OK_AND_ASSIGN(const auto changes, log.machine.kv().ChangesFrom({1}));
  ASSERT_THAT(changes, SizeIs(2));
  EXPECT_EQ(*changes[0].changes[0].value, "1");
  ASSERT_THAT(changes[1].changes, SizeIs(2));
  EXPECT_EQ(changes[1].changes[0].value, nullptr);
  EXPECT_EQ(*changes[1].changes[1].value, "2");
  EXPECT_THAT(log.Take<KvChanged>(), SizeIs(2));
}

TEST_F(KvTest, R40AWatchThatResumesMissesNothingAndNeverGoesBack) {
  std::vector<Revision> written;
  for (int i = 0; i < 10; ++i) written.push_back(log.Put("k", std::to_string(i)).revision);
  ASSERT_OK_AND_ASSIGN(const auto rest, log.machine.kv().ChangesFrom({written[3].value + 1}));
  ASSERT_THAT(rest, SizeIs(6));
  for (size_t i = 0; i < rest.size(); ++i) EXPECT_EQ(rest[i].revision, written[i + 4]);
}

TEST_F(KvTest, R40WhatIsNoLongerKeptIsSaidToBeGoneAlsoAfterASnapshot) {
  const Revision first = log.Put("k", "first").revision;
  for (size_t i = 0; i < kHistoryChangesMax; ++i) log.Put("k", "v");
  const auto check = [&](const Kv& kv) {
    EXPECT_THAT(kv.ChangesFrom(first), StatusIs(absl::StatusCode::kAborted));
    EXPECT_EQ(kv.oldest_revision().value, first.value + 1);
    ASSERT_OK_AND_ASSIGN(const auto kept, kv.ChangesFrom(kv.oldest_revision()));
    EXPECT_THAT(kept, SizeIs(kHistoryChangesMax));
  };
  check(log.machine.kv());
  CoordinationMachine other;
  ASSERT_OK(other.Load(log.machine.Save()));
  check(other.kv());
}

TEST_F(KvTest, TheHistoryIsBoundedInBytes) {
  for (int i = 0; i < 200; ++i) log.Put("k", std::string(kKvValueBytesMax, 'x'));
  ASSERT_OK_AND_ASSIGN(const auto kept,
                       log.machine.kv().ChangesFrom(log.machine.kv().oldest_revision()));
  EXPECT_LE(kept.size(), kHistoryBytesMax / kKvValueBytesMax);
  EXPECT_GT(kept.size(), 100);
}

}  // namespace
}  // namespace z4j::consensus
