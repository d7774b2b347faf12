// Schedules in shadow, and where schedules were imported from, as clients see them.
#include "services/scheduler/rpc/testing/rpc_world.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

class ShadowRpcTest : public RpcTest {
 protected:
  absl::StatusOr<v1::ShadowScheduleResponse> Shadow(const std::string& id) {
    v1::ShadowScheduleRequest request;
    request.set_name(NameOf(id));
    return ShadowSchedule(request);
  }
  absl::StatusOr<v1::ResumeScheduleResponse> Resume(const std::string& id) {
    v1::ResumeScheduleRequest request;
    request.set_name(NameOf(id));
    return ResumeSchedule(request);
  }
  v1::Schedule Got(const std::string& id) {
    v1::GetScheduleRequest request;
    request.set_name(NameOf(id));
    const auto response = GetSchedule(request);
    EXPECT_OK(response);
    return response->schedule();
  }
  std::vector<std::string> Listed(const std::function<void(v1::ScheduleFilter&)>& set) {
    v1::ListSchedulesRequest request;
    request.set_parent("projects/default");
    set(*request.mutable_filter());
    const auto page = ListSchedules(request);
    EXPECT_OK(page);
    std::vector<std::string> names;
    for (const v1::Schedule& schedule : page->schedules()) {
      names.push_back(schedule.name().substr(schedule.name().rfind('/') + 1));
    }
    return names;
  }
  static v1::CreateScheduleRequest Imported(const std::string& id) {
    v1::CreateScheduleRequest request = NewSchedule(id);
    v1::ImportSource* source = request.mutable_schedule()->mutable_source();
    source->set_kind("celery");
    source->set_version("5.7.0");
    source->set_locator("proj.celery:app");
    source->set_key(id);
    source->set_raw("{'task': 'mail.send'}");
    source->set_digest(std::string(64, '0'));
    source->set_import_id("import-1");
    return request;
  }
};

TEST_F(ShadowRpcTest, OneIsCreatedInShadowAndKnowsWhenItWouldFireNext) {
  v1::CreateScheduleRequest request = NewSchedule("nightly");
  request.mutable_schedule()->set_state(v1::Schedule::STATE_SHADOW);
  ASSERT_OK_AND_ASSIGN(const v1::CreateScheduleResponse created, CreateSchedule(request));
  EXPECT_EQ(created.schedule().state(), v1::Schedule::STATE_SHADOW);
  EXPECT_TRUE(created.schedule().has_next_fire_time());
  EXPECT_FALSE(created.schedule().has_pause());
  Created("other");
  EXPECT_THAT(Listed([](auto& f) { f.set_state(v1::Schedule::STATE_SHADOW); }),
              ElementsAre("nightly"));
}

TEST_F(ShadowRpcTest, IntoShadowAndOutAgainIsAudited) {
  Created("nightly");
  ASSERT_OK_AND_ASSIGN(const v1::ShadowScheduleResponse shadow, Shadow("nightly"));
  EXPECT_EQ(shadow.schedule().state(), v1::Schedule::STATE_SHADOW);
  v1::UpdateScheduleRequest update;
  *update.mutable_schedule() = shadow.schedule();  // What was read can be sent back whole.
  update.mutable_schedule()->set_queue("slow");
  ASSERT_OK_AND_ASSIGN(const v1::UpdateScheduleResponse updated, UpdateSchedule(update));
  EXPECT_EQ(updated.schedule().state(), v1::Schedule::STATE_SHADOW);
  ASSERT_OK_AND_ASSIGN(const v1::ResumeScheduleResponse resumed, Resume("nightly"));
  EXPECT_EQ(resumed.schedule().state(), v1::Schedule::STATE_ENABLED);
  EXPECT_THAT(Resume("nightly"), StatusIs(StatusCode::kFailedPrecondition, HasSubstr("shadow")));
  std::vector<std::string> actions;
  const auto entries = store_.ListAudit(0, 100);
  for (const AuditEntry& entry : *entries) actions.push_back(entry.action);
  EXPECT_THAT(actions, ElementsAre("schedule.create", "schedule.shadow", "schedule.update",
                                   "schedule.resume"));
}

