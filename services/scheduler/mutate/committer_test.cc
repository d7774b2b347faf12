#include "services/scheduler/mutate/committer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/testing/simulated_clock.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/audit/testing/sample_chain.h"
#include "services/scheduler/audit/verify.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/mutate/testing/guarded_store.h"
#include "services/scheduler/mutate/testing/sample_mutations.h"
#include "services/scheduler/store/memory_schedule_store.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CommitterTest : public testing::Test {
 protected:
  absl::StatusOr<MutationResult> Run(MutationAction action, std::string request_id = "") {
    return committer_.Run(ByAnn(std::move(action), std::move(request_id)));
  }
  std::vector<AuditEntry> Audit() { return *memory_.ListAudit(0, 10'000); }
  std::vector<std::string> Actions() {
    std::vector<std::string> actions;
    for (const AuditEntry& entry : Audit()) actions.push_back(entry.action);
    return actions;
  }
  size_t ScheduleCount() {
    size_t count = 0;
    EXPECT_OK(memory_.LoadSchedules([&](StoredSchedule) { ++count; }));
    return count;
  }
  std::vector<NamedFire> Fires() {
    FireQuery query;
    query.project = "default";
    return memory_.ListFires(query)->fires;
  }
  void ExpectWholeChain() {
    const auto verdict = VerifyStore(memory_, keys_);
    ASSERT_OK(verdict);
    EXPECT_TRUE(verdict->ok()) << verdict->message;
  }
  // Submits all of `mutations` while the store is held, so that they end up in one transaction.
  std::vector<absl::StatusOr<MutationResult>> Together(std::vector<Mutation> mutations) {
    Hold();
    std::vector<absl::StatusOr<MutationResult>> results(mutations.size(),
                                                        absl::UnknownError("not answered"));
    absl::Mutex mu;
    int open = static_cast<int>(mutations.size());
    for (size_t i = 0; i < mutations.size(); ++i) {
      committer_.Submit(mutations[i], [&, i](Committer::Result result) {
        absl::MutexLock lock(&mu);
        results[i] = std::move(result);
        --open;
      });
    }
    store_.Open();
    absl::MutexLock lock(&mu);
    const auto all = [&] { return open == 0; };
    mu.Await(absl::Condition(&all));
    return results;
  }
  // Keeps the committer busy with a transaction that writes nothing until store_.Open().
  void Hold() {
    store_.Close();
    Mutation idle = ByAnn(CreateSchedule{HourlySchedule("idle")});
    idle.validate_only = true;
    committer_.Submit(std::move(idle), [](Committer::Result) {});
    store_.AwaitHeld();
  }

  SimulatedClock clock_{
      absl::FromCivil(absl::CivilMinute(2026, 3, 10, 8, 30), absl::UTCTimeZone())};
  const Keyring keys_ = SampleKeys();
  MemoryScheduleStore memory_{clock_};
  GuardedStore store_{memory_};
  std::atomic<int> commits_ = 0;
  Committer committer_{
      store_, keys_, clock_, {[this] { ++commits_; }, [] { return Uuid::Random(); }}};
};

TEST_F(CommitterTest, AMutationAndItsAuditEntryCommitTogether) {
  ASSERT_OK_AND_ASSIGN(const MutationResult result, Run(CreateSchedule{HourlySchedule("a")}));
  ASSERT_OK_AND_ASSIGN(const StoredSchedule stored, memory_.GetSchedule(SampleKey("a")));
  EXPECT_EQ(result.schedule, stored);
  ASSERT_THAT(Audit(), SizeIs(1));
  EXPECT_EQ(Audit()[0].seq, stored.schedule.revision);
  EXPECT_EQ(commits_, 1);
  ExpectWholeChain();
}

TEST_F(CommitterTest, NeitherIsWrittenIfTheStoreFails) {
  for (const StatusCode code : {StatusCode::kUnavailable, StatusCode::kResourceExhausted,
                                StatusCode::kInternal, StatusCode::kDataLoss}) {
    store_.FailWith([code](const WriteSet&) { return absl::Status(code, "broken"); });
    EXPECT_THAT(Run(CreateSchedule{HourlySchedule("a")}, "r"), StatusIs(code));
    EXPECT_EQ(ScheduleCount(), 0u);
    EXPECT_THAT(Audit(), IsEmpty());
  }
  EXPECT_EQ(commits_, 0);
  store_.FailWith(nullptr);
  EXPECT_OK(Run(CreateSchedule{HourlySchedule("a")}, "r"));
  ExpectWholeChain();
}

TEST_F(CommitterTest, ARefusedMutationWritesNothingNotEvenAnAuditEntry) {
  ASSERT_OK(Run(CreateSchedule{HourlySchedule("a")}));
  const StoredSchedule before = *memory_.GetSchedule(SampleKey("a"));
  Schedule bad = HourlySchedule("a");
  bad.time_zone = "Mars/Olympus";
  EXPECT_THAT(Run(CreateSchedule{bad}, "r"), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Run(UpdateSchedule{SampleKey("a"), bad, {}, ""}, "r"),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Run(UpdateSchedule{SampleKey("a"), before.schedule, {}, "\"77\""}),
              StatusIs(StatusCode::kAborted));
  EXPECT_THAT(Run(CreateSchedule{HourlySchedule("a")}), StatusIs(StatusCode::kAlreadyExists));
  EXPECT_THAT(Run(ResumeSchedule{SampleKey("b")}), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Run(ResumeSchedule{SampleKey("a")}, "no spaces"),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Actions(), ElementsAre("schedule.create"));
  EXPECT_EQ(*memory_.GetSchedule(SampleKey("a")), before);
  // Its request id is still free.
  EXPECT_OK(Run(CreateSchedule{HourlySchedule("b")}, "r"));
}

TEST_F(CommitterTest, ManyCallersShareOneTransaction) {
  std::vector<Mutation> mutations;
  for (int i = 0; i < 300; ++i) {
    mutations.push_back(ByAnn(CreateSchedule{HourlySchedule(absl::StrCat("s", i))}));
  }
  const auto results = Together(mutations);
  for (const auto& result : results) EXPECT_OK(result);
  EXPECT_EQ(store_.transactions(), 2);  // The idle one, and one for all.
  EXPECT_EQ(ScheduleCount(), 300u);
  EXPECT_THAT(Audit(), SizeIs(300));
  ExpectWholeChain();
}

TEST_F(CommitterTest, SixtyFourBlockingCallersNeedFarFewerTransactionsThanCalls) {
  constexpr int kCallers = 64, kCalls = 10;
  Hold();
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([this, caller] {
      for (int call = 0; call < kCalls; ++call) {
        EXPECT_OK(Run(CreateSchedule{HourlySchedule(absl::StrCat("s", caller, "-", call))}));
      }
    });
  }
  store_.Open();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(ScheduleCount(), static_cast<size_t>(kCallers * kCalls));
  EXPECT_LT(store_.transactions(), kCallers * kCalls / 2);
  ExpectWholeChain();
}

