// Answers fit into what a gRPC client takes by default (4 MiB), however large their rows are.
#include "services/scheduler/rpc/answer.h"

#include "services/scheduler/rpc/testing/rpc_world.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

constexpr int kBatch = 45;

class AnswerTest : public RpcTest {
 protected:
  static v1::BatchCreateSchedulesRequest Batch(absl::string_view prefix, int count,
                                               size_t args_bytes) {
    v1::BatchCreateSchedulesRequest request;
    request.set_parent("projects/default");
    for (int i = 0; i < count; ++i) {
      v1::NewSchedule* item = request.add_items();
      item->set_schedule_id(absl::StrCat(prefix, i));
      *item->mutable_schedule() = NewSchedule(item->schedule_id()).schedule();
      item->mutable_schedule()->set_args_json("[\"" + std::string(args_bytes, 'x') + "\"]");
    }
    return request;
  }
  // More of them than one answer holds.
  void CreateLargeSchedules() {
    for (const char* prefix : {"a", "b", "c"}) {
      ASSERT_OK(BatchCreateSchedules(Batch(prefix, kBatch, 60'000)));
    }
  }
};

TEST_F(AnswerTest, APageOfLargeSchedulesEndsEarlyAndNoneIsLeftOut) {
  CreateLargeSchedules();
  for (const char* order : {"name", "create_time desc"}) {
    v1::ListSchedulesRequest request;
    request.set_parent("projects/default");
    request.set_page_size(1000);
    request.set_order_by(order);
    std::set<std::string> names;
    int pages = 0;
    do {
      ASSERT_OK_AND_ASSIGN(const v1::ListSchedulesResponse page, ListSchedules(request));
      for (const auto& schedule : page.schedules()) {
        EXPECT_TRUE(names.insert(schedule.name()).second) << schedule.name();
      }
      EXPECT_LE(page.ByteSizeLong(), kAnswerBytesMax + 1000);
      request.set_page_token(page.next_page_token());
      ++pages;
    } while (!request.page_token().empty());
    EXPECT_EQ(names.size(), 3 * kBatch);
    EXPECT_EQ(pages, 3);
  }
}

TEST_F(AnswerTest, APageOfSmallSchedulesHoldsAsManyAsWereAskedFor) {
  ASSERT_OK(BatchCreateSchedules(Batch("s", 2 * kRowsPerRead + 50, 10)));
  v1::ListSchedulesRequest request;
  request.set_parent("projects/default");
  request.set_page_size(2 * kRowsPerRead + 1);
  ASSERT_OK_AND_ASSIGN(const v1::ListSchedulesResponse first, ListSchedules(request));
  EXPECT_EQ(first.schedules_size(), 2 * kRowsPerRead + 1);
  request.set_page_token(first.next_page_token());
  ASSERT_OK_AND_ASSIGN(const v1::ListSchedulesResponse second, ListSchedules(request));
  EXPECT_EQ(second.schedules_size(), 49);
  EXPECT_EQ(second.next_page_token(), "");
}

TEST_F(AnswerTest, AWatchOfLargeSchedulesSendsThemInMessagesThatAClientTakes) {
  v1::WatchSchedulesRequest request;
  request.set_parent("projects/default");
  grpc::ClientContext early, late;
  early.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  late.set_deadline(early.deadline());
  auto changes = schedules_->WatchSchedules(&early, request);
  v1::WatchSchedulesResponse message;
  ASSERT_TRUE(changes->Read(&message));  // The snapshot: nothing.
  CreateLargeSchedules();
  for (auto* stream : {changes.get(), schedules_->WatchSchedules(&late, request).release()}) {
    std::set<std::string> names;
    while (names.size() < 3 * kBatch) {
      ASSERT_TRUE(stream->Read(&message)) << stream->Finish().error_message();
      for (const v1::ScheduleEvent& event : message.events()) names.insert(event.name());
    }
    EXPECT_EQ(message.revision(), 3 * kBatch);
    if (stream != changes.get()) {
      late.TryCancel();
      delete stream;
    }
  }
  early.TryCancel();
}

TEST_F(AnswerTest, LargeFiresAreListedAndWatchedInMessagesThatAClientTakes) {
  Created("nightly");
  v1::TriggerScheduleRequest trigger;
  trigger.set_name(NameOf("nightly"));
  trigger.set_args_json("[\"" + std::string(60'000, 'x') + "\"]");
  constexpr int kFires = 120;
  for (int i = 0; i < kFires; ++i) ASSERT_OK(TriggerSchedule(trigger));

  v1::ListFiresRequest list;
  list.set_parent("projects/default/schedules/-");
  list.set_page_size(1000);
  std::set<std::string> listed, watched;
  do {
    ASSERT_OK_AND_ASSIGN(const v1::ListFiresResponse page, ListFires(list));
    for (const v1::Fire& fire : page.fires()) listed.insert(fire.uid());
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_EQ(listed.size(), kFires);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  v1::WatchFiresRequest watch;
  watch.set_parent(NameOf("nightly"));
  *watch.mutable_from_time() = google::protobuf::Timestamp();
  auto stream = fires_->WatchFires(&context, watch);
  v1::WatchFiresResponse message;
  while (watched.size() < kFires) {
    ASSERT_TRUE(stream->Read(&message)) << stream->Finish().error_message();
    for (const v1::Fire& fire : message.fires()) watched.insert(fire.uid());
  }
  context.TryCancel();
}

TEST_F(AnswerTest, LargeAuditEntriesArePagedToo) {
  CreateLargeSchedules();
  v1::ListAuditEntriesRequest request;
  request.set_page_size(1000);
  int64_t last = 0;
  do {
    ASSERT_OK_AND_ASSIGN(const v1::ListAuditEntriesResponse page, ListAuditEntries(request));
    for (const v1::AuditEntry& entry : page.entries()) EXPECT_EQ(entry.sequence(), ++last);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(last, 3 * kBatch);
}

TEST_F(AnswerTest, ABatchThatIsTooLargeToBeAnsweredIsRefusedWithTheBound) {
  EXPECT_THAT(BatchCreateSchedules(Batch("s", 60, 60'000)),
              StatusIs(StatusCode::kInvalidArgument,
                       testing::AllOf(HasSubstr("items"), HasSubstr("3145728"),
                                      HasSubstr("split it into more requests"))));
  EXPECT_THAT(store_.GetSchedule({"default", "s0"}), StatusIs(StatusCode::kNotFound));
}

TEST_F(AnswerTest, TheLargestBatchIsAnsweredWhole) {
  v1::BatchCreateSchedulesRequest request = Batch("s", kBatchCreateMax, 3'000);
  ASSERT_LE(request.ByteSizeLong(), kBatchCreateBytesMax);
  ASSERT_GT(request.ByteSizeLong(), kBatchCreateBytesMax - 100'000);
  ASSERT_OK_AND_ASSIGN(const v1::BatchCreateSchedulesResponse response,
                       BatchCreateSchedules(request));
  EXPECT_EQ(response.results_size(), kBatchCreateMax);
}

TEST_F(AnswerTest, ABatchInWhichMuchIsWrongIsStillAnswered) {
  v1::BatchCreateSchedulesRequest request = Batch("s", kBatchCreateMax, 10);
  request.set_allow_partial(true);
  for (v1::NewSchedule& item : *request.mutable_items()) {
    for (int i = 0; i < 30; ++i) {
      (*item.mutable_schedule()->mutable_labels())[absl::StrCat("wrong label ", i)] = "\n";
    }
  }
  ASSERT_OK_AND_ASSIGN(const v1::BatchCreateSchedulesResponse response,
                       BatchCreateSchedules(request));
  ASSERT_EQ(response.results_size(), kBatchCreateMax);
  for (const v1::BatchCreateResult& result : response.results()) {
    EXPECT_EQ(result.error().code(), static_cast<int>(StatusCode::kInvalidArgument));
  }
  EXPECT_GT(response.results(0).error().details_size(), 0);
}

TEST_F(AnswerTest, HealthIsThatOfTheWorstFinding) {
  cluster_.status.node = "n1";
  ASSERT_OK_AND_ASSIGN(v1::GetHealthResponse health, GetHealth({}));
  EXPECT_EQ(health.state(), v1::HEALTH_STATE_OK);
  EXPECT_EQ(health.node(), "n1");
  cluster_.findings = {{true, "no node ticks"}, {false, "n3 does not answer"}};
  ASSERT_OK_AND_ASSIGN(health, GetHealth({}));
  EXPECT_EQ(health.state(), v1::HEALTH_STATE_FAILING);
  ASSERT_EQ(health.findings_size(), 2);
  EXPECT_EQ(health.findings(1).state(), v1::HEALTH_STATE_DEGRADED);
  EXPECT_EQ(health.findings(1).reason(), "n3 does not answer");
}

TEST_F(AnswerTest, TransferNamesTheNodeAndAnswersWithTheLeader) {
  cluster_.transfer_result = std::string("n2");
  v1::TransferLeadershipRequest request;
  request.set_node("n2");
  ASSERT_OK_AND_ASSIGN(const v1::TransferLeadershipResponse response, TransferLeadership(request));
  EXPECT_EQ(response.leader(), "n2");
  EXPECT_THAT(cluster_.transferred_to, testing::ElementsAre("n2"));
  cluster_.transfer_result = absl::FailedPreconditionError("this node does not tick; ask n2");
  EXPECT_THAT(TransferLeadership(request),
              StatusIs(StatusCode::kFailedPrecondition, testing::HasSubstr("ask n2")));
}

TEST_F(AnswerTest, MembersAreChangedInTheCallersName) {
  cluster_.members = std::vector<ConsensusPeerState>(1);
  cluster_.members->front().name = "n4";
  cluster_.members->front().stranger = true;
  v1::AddMemberRequest add;
  EXPECT_THAT(AddMember(add), StatusIs(StatusCode::kInvalidArgument, testing::HasSubstr("node")));
  add.set_node("n4");
  add.set_address("host:7803");
  ASSERT_OK_AND_ASSIGN(const v1::AddMemberResponse added, AddMember(add));
  ASSERT_EQ(added.members_size(), 1);
  EXPECT_EQ(added.members(0).node(), "n4");
  EXPECT_TRUE(added.members(0).folder_lost());
  v1::PromoteMemberRequest promote;
  promote.set_node("n4");
  EXPECT_OK(PromoteMember(promote));
  v1::RemoveMemberRequest remove;
  remove.set_node("3");
  EXPECT_OK(RemoveMember(remove));
  ASSERT_EQ(cluster_.wishes.size(), 3u);
  EXPECT_EQ(cluster_.wishes[0].first.address, "host:7803");
  EXPECT_EQ(cluster_.wishes[1].first.verb, MemberWish::Verb::kPromote);
  EXPECT_EQ(cluster_.wishes[2].first.verb, MemberWish::Verb::kRemove);
  EXPECT_EQ(cluster_.wishes[2].first.node, "3");
  for (const auto& [wish, caller] : cluster_.wishes) EXPECT_EQ(caller.actor, "test:ann");
  cluster_.members = absl::FailedPreconditionError("the consensus is elsewhere");
  EXPECT_THAT(ListMembers({}), StatusIs(StatusCode::kFailedPrecondition));
}

TEST_F(AnswerTest, StatusLeavesTaskNamesOutWhenTheyAreTooMany) {
  AdapterStatus adapter;
  adapter.info.tasks.assign(10'000, std::string(100, 't'));
  cluster_.status.adapters.assign(6, adapter);
  ASSERT_OK_AND_ASSIGN(const v1::GetStatusResponse status, GetStatus({}));
  ASSERT_EQ(status.adapters_size(), 6);
  EXPECT_EQ(status.adapters(0).tasks_size(), 10'000);
  EXPECT_EQ(status.adapters(5).tasks_size(), 0);
}

}  // namespace
}  // namespace z4j::scheduler
