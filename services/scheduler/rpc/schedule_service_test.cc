#include "services/scheduler/rpc/schedule_service.h"

#include "services/scheduler/rpc/testing/rpc_world.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using ScheduleServiceTest = RpcTest;

v1::GetScheduleRequest Get(const std::string& name) {
  v1::GetScheduleRequest request;
  request.set_name(name);
  return request;
}

std::vector<std::string> Names(const v1::ListSchedulesResponse& page) {
  std::vector<std::string> names;
  for (const v1::Schedule& schedule : page.schedules()) {
    names.push_back(schedule.name().substr(schedule.name().rfind('/') + 1));
  }
  return names;
}

TEST_F(ScheduleServiceTest, WhatIsCreatedCanBeReadBackWithDefaultsAndItsNextFire) {
  const v1::Schedule created = Created("nightly");
  EXPECT_EQ(created.name(), "projects/default/schedules/nightly");
  EXPECT_EQ(created.kwargs_json(), "{}");
  EXPECT_EQ(created.gap(), v1::GAP_POLICY_NEXT_VALID);
  EXPECT_EQ(created.fold(), v1::FOLD_POLICY_AUTO);
  EXPECT_EQ(created.catch_up_window().seconds(), 3600);
  EXPECT_EQ(created.state(), v1::Schedule::STATE_ENABLED);
  // 2025-06-15 15:06 UTC → 02:30 in Berlin (UTC+2) of the next day.
  EXPECT_EQ(created.next_fire_time().seconds(), 1'750'033'800);
  ASSERT_OK_AND_ASSIGN(const v1::GetScheduleResponse read, GetSchedule(Get(NameOf("nightly"))));
  EXPECT_EQ(read.schedule().DebugString(), created.DebugString());
}

TEST_F(ScheduleServiceTest, TheSameRequestIdCreatesOnceAndAnswersTwice) {
  v1::CreateScheduleRequest request = NewSchedule("once");
  request.set_request_id("r-1");
  ASSERT_OK_AND_ASSIGN(const v1::CreateScheduleResponse first, CreateSchedule(request));
  ASSERT_OK_AND_ASSIGN(const v1::CreateScheduleResponse second, CreateSchedule(request));
  EXPECT_EQ(first.schedule().uid(), second.schedule().uid());
  request.mutable_schedule()->set_task("other");
  EXPECT_THAT(CreateSchedule(request), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(ScheduleServiceTest, ValidateOnlyAnswersAndWritesNothing) {
  v1::CreateScheduleRequest request = NewSchedule("imagined");
  request.set_validate_only(true);
  ASSERT_OK_AND_ASSIGN(const v1::CreateScheduleResponse response, CreateSchedule(request));
  EXPECT_TRUE(response.schedule().has_next_fire_time());
  EXPECT_THAT(GetSchedule(Get(NameOf("imagined"))), StatusIs(StatusCode::kNotFound));
}

TEST_F(ScheduleServiceTest, ListPagesInOrderAndRefusesATokenOfAnotherRequest) {
  for (const char* id : {"c", "a", "b"}) Created(id);
  v1::ListSchedulesRequest request;
  request.set_parent("projects/default");
  request.set_page_size(2);
  ASSERT_OK_AND_ASSIGN(const v1::ListSchedulesResponse first, ListSchedules(request));
  EXPECT_THAT(Names(first), ElementsAre("a", "b"));
  request.set_page_token(first.next_page_token());
  ASSERT_OK_AND_ASSIGN(const v1::ListSchedulesResponse second, ListSchedules(request));
  EXPECT_THAT(Names(second), ElementsAre("c"));
  EXPECT_EQ(second.next_page_token(), "");
  request.mutable_filter()->set_engine("rq");
  EXPECT_THAT(ListSchedules(request),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("page_token")));
  request.set_page_token("");
  request.set_page_size(-1);
  EXPECT_THAT(ListSchedules(request),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("page_size")));
}

TEST_F(ScheduleServiceTest, ListFiltersByStateKindLabelAndPrefix) {
  Created("mail-1");
  v1::CreateScheduleRequest other = NewSchedule("mail-2");
  other.mutable_schedule()->mutable_spec()->mutable_interval()->mutable_period()->set_seconds(60);
  (*other.mutable_schedule()->mutable_labels())["team"] = "a";
  other.mutable_schedule()->set_state(v1::Schedule::STATE_PAUSED);
  ASSERT_OK(CreateSchedule(other));
  Created("report");
  const auto list = [&](auto set) {
    v1::ListSchedulesRequest request;
    request.set_parent("projects/default");
    request.set_order_by("name desc");
    set(*request.mutable_filter());
    const auto page = ListSchedules(request);
    EXPECT_OK(page);
    return Names(*page);
  };
  EXPECT_THAT(list([](auto& f) { f.set_name_prefix("mail"); }), ElementsAre("mail-2", "mail-1"));
  EXPECT_THAT(list([](auto& f) { f.set_kind(v1::SPEC_KIND_INTERVAL); }), ElementsAre("mail-2"));
  EXPECT_THAT(list([](auto& f) { (*f.mutable_labels())["team"] = "a"; }), ElementsAre("mail-2"));
  EXPECT_THAT(list([](auto& f) { f.set_state(v1::Schedule::STATE_PAUSED); }),
              ElementsAre("mail-2"));
}

TEST_F(ScheduleServiceTest, UpdateTakesWhatTheMaskNamesAndAStaleEtagIsAborted) {
  const v1::Schedule created = Created("nightly");
  v1::UpdateScheduleRequest request;
  request.mutable_schedule()->set_name(created.name());
  request.mutable_schedule()->set_etag(created.etag());
  request.mutable_schedule()->set_task("mail.send_all");
  request.mutable_schedule()->set_queue("not taken");
  request.mutable_update_mask()->add_paths("task");
  ASSERT_OK_AND_ASSIGN(const v1::UpdateScheduleResponse updated, UpdateSchedule(request));
  EXPECT_EQ(updated.schedule().task(), "mail.send_all");
  EXPECT_EQ(updated.schedule().queue(), "");
  EXPECT_EQ(updated.schedule().args_json(), created.args_json());
  EXPECT_NE(updated.schedule().etag(), created.etag());
  EXPECT_THAT(UpdateSchedule(request), StatusIs(StatusCode::kAborted));
}

TEST_F(ScheduleServiceTest, UpdateWithoutAMaskTakesTheFieldsThatAreSet) {
  Created("nightly");
  v1::UpdateScheduleRequest request;
  request.mutable_schedule()->set_name(NameOf("nightly"));
  EXPECT_THAT(UpdateSchedule(request),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("update_mask")));
  request.mutable_schedule()->set_queue("slow");
  ASSERT_OK_AND_ASSIGN(const v1::UpdateScheduleResponse updated, UpdateSchedule(request));
  EXPECT_EQ(updated.schedule().queue(), "slow");
  EXPECT_EQ(updated.schedule().task(), "mail.send");
  EXPECT_EQ(updated.schedule().spec().cron().expression(), "30 2 * * *");
}