TEST_F(CommitterTest, ABadMutationDoesNotDisturbItsNeighbours) {
  Schedule bad = HourlySchedule("bad");
  bad.time_zone = "Mars/Olympus";
  const auto results =
      Together({ByAnn(CreateSchedule{HourlySchedule("a")}), ByAnn(CreateSchedule{bad}),
                ByAnn(CreateSchedule{HourlySchedule("c")})});
  EXPECT_OK(results[0]);
  EXPECT_THAT(results[1], StatusIs(StatusCode::kInvalidArgument));
  EXPECT_OK(results[2]);
  EXPECT_EQ(ScheduleCount(), 2u);
  EXPECT_THAT(Audit(), SizeIs(2));
  ExpectWholeChain();
}

TEST_F(CommitterTest, OneThatTheStoreCannotTakeDoesNotDisturbItsNeighbours) {
  store_.FailWith([](const WriteSet& writes) {
    for (const StoredSchedule& stored : writes.inserted) {
      if (stored.schedule.name == "poison") return absl::InternalError("cannot be stored");
    }
    return absl::OkStatus();
  });
  const auto results = Together({ByAnn(CreateSchedule{HourlySchedule("a")}),
                                 ByAnn(CreateSchedule{HourlySchedule("poison")}),
                                 ByAnn(CreateSchedule{HourlySchedule("c")})});
  EXPECT_OK(results[0]);
  EXPECT_THAT(results[1], StatusIs(StatusCode::kInternal));
  EXPECT_OK(results[2]);
  EXPECT_EQ(ScheduleCount(), 2u);
  ExpectWholeChain();
}

