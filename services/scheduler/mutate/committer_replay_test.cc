#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/testing/simulated_clock.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/audit/testing/sample_chain.h"
#include "services/scheduler/audit/verify.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/mutate/committer.h"
#include "services/scheduler/mutate/testing/sample_mutations.h"
#include "services/scheduler/store/codec.h"
#include "services/scheduler/store/memory_schedule_store.h"
#include "services/scheduler/store/sqlite/sqlite_schedule_store.h"
#include "services/scheduler/store/sqlite/testing/temporary_folder.h"

// Request ids, and what holds after any sequence of mutations.
namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::SizeIs;

// Runs over the memory twin and over a real file.
class ReplayTest : public testing::TestWithParam<const char*> {
 protected:
  ReplayTest() : store_(MakeStore()), committer_(*store_, keys_, clock_) {}

  absl::StatusOr<MutationResult> Run(MutationAction action, std::string request_id) {
    return committer_.Run(ByAnn(std::move(action), std::move(request_id)));
  }
  std::vector<AuditEntry> Audit() { return *store_->ListAudit(0, 100'000); }
  void ExpectWholeChain() {
    const auto verdict = VerifyStore(*store_, keys_);
    ASSERT_OK(verdict);
    EXPECT_TRUE(verdict->ok()) << verdict->message;
  }

  SimulatedClock clock_{
      absl::FromCivil(absl::CivilMinute(2026, 3, 10, 8, 30), absl::UTCTimeZone())};
  const Keyring keys_ = SampleKeys();
  const sqlite::TemporaryFolder folder_;
  std::unique_ptr<ScheduleStore> store_;
  Committer committer_;

 private:
  std::unique_ptr<ScheduleStore> MakeStore() {
    if (GetParam() == std::string("Memory")) return std::make_unique<MemoryScheduleStore>(clock_);
    auto store = SqliteScheduleStore::Open({folder_.NewPath(), 0}, clock_);
    EXPECT_OK(store);
    EXPECT_OK((*store)->Migrate());
    return *std::move(store);
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, ReplayTest, testing::Values("Memory", "Sqlite"),
                         [](const auto& info) { return std::string(info.param); });

void ExpectSame(const MutationResult& a, const MutationResult& b) {
  EXPECT_EQ(a.schedule, b.schedule);
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.fire, b.fire);
  EXPECT_EQ(a.notes, b.notes);
}

TEST_P(ReplayTest, TheSameRequestGetsTheSameAnswerAndDoesNothingTwice) {
  const Schedule schedule = OneShotSchedule("a", clock_.Now() - absl::Hours(1));
  const TriggerSchedule trigger{SampleKey("a"), "[1]", "{}"};
  ASSERT_OK_AND_ASSIGN(const MutationResult created, Run(CreateSchedule{schedule}, "r-1"));
  EXPECT_THAT(created.notes, SizeIs(1));
  ASSERT_OK_AND_ASSIGN(const MutationResult triggered, Run(trigger, "r-2"));
  clock_.Advance(absl::Seconds(3));
  ASSERT_OK_AND_ASSIGN(const MutationResult deleted,
                       Run(DeleteSchedule{SampleKey("a"), "", false}, "r-3"));
  EXPECT_THAT(Audit(), SizeIs(3));

  // The schedule is gone, and yet the answers are what they were.
  ASSERT_OK_AND_ASSIGN(const MutationResult created_again, Run(CreateSchedule{schedule}, "r-1"));
  ExpectSame(created_again, created);
  ASSERT_OK_AND_ASSIGN(const MutationResult triggered_again, Run(trigger, "r-2"));
  ExpectSame(triggered_again, triggered);
  ASSERT_OK_AND_ASSIGN(const MutationResult deleted_again,
                       Run(DeleteSchedule{SampleKey("a"), "", false}, "r-3"));
  ExpectSame(deleted_again, deleted);
  EXPECT_THAT(Audit(), SizeIs(3));
  EXPECT_THAT(store_->GetSchedule(SampleKey("a")), StatusIs(StatusCode::kNotFound));
}

TEST_P(ReplayTest, AnotherProcessKnowsTheRequestToo) {
  ASSERT_OK_AND_ASSIGN(const MutationResult created,
                       Run(CreateSchedule{HourlySchedule("a")}, "r-1"));
  Committer other(*store_, keys_, clock_);
  ASSERT_OK_AND_ASSIGN(
      const MutationResult again,
      other.Run(By({"cli:ann", "10.0.0.9:1"}, CreateSchedule{HourlySchedule("a")}, "r-1")));
  ExpectSame(again, created);
}

TEST_P(ReplayTest, TheSameIdForAnotherRequestIsRefused) {
  ASSERT_OK(Run(CreateSchedule{HourlySchedule("a")}, "r-1"));
  for (const MutationAction& other :
       {MutationAction(CreateSchedule{HourlySchedule("b")}),
        MutationAction(PauseSchedule{SampleKey("a"), "", absl::InfiniteFuture()}),
        MutationAction(ResumeSchedule{SampleKey("a")})}) {
    const auto result = Run(other, "r-1");
    EXPECT_THAT(result, StatusIs(StatusCode::kInvalidArgument));
    EXPECT_EQ(FieldViolationsOf(result.status()).at(0).field, "request_id");
  }
  // Another project has its own ids.
  Schedule elsewhere = HourlySchedule("a");
  elsewhere.project = "elsewhere";
  EXPECT_OK(Run(CreateSchedule{elsewhere}, "r-1"));
  EXPECT_THAT(Audit(), SizeIs(2));
}

TEST_P(ReplayTest, ABatchUnderOneRequestIdIsAnsweredAgainItemByItem) {
  std::vector<Mutation> batch;
  for (int i = 0; i < 5; ++i) {
    batch.push_back(ByAnn(CreateSchedule{HourlySchedule(absl::StrCat("s", i))}, "r-1"));
  }
  const auto first = committer_.RunBatch(batch, /*atomic=*/true);
  const auto again = committer_.RunBatch(batch, /*atomic=*/true);
  for (int i = 0; i < 5; ++i) {
    ASSERT_OK(first[i]);
    ASSERT_OK(again[i]);
    ExpectSame(*again[i], *first[i]);
  }
  EXPECT_THAT(Audit(), SizeIs(5));
}

TEST_P(ReplayTest, ARefusedItemOfABatchIsDecidedAgainAndTheOthersAreNot) {
  const std::vector<Mutation> batch = {
      ByAnn(CreateSchedule{HourlySchedule("a")}, "r-1"),
      ByAnn(PauseSchedule{SampleKey("later"), "why", absl::InfiniteFuture()}, "r-1"),
      ByAnn(CreateSchedule{HourlySchedule("c")}, "r-1")};
  const auto first = committer_.RunBatch(batch, /*atomic=*/false);
  EXPECT_THAT(first[1], StatusIs(StatusCode::kNotFound));
  ASSERT_OK(Run(CreateSchedule{HourlySchedule("later")}, "r-2"));
  for (int times = 0; times < 2; ++times) {
    const auto again = committer_.RunBatch(batch, /*atomic=*/false);
    for (const int i : {0, 2}) {
      ASSERT_OK(first[i]);
      ASSERT_OK(again[i]);
      ExpectSame(*again[i], *first[i]);
    }
    EXPECT_OK(again[1]);
    EXPECT_THAT(Audit(), SizeIs(4));
  }
}

TEST_P(ReplayTest, ABatchOfWhichNothingWasWrittenLeavesItsIdToAnother) {
  const auto none = committer_.RunBatch(
      {ByAnn(PauseSchedule{SampleKey("a"), "why", absl::InfiniteFuture()}, "r-1")}, false);
  EXPECT_THAT(none[0], StatusIs(StatusCode::kNotFound));
  EXPECT_OK(committer_.RunBatch({ByAnn(CreateSchedule{HourlySchedule("a")}, "r-1")}, false)[0]);
}

TEST_P(ReplayTest, ABatchWithOneOtherItemIsAnotherRequest) {
  std::vector<Mutation> batch = {ByAnn(CreateSchedule{HourlySchedule("a")}, "r-1"),
                                 ByAnn(CreateSchedule{HourlySchedule("b")}, "r-1")};
  for (const auto& result : committer_.RunBatch(batch, false)) EXPECT_OK(result);
  std::vector<Mutation> brief = batch, shorter = {batch[0]};
  for (Mutation& mutation : brief) mutation.brief = true;
  batch[1] = ByAnn(CreateSchedule{HourlySchedule("c")}, "r-1");
  for (const std::vector<Mutation>& other : {batch, brief, shorter}) {
    for (const auto& result : committer_.RunBatch(other, false)) {
      EXPECT_THAT(result, StatusIs(StatusCode::kInvalidArgument));
      EXPECT_EQ(FieldViolationsOf(result.status()).at(0).field, "request_id");
    }
  }
  // A mutation by itself under that id is none of the batch.
  EXPECT_OK(Run(PauseSchedule{SampleKey("a"), "", absl::InfiniteFuture()}, "r-1"));
  EXPECT_THAT(Audit(), SizeIs(3));
}

TEST_P(ReplayTest, ABriefBatchIsAnsweredWithVersionsTheSecondTimeToo) {
  std::vector<Mutation> batch;
  for (const char* name : {"a", "b"}) {
    batch.push_back(
        ByAnn(CreateSchedule{OneShotSchedule(name, clock_.Now() - absl::Hours(1))}, "r-1"));
    batch.back().brief = true;
  }
  const auto first = committer_.RunBatch(batch, /*atomic=*/true);
  ASSERT_OK(Run(UpdateSchedule{SampleKey("b"), HourlySchedule("b"), {}, ""}, "r-2"));
  const auto again = committer_.RunBatch(batch, /*atomic=*/true);
  for (const int i : {0, 1}) {
    ASSERT_OK(first[i]);
    ASSERT_OK(again[i]);
    EXPECT_FALSE(first[i]->schedule.has_value());
    EXPECT_EQ(first[i]->version, (ScheduleVersion{SampleKey(i == 0 ? "a" : "b"), i + 1}));
    EXPECT_THAT(first[i]->notes, SizeIs(1));
    ExpectSame(*again[i], *first[i]);
  }
  EXPECT_THAT(Audit(), SizeIs(3));
}

TEST_P(ReplayTest, RequestIdsHaveABoundAndAnAlphabet) {
  for (const std::string& id :
       {std::string(kRequestIdCharsMax + 1, 'x'), std::string("a b"), std::string("\xc3\xbc"),
        std::string("a\nb"), std::string(1, '\0')}) {
    const auto result = Run(CreateSchedule{HourlySchedule("a")}, id);
    EXPECT_THAT(result, StatusIs(StatusCode::kInvalidArgument));
  }
  EXPECT_OK(Run(CreateSchedule{HourlySchedule("a")}, std::string(kRequestIdCharsMax, 'x')));
}

// Draws mutations of few schedules, so that most meet one that exists.
class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}