TEST_F(ShadowRpcTest, ATriggerRunsInShadowAndAPauseThatEndsByItselfIsRefused) {
  Created("nightly");
  ASSERT_OK(Shadow("nightly"));
  v1::TriggerScheduleRequest trigger;
  trigger.set_name(NameOf("nightly"));
  ASSERT_OK_AND_ASSIGN(const v1::TriggerScheduleResponse fire, TriggerSchedule(trigger));
  EXPECT_EQ(fire.fire().state(), v1::Fire::STATE_PENDING);
  v1::PauseScheduleRequest pause;
  pause.set_name(NameOf("nightly"));
  pause.mutable_until_time()->set_seconds(absl::ToUnixSeconds(clock_.Now()) + 60);
  EXPECT_THAT(PauseSchedule(pause),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("until_time")));
  pause.clear_until_time();
  ASSERT_OK_AND_ASSIGN(const v1::PauseScheduleResponse paused, PauseSchedule(pause));
  EXPECT_EQ(paused.schedule().state(), v1::Schedule::STATE_PAUSED);
  EXPECT_THAT(Shadow("nothing"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(ShadowSchedule({}), StatusIs(StatusCode::kInvalidArgument, HasSubstr("name")));
}

TEST_F(ShadowRpcTest, StatusCountsThemAmongAllSchedules) {
  cluster_.status.schedules = {{ScheduleState::kEnabled, 3}, {ScheduleState::kShadow, 2}};
  ASSERT_OK_AND_ASSIGN(const v1::GetStatusResponse status, GetStatus({}));
  EXPECT_EQ(status.schedules().shadow(), 2);
  EXPECT_EQ(status.schedules().total(), 5);
}

TEST_F(ShadowRpcTest, TheSourceComesBackWholeAndIsFoundByAndChanged) {
  const v1::CreateScheduleRequest request = Imported("mail");
  ASSERT_OK(CreateSchedule(request));
  Created("own");
  EXPECT_EQ(Got("mail").source().DebugString(), request.schedule().source().DebugString());
  EXPECT_FALSE(Got("own").has_source());
  EXPECT_THAT(Listed([](auto& f) { f.set_source_kind("celery"); }), ElementsAre("mail"));
  EXPECT_THAT(Listed([](auto& f) { f.set_source_locator("proj.celery:app"); }),
              ElementsAre("mail"));
  EXPECT_THAT(Listed([](auto& f) { f.set_source_kind("rq"); }), ElementsAre());

  v1::UpdateScheduleRequest update;
  update.mutable_schedule()->set_name(NameOf("mail"));
  update.mutable_update_mask()->add_paths("source");
  *update.mutable_schedule()->mutable_source() = request.schedule().source();
  update.mutable_schedule()->mutable_source()->set_import_id("import-2");
  ASSERT_OK_AND_ASSIGN(const v1::UpdateScheduleResponse updated, UpdateSchedule(update));
  EXPECT_EQ(updated.schedule().source().import_id(), "import-2");
  EXPECT_EQ(updated.schedule().task(), "mail.send");
  const auto audit = store_.ListAudit(2, 1);
  EXPECT_THAT(audit->front().before, HasSubstr("import-1"));
  EXPECT_THAT(audit->front().after, HasSubstr("import-2"));
  update.mutable_schedule()->clear_source();
  ASSERT_OK(UpdateSchedule(update));
  EXPECT_FALSE(Got("mail").has_source());
}

TEST_F(ShadowRpcTest, AFaultOfTheSourceIsNamedAsTheClientKnowsIt) {
  v1::CreateScheduleRequest request = Imported("mail");
  request.mutable_schedule()->mutable_source()->set_digest("abc");
  EXPECT_THAT(CreateSchedule(request),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("schedule.source.digest")));
  v1::ListSchedulesRequest list;
  list.set_parent("projects/default");
  list.mutable_filter()->set_source_locator(std::string("a\0b", 3));
  EXPECT_THAT(ListSchedules(list),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("filter.source_locator")));
}

}  // namespace
}  // namespace z4j::scheduler