TEST_F(CommitterTest, MutationsOfOneScheduleInOneTransactionSeeEachOther) {
  const ScheduleKey key = SampleKey("a");
  Schedule values = HourlySchedule("a");
  values.task = "app.tasks.other";
  const auto results = Together({ByAnn(CreateSchedule{HourlySchedule("a")}),
                                 ByAnn(CreateSchedule{HourlySchedule("a")}),
                                 ByAnn(UpdateSchedule{key, values, {"task"}, "\"1\""}),
                                 ByAnn(UpdateSchedule{key, values, {"task"}, "\"1\""}),
                                 ByAnn(PauseSchedule{key, "why", absl::InfiniteFuture()}),
                                 ByAnn(TriggerSchedule{key, "", ""})});
  EXPECT_OK(results[0]);
  EXPECT_THAT(results[1], StatusIs(StatusCode::kAlreadyExists));
  EXPECT_OK(results[2]);
  EXPECT_THAT(results[3], StatusIs(StatusCode::kAborted));
  EXPECT_OK(results[4]);
  EXPECT_OK(results[5]);
  EXPECT_EQ(store_.transactions(), 2);
  const StoredSchedule stored = *memory_.GetSchedule(key);
  EXPECT_EQ(stored.schedule.task, "app.tasks.other");
  EXPECT_EQ(stored.schedule.state, ScheduleState::kPaused);
  EXPECT_EQ(stored.schedule.revision, 3);
  EXPECT_THAT(Fires(), SizeIs(1));
  EXPECT_THAT(Actions(), ElementsAre("schedule.create", "schedule.update", "schedule.pause",
                                     "schedule.trigger"));
  ExpectWholeChain();
}

TEST_F(CommitterTest, DeletionAndCreationOfOneNameHappenInTheirOrder) {
  const ScheduleKey key = SampleKey("a");
  const auto results =
      Together({ByAnn(CreateSchedule{HourlySchedule("a")}), ByAnn(TriggerSchedule{key, "", ""}),
                ByAnn(DeleteSchedule{key, "", false}), ByAnn(TriggerSchedule{key, "", ""}),
                ByAnn(CreateSchedule{HourlySchedule("a")})});
  EXPECT_OK(results[0]);
  EXPECT_OK(results[1]);
  EXPECT_OK(results[2]);
  EXPECT_THAT(results[3], StatusIs(StatusCode::kNotFound));
  EXPECT_OK(results[4]);
  EXPECT_EQ(memory_.GetSchedule(key)->schedule.id, results[4]->schedule->schedule.id);
  const NamedFire fire = *memory_.GetFire(results[1]->fire->id);
  EXPECT_EQ(fire.fire.state, FireState::kCancelled);
  EXPECT_EQ(fire.fire.reason, FireReason::kScheduleDeleted);
  ExpectWholeChain();
}

TEST_F(CommitterTest, ACancelledFireIsPendingNoMore) {
  ASSERT_OK(Run(CreateSchedule{HourlySchedule("a")}));
  const Fire fire = *Run(TriggerSchedule{SampleKey("a"), "", ""})->fire;
  ASSERT_OK(Run(CancelFire{fire.key, fire.id, SampleKey("a")}));
  EXPECT_EQ(memory_.GetFire(fire.id)->fire.state, FireState::kCancelled);
  EXPECT_EQ(memory_.GetFire(fire.id)->fire.reason, FireReason::kUserCancelled);
  EXPECT_EQ(Audit().back().resource, "projects/default/fires/" + fire.id.ToString());
}

TEST_F(CommitterTest, ValidateOnlyAnswersAndWritesNothing) {
  Mutation mutation = ByAnn(CreateSchedule{HourlySchedule("a")}, "r");
  mutation.validate_only = true;
  ASSERT_OK_AND_ASSIGN(const MutationResult result, committer_.Run(mutation));
  EXPECT_EQ(result.schedule->schedule.name, "a");
  EXPECT_EQ(ScheduleCount(), 0u);
  EXPECT_THAT(Audit(), IsEmpty());
  EXPECT_EQ(commits_, 0);
  // Beside one that writes, too.
  const auto results = Together({mutation, ByAnn(CreateSchedule{HourlySchedule("b")}), mutation});
  for (const auto& r : results) EXPECT_OK(r);
  EXPECT_EQ(ScheduleCount(), 1u);
  EXPECT_OK(Run(CreateSchedule{HourlySchedule("a")}, "r"));
}

