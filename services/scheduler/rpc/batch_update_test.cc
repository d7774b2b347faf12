// BatchUpdateSchedules: many changes in one transaction.
#include "services/scheduler/rpc/testing/rpc_world.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

class BatchUpdateTest : public RpcTest {
 protected:
  // Sets the queue of each to "slow".
  v1::BatchUpdateSchedulesRequest SlowDown(const std::vector<std::string>& ids) {
    v1::BatchUpdateSchedulesRequest request;
    request.set_parent("projects/default");
    for (const std::string& id : ids) {
      v1::EditedSchedule* item = request.add_items();
      item->mutable_schedule()->set_name(NameOf(id));
      item->mutable_schedule()->set_queue("slow");
      item->mutable_update_mask()->add_paths("queue");
    }
    return request;
  }
  std::string QueueOf(const std::string& id) {
    return store_.GetSchedule({"default", id})->schedule.queue;
  }
  std::vector<std::string> FaultFields(const absl::Status& status) {
    std::vector<std::string> fields;
    for (const FieldViolation& fault : FieldViolationsOf(status)) fields.push_back(fault.field);
    return fields;
  }
};

TEST_F(BatchUpdateTest, EachIsChangedAsItsMaskSaysInOneTransaction) {
  for (const char* id : {"a", "b"}) Created(id);
  v1::BatchUpdateSchedulesRequest request = SlowDown({"a", "b"});
  request.mutable_items(1)->mutable_update_mask()->add_paths("task");
  request.mutable_items(1)->mutable_schedule()->set_task("mail.other");
  ASSERT_OK_AND_ASSIGN(const v1::BatchUpdateSchedulesResponse response,
                       BatchUpdateSchedules(request));
  ASSERT_EQ(response.results_size(), 2);
  EXPECT_EQ(response.results(0).schedule().queue(), "slow");
  EXPECT_EQ(response.results(0).schedule().task(), "mail.send");
  EXPECT_EQ(response.results(1).schedule().task(), "mail.other");
  const auto audit = store_.ListAudit(2, 10);
  ASSERT_EQ(audit->size(), 2u);
  EXPECT_EQ(audit->at(0).action, "schedule.update");
  EXPECT_EQ(audit->at(0).at, audit->at(1).at);
}

TEST_F(BatchUpdateTest, ItIsAllOrNothingUnlessPartialIsAllowed) {
  for (const char* id : {"a", "c"}) Created(id);
  v1::BatchUpdateSchedulesRequest request = SlowDown({"a", "missing", "c"});
  EXPECT_THAT(BatchUpdateSchedules(request),
              StatusIs(StatusCode::kNotFound, HasSubstr("items[1]")));
  EXPECT_EQ(QueueOf("a"), "");
  request.set_allow_partial(true);
  request.mutable_items(2)->mutable_schedule()->set_etag("\"99\"");
  ASSERT_OK_AND_ASSIGN(const v1::BatchUpdateSchedulesResponse response,
                       BatchUpdateSchedules(request));
  ASSERT_EQ(response.results_size(), 3);
  EXPECT_EQ(response.results(0).schedule().queue(), "slow");
  EXPECT_EQ(response.results(1).error().code(), static_cast<int>(StatusCode::kNotFound));
  EXPECT_EQ(response.results(2).error().code(), static_cast<int>(StatusCode::kAborted));
  EXPECT_EQ(QueueOf("a"), "slow");
  EXPECT_EQ(QueueOf("c"), "");
}

TEST_F(BatchUpdateTest, TheSameRequestIdChangesOnceAndAnswersTwice) {
  Created("a");
  v1::BatchUpdateSchedulesRequest request = SlowDown({"a"});
  request.set_request_id("r-1");
  ASSERT_OK_AND_ASSIGN(const v1::BatchUpdateSchedulesResponse first, BatchUpdateSchedules(request));
  ASSERT_OK_AND_ASSIGN(const v1::BatchUpdateSchedulesResponse again, BatchUpdateSchedules(request));
  EXPECT_EQ(first.results(0).schedule().etag(), again.results(0).schedule().etag());
  EXPECT_EQ(store_.GetAuditHead()->seq, 2);
}

// As often as it is sent.
TEST_F(BatchUpdateTest, OnWishTheAnswerNamesTheVersionsAndTheErrorsAlone) {
  for (const char* id : {"a", "b"}) Created(id);
  v1::BatchUpdateSchedulesRequest request = SlowDown({"a", "missing", "b"});
  request.set_allow_partial(true);
  request.set_request_id("r-1");
  request.set_view(v1::SCHEDULE_VIEW_VERSION);
  for (int times = 0; times < 2; ++times) {
    ASSERT_OK_AND_ASSIGN(const v1::BatchUpdateSchedulesResponse response,
                         BatchUpdateSchedules(request));
    ASSERT_EQ(response.results_size(), 3);
    EXPECT_EQ(response.results(1).error().code(), static_cast<int>(StatusCode::kNotFound));
    for (const int i : {0, 2}) {
      const StoredSchedule stored = *store_.GetSchedule({"default", i == 0 ? "a" : "b"});
      v1::Schedule version;
      version.set_name(NameOf(stored.schedule.name));
      version.set_revision(stored.schedule.revision);
      version.set_etag(EtagOf(stored.schedule));
      EXPECT_EQ(response.results(i).schedule().SerializeAsString(), version.SerializeAsString());
      EXPECT_EQ(stored.schedule.queue, "slow");
    }
  }
  EXPECT_EQ(store_.GetAuditHead()->seq, 4);
}