  Mutation Next(absl::Time now) {
    const ScheduleKey key = SampleKey(absl::StrCat("s", Draw(6)));
    Mutation mutation = ByAnn(Action(key, now));
    if (Draw(3) == 0) mutation.request_id = absl::StrCat("r", Draw(200));
    mutation.validate_only = Draw(10) == 0;
    return mutation;
  }
  int Draw(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

 private:
  MutationAction Action(const ScheduleKey& key, absl::Time now) {
    Schedule schedule = HourlySchedule(key.name);
    schedule.task = absl::StrCat("task", Draw(5));
    if (Draw(3) == 0) schedule.spec = OneShotSpec{now + absl::Minutes(Draw(120) - 60)};
    if (Draw(20) == 0) schedule.time_zone = "Mars/Olympus";
    const std::string etag = Draw(4) == 0 ? absl::StrCat("\"", Draw(50), "\"") : "";
    switch (Draw(10)) {
      case 0:
      case 1:
      case 2:
        return CreateSchedule{schedule};
      case 3:
      case 4:
        return UpdateSchedule{key, schedule, {}, etag};
      case 5:
        return DeleteSchedule{key, etag, Draw(2) == 0};
      case 6:
        return PauseSchedule{key, "why", now + absl::Hours(1)};
      case 7:
        return ResumeSchedule{key};
      case 8:
        return QuarantineSchedule{key, "why"};
      default:
        return TriggerSchedule{key, Draw(8) == 0 ? "{}" : "[]", ""};
    }
  }
  std::mt19937 random_;
};

TEST_P(ReplayTest, AfterAnyMutationsTheChainIsWholeAndTellsHowEachScheduleIs) {
  const uint32_t seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  Mutator mutator(seed);
  Committer other(*store_, keys_, clock_);  // A second node.
  int written = 0;
  for (int round = 0; round < 300; ++round) {
    Committer& committer = mutator.Draw(2) == 0 ? committer_ : other;
    std::vector<Mutation> batch;
    for (int i = mutator.Draw(5); i >= 0; --i) batch.push_back(mutator.Next(clock_.Now()));
    const bool atomic = mutator.Draw(2) == 0;
    for (const auto& result : committer.RunBatch(batch, atomic)) written += result.ok();
    clock_.Advance(absl::Seconds(mutator.Draw(600)));
  }
  EXPECT_GT(written, 100);
  ExpectWholeChain();

  std::map<ScheduleId, std::string> told;
  for (const AuditEntry& entry : Audit()) {
    if (entry.action == "schedule.trigger") continue;
    EXPECT_EQ(told[entry.schedule], entry.before) << "entry " << entry.seq << ", seed " << seed;
    told[entry.schedule] = entry.after;
  }
  std::erase_if(told, [](const auto& item) { return item.second.empty(); });
  std::map<ScheduleId, std::string> stored;
  ASSERT_OK(store_->LoadSchedules(
      [&](StoredSchedule s) { stored[s.schedule.id] = EncodeSchedule(s.schedule); }));
  EXPECT_EQ(stored, told) << "seed " << seed;
}

}  // namespace
}  // namespace z4j::scheduler