TEST_F(CommitterTest, AnAtomicBatchIsWrittenWholeOrNotAtAll) {
  Schedule bad = HourlySchedule("bad");
  bad.time_zone = "Mars/Olympus";
  const std::vector<Mutation> batch = {ByAnn(CreateSchedule{HourlySchedule("a")}),
                                       ByAnn(CreateSchedule{bad}),
                                       ByAnn(CreateSchedule{HourlySchedule("c")})};
  const auto refused = committer_.RunBatch(batch, /*atomic=*/true);
  ASSERT_THAT(refused, SizeIs(3));
  EXPECT_THAT(refused[0], StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(refused[1], StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(refused[2], StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(ScheduleCount(), 0u);
  EXPECT_THAT(Audit(), IsEmpty());

  const auto partly = committer_.RunBatch(batch, /*atomic=*/false);
  EXPECT_OK(partly[0]);
  EXPECT_THAT(partly[1], StatusIs(StatusCode::kInvalidArgument));
  EXPECT_OK(partly[2]);
  EXPECT_EQ(ScheduleCount(), 2u);
  ExpectWholeChain();
}

TEST_F(CommitterTest, ARefusedAtomicBatchLeavesItsNeighboursInTheTransaction) {
  Hold();
  std::atomic<int> done = 0;
  std::vector<Committer::Result> batch_results;
  committer_.Submit(ByAnn(CreateSchedule{HourlySchedule("a")}), [&](Committer::Result r) {
    EXPECT_OK(r);
    ++done;
  });
  committer_.SubmitBatch(
      {ByAnn(CreateSchedule{HourlySchedule("b")}), ByAnn(CreateSchedule{HourlySchedule("a")})},
      /*atomic=*/true, [&](std::vector<Committer::Result> results) {
        batch_results = std::move(results);
        ++done;
      });
  committer_.Submit(ByAnn(CreateSchedule{HourlySchedule("b")}), [&](Committer::Result r) {
    EXPECT_OK(r);
    ++done;
  });
  store_.Open();
  committer_.Stop();
  EXPECT_EQ(done, 3);
  EXPECT_THAT(batch_results[1], StatusIs(StatusCode::kAlreadyExists));
  EXPECT_EQ(ScheduleCount(), 2u);
  EXPECT_EQ(store_.transactions(), 2);
  ExpectWholeChain();
}

TEST_F(CommitterTest, ABatchHasABound) {
  std::vector<Mutation> batch(kBatchCreateMax + 1, ByAnn(CreateSchedule{HourlySchedule("a")}));
  EXPECT_THAT(committer_.RunBatch(batch, false),
              Each(StatusIs(StatusCode::kInvalidArgument, HasSubstr("1001"))));
  EXPECT_THAT(committer_.RunBatch({}, false), IsEmpty());
}

TEST_F(CommitterTest, AFullQueueRefusesAndLosesNothing) {
  Hold();
  std::atomic<int> answered = 0;
  Mutation cheap = ByAnn(ResumeSchedule{SampleKey("none")});
  for (int i = 0; i < kMutationsQueuedMax; ++i) {
    committer_.Submit(cheap, [&](Committer::Result result) {
      EXPECT_THAT(result, StatusIs(StatusCode::kNotFound));
      ++answered;
    });
  }
  EXPECT_THAT(committer_.Run(cheap), StatusIs(StatusCode::kResourceExhausted));
  store_.Open();
  committer_.Stop();
  EXPECT_EQ(answered, kMutationsQueuedMax);
}

TEST_F(CommitterTest, StoppingFinishesWhatIsQueuedAndRefusesTheRest) {
  Hold();
  std::atomic<int> written = 0;
  committer_.Submit(ByAnn(CreateSchedule{HourlySchedule("a")}), [&](Committer::Result result) {
    EXPECT_OK(result);
    ++written;
  });
  store_.Open();
  committer_.Stop();
  EXPECT_EQ(written, 1);
  EXPECT_THAT(Run(CreateSchedule{HourlySchedule("b")}), StatusIs(StatusCode::kUnavailable));
  committer_.Stop();
}

TEST_F(CommitterTest, AForgedHeadStopsAllWriting) {
  ASSERT_OK(Run(CreateSchedule{HourlySchedule("a")}));
  store_.Falsify([](ReadSet& read) { read.head.mac[0] ^= 1; });
  EXPECT_THAT(Run(CreateSchedule{HourlySchedule("b")}), StatusIs(StatusCode::kDataLoss));
  store_.Falsify(nullptr);
  ExpectWholeChain();
  EXPECT_EQ(ScheduleCount(), 1u);
}

TEST_F(CommitterTest, AChainUnderALostKeyIsNotContinued) {
  ASSERT_OK(Run(CreateSchedule{HourlySchedule("a")}));
  const Keyring other = SampleKeys({"k2"});
  Committer stranger(memory_, other, clock_);
  EXPECT_THAT(stranger.Run(ByAnn(CreateSchedule{HourlySchedule("b")})),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("'k1'")));
}

}  // namespace
}  // namespace z4j::scheduler