TEST_F(BatchUpdateTest, AViewThatThereIsNotIsRefused) {
  Created("a");
  v1::BatchUpdateSchedulesRequest request = SlowDown({"a"});
  request.set_view(static_cast<v1::ScheduleView>(99));
  const auto refused = BatchUpdateSchedules(request);
  EXPECT_THAT(refused, StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(FaultFields(refused.status()), ElementsAre("view"));
}

TEST_F(BatchUpdateTest, ValidateOnlyAnswersAndWritesNothing) {
  Created("a");
  v1::BatchUpdateSchedulesRequest request = SlowDown({"a"});
  request.set_validate_only(true);
  ASSERT_OK_AND_ASSIGN(const v1::BatchUpdateSchedulesResponse response,
                       BatchUpdateSchedules(request));
  EXPECT_EQ(response.results(0).schedule().queue(), "slow");
  EXPECT_EQ(QueueOf("a"), "");
}

TEST_F(BatchUpdateTest, WhatIsWrongIsNamedWithItsItemAndChangesNothing) {
  for (const char* id : {"a", "b"}) Created(id);
  using Spoil = std::function<void(v1::EditedSchedule&)>;
  const std::vector<std::pair<std::string, Spoil>> all = {
      {"items[1].schedule.name", [](auto& i) { i.mutable_schedule()->set_name("b"); }},
      {"items[1].schedule.name",
       [](auto& i) { i.mutable_schedule()->set_name("projects/other/schedules/b"); }},
      {"items[1].schedule.queue",
       [](auto& i) { i.mutable_schedule()->set_queue(std::string("a\0b", 3)); }},
      {"items[1].update_mask", [](auto& i) { i.mutable_update_mask()->add_paths("colour"); }},
      {"items[1].update_mask", [](auto& i) { i.mutable_update_mask()->add_paths("*"); }},
      {"items[1].update_mask",
       [](auto& i) {
         i.clear_update_mask();
         i.mutable_schedule()->clear_queue();
       }},
      {"items[1].schedule.expires",
       [](auto& i) {
         i.mutable_update_mask()->add_paths("expires");
         i.mutable_schedule()->mutable_expires()->set_seconds(-1);
       }},
  };
  for (const auto& [field, spoil] : all) {
    v1::BatchUpdateSchedulesRequest request = SlowDown({"a", "b"});
    spoil(*request.mutable_items(1));
    const auto refused = BatchUpdateSchedules(request);
    EXPECT_THAT(refused, StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(FaultFields(refused.status()), ElementsAre(field));
    EXPECT_EQ(QueueOf("a"), "");
  }
  v1::BatchUpdateSchedulesRequest none;
  none.set_parent("projects/default");
  EXPECT_THAT(BatchUpdateSchedules(none),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("items")));
}

// An edit of a word answers with all that the schedule holds.
TEST_F(BatchUpdateTest, AnAnswerThatWouldBeTooLargeNamesTheVersionsAlone) {
  std::vector<std::string> ids;
  v1::BatchCreateSchedulesRequest create;
  create.set_parent("projects/default");
  for (int i = 0; i < 120; ++i) {
    ids.push_back(absl::StrCat("s", i));
    v1::NewSchedule* item = create.add_items();
    item->set_schedule_id(ids.back());
    *item->mutable_schedule() = NewSchedule(ids.back()).schedule();
    item->mutable_schedule()->set_args_json("[\"" + std::string(60'000, 'x') + "\"]");
    if (create.items_size() < 40) continue;
    ASSERT_OK(BatchCreateSchedules(create));
    create.clear_items();
  }
  ASSERT_OK_AND_ASSIGN(const v1::BatchUpdateSchedulesResponse response,
                       BatchUpdateSchedules(SlowDown(ids)));
  ASSERT_EQ(response.results_size(), 120);
  EXPECT_EQ(response.results(0).schedule().queue(), "slow");
  const v1::Schedule& last = response.results(119).schedule();
  EXPECT_EQ(last.name(), NameOf("s119"));
  EXPECT_NE(last.etag(), "");
  EXPECT_EQ(last.args_json(), "");
  EXPECT_EQ(QueueOf("s119"), "slow");
}

}  // namespace
}  // namespace z4j::scheduler