TEST_F(ScheduleServiceTest, WhatWasReadCanBeSentBackWhole) {
  v1::UpdateScheduleRequest request;
  *request.mutable_schedule() = Created("nightly");
  request.mutable_schedule()->set_description("changed");
  ASSERT_OK_AND_ASSIGN(const v1::UpdateScheduleResponse updated, UpdateSchedule(request));
  EXPECT_EQ(updated.schedule().description(), "changed");
}

TEST_F(ScheduleServiceTest, PauseSaysWhoAndWhyAndResumeGoesOn) {
  Created("nightly");
  v1::PauseScheduleRequest pause;
  pause.set_name(NameOf("nightly"));
  pause.set_reason("maintenance");
  ASSERT_OK_AND_ASSIGN(const v1::PauseScheduleResponse paused, PauseSchedule(pause));
  EXPECT_EQ(paused.schedule().state(), v1::Schedule::STATE_PAUSED);
  EXPECT_EQ(paused.schedule().pause().reason(), "maintenance");
  EXPECT_EQ(paused.schedule().pause().actor(), "test:ann");
  EXPECT_FALSE(paused.schedule().has_next_fire_time());
  v1::ResumeScheduleRequest resume;
  resume.set_name(NameOf("nightly"));
  ASSERT_OK_AND_ASSIGN(const v1::ResumeScheduleResponse resumed, ResumeSchedule(resume));
  EXPECT_EQ(resumed.schedule().state(), v1::Schedule::STATE_ENABLED);
  EXPECT_FALSE(resumed.schedule().has_pause());
}

