#include "services/scheduler/mutate/committer.h"

#include <gtest/gtest.h>

#include "services/scheduler/mutate/testing/committer_fixture.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

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

TEST_F(CommitterTest, AChangeOfTheClusterIsAnEntryAboutNoSchedule) {
  ASSERT_OK(Run(CreateSchedule{HourlySchedule("a")}));
  ASSERT_OK(
      Run(RecordClusterChange{"member.remove", "cluster/members/n3", "{\"node\":\"n3\"}", ""}));
  ASSERT_EQ(Audit().size(), 2u);
  const AuditEntry entry = Audit()[1];
  EXPECT_EQ(entry.action, "member.remove");
  EXPECT_EQ(entry.resource, "cluster/members/n3");
  EXPECT_EQ(entry.before, "{\"node\":\"n3\"}");
  EXPECT_EQ(entry.after, "");
  EXPECT_EQ(entry.actor, Audit()[0].actor);
  EXPECT_TRUE(entry.schedule.value.is_zero());
  EXPECT_EQ(memory_.ListChanges(0, 10)->size(), 1u) << "the loop need not look";
  ExpectWholeChain();
}

}  // namespace
}  // namespace z4j::scheduler