TEST_F(ScheduleServiceTest, DeleteNeedsTheRightEtagAndMayAllowMissing) {
  Created("nightly");
  v1::DeleteScheduleRequest request;
  request.set_name(NameOf("nightly"));
  request.set_etag("\"0\"");
  EXPECT_THAT(DeleteSchedule(request), StatusIs(StatusCode::kAborted));
  request.set_etag("");
  EXPECT_OK(DeleteSchedule(request));
  EXPECT_THAT(DeleteSchedule(request), StatusIs(StatusCode::kNotFound));
  request.set_allow_missing(true);
  EXPECT_OK(DeleteSchedule(request));
}

TEST_F(ScheduleServiceTest, PreviewOfAnUnsavedScheduleShowsWhatDstDoes) {
  v1::PreviewScheduleRequest request;
  v1::Schedule* schedule = request.mutable_schedule();
  schedule->set_time_zone("Europe/Berlin");
  schedule->mutable_spec()->mutable_cron()->set_expression("30 2 * * *");
  request.set_count(3);
  request.mutable_after_time()->set_seconds(1'774'656'000);  // 2026-03-28 00:00 UTC.
  ASSERT_OK_AND_ASSIGN(const v1::PreviewScheduleResponse preview, PreviewSchedule(request));
  ASSERT_EQ(preview.fires_size(), 3);
  EXPECT_EQ(preview.fires(0).local_time(), "2026-03-28T02:30:00+01:00");
  EXPECT_EQ(preview.fires(0).note(), "");
  EXPECT_EQ(preview.fires(1).local_time(), "2026-03-29T03:00:00+02:00");
  EXPECT_THAT(preview.fires(1).note(), HasSubstr("02:30"));
  EXPECT_EQ(preview.time_zone(), "Europe/Berlin");
  EXPECT_NE(preview.tzdata_version(), "");
}

TEST_F(ScheduleServiceTest, ACalendarIntervalComesBackAsItWasGiven) {
  v1::CreateScheduleRequest request = NewSchedule("rent");
  v1::Schedule* schedule = request.mutable_schedule();
  schedule->set_time_zone("UTC+05:30");
  auto* calendar = schedule->mutable_spec()->mutable_calendar_interval();
  calendar->set_months(1);
  calendar->set_at_time("09:00");
  calendar->set_start_date("2100-01-31");
  ASSERT_OK(CreateSchedule(request));
  v1::GetScheduleRequest get;
  get.set_name(NameOf("rent"));
  ASSERT_OK_AND_ASSIGN(const v1::GetScheduleResponse stored, GetSchedule(get));
  const auto& spec = stored.schedule().spec().calendar_interval();
  EXPECT_EQ(spec.months(), 1);
  EXPECT_EQ(spec.at_time(), "09:00:00");
  EXPECT_EQ(spec.start_date(), "2100-01-31");
  EXPECT_EQ(stored.schedule().time_zone(), "UTC+05:30");
  EXPECT_EQ(stored.schedule().next_fire_time().seconds(), 4'105'049'400);  // 03:30 UTC.
  v1::ListSchedulesRequest list;
  list.set_parent("projects/default");
  list.mutable_filter()->set_kind(v1::SPEC_KIND_CALENDAR_INTERVAL);
  ASSERT_OK_AND_ASSIGN(const v1::ListSchedulesResponse found, ListSchedules(list));
  EXPECT_EQ(found.schedules_size(), 1);
}

TEST_F(ScheduleServiceTest, PreviewOfAStoredOneIsWhatItWillDo) {
  const v1::Schedule created = Created("nightly");
  v1::PreviewScheduleRequest request;
  request.set_name(created.name());
  request.set_count(1);
  ASSERT_OK_AND_ASSIGN(const v1::PreviewScheduleResponse preview, PreviewSchedule(request));
  EXPECT_EQ(preview.fires(0).due_time().seconds(), created.next_fire_time().seconds());
  request.set_count(1001);
  EXPECT_THAT(PreviewSchedule(request), StatusIs(StatusCode::kInvalidArgument, HasSubstr("count")));
}

TEST_F(ScheduleServiceTest, ABatchOfCreationsCanBeAnsweredWithVersionsAlone) {
  v1::BatchCreateSchedulesRequest request;
  request.set_parent("projects/default");
  request.set_view(v1::SCHEDULE_VIEW_VERSION);
  v1::NewSchedule* item = request.add_items();
  item->set_schedule_id("a");
  *item->mutable_schedule() = NewSchedule("a").schedule();
  ASSERT_OK_AND_ASSIGN(const v1::BatchCreateSchedulesResponse response,
                       BatchCreateSchedules(request));
  const v1::Schedule& created = response.results(0).schedule();
  EXPECT_EQ(created.name(), NameOf("a"));
  EXPECT_EQ(created.etag(), "\"1\"");
  EXPECT_EQ(created.revision(), 1);
  EXPECT_EQ(created.task(), "");
}

TEST_F(ScheduleServiceTest, BatchIsAllOrNothingUnlessPartialIsAllowed) {
  v1::BatchCreateSchedulesRequest request;
  request.set_parent("projects/default");
  for (const char* id : {"one", "two", "three"}) {
    v1::NewSchedule* item = request.add_items();
    item->set_schedule_id(id);
    *item->mutable_schedule() = NewSchedule(id).schedule();
  }
  request.mutable_items(1)->mutable_schedule()->set_time_zone("Mars/Phobos");
  const auto refused = BatchCreateSchedules(request);
  EXPECT_THAT(refused, StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(FieldViolationsOf(refused.status()),
              ElementsAre(testing::Field(&FieldViolation::field, "items[1].schedule.time_zone")));
  EXPECT_THAT(GetSchedule(Get(NameOf("one"))), StatusIs(StatusCode::kNotFound));

  request.set_allow_partial(true);
  ASSERT_OK_AND_ASSIGN(const v1::BatchCreateSchedulesResponse partial,
                       BatchCreateSchedules(request));
  ASSERT_EQ(partial.results_size(), 3);
  EXPECT_TRUE(partial.results(0).has_schedule());
  EXPECT_EQ(partial.results(1).error().code(), 3);
  EXPECT_TRUE(partial.results(2).has_schedule());
  EXPECT_OK(GetSchedule(Get(NameOf("three"))));
}

TEST_F(ScheduleServiceTest, AuditNamesActorAndSourceOfEveryChange) {
  Created("nightly");
  v1::ListAuditEntriesRequest request;
  ASSERT_OK_AND_ASSIGN(const v1::ListAuditEntriesResponse page, ListAuditEntries(request));
  ASSERT_EQ(page.entries_size(), 1);
  EXPECT_EQ(page.entries(0).actor(), "test:ann");
  EXPECT_THAT(page.entries(0).source(), testing::StartsWith("127.0.0.1:"));
  EXPECT_EQ(page.entries(0).resource(), NameOf("nightly"));
  EXPECT_EQ(page.head().sequence(), 1);
  ASSERT_OK_AND_ASSIGN(const v1::VerifyAuditChainResponse verdict, VerifyAuditChain({}));
  EXPECT_TRUE(verdict.valid()) << verdict.problem();
  EXPECT_EQ(verdict.verified_entries(), 1);
}

}  // namespace
}  // namespace z4j::scheduler
