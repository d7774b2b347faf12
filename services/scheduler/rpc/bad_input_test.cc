// Bad input changes nothing and names the field (law 9).
#include <functional>

#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/testing/rpc_world.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

struct BadInput {
  std::string what;
  std::string field;
  std::function<void(v1::CreateScheduleRequest&)> spoil;
};

class BadInputTest : public RpcTest {
 protected:
  // Refused, the field named, nothing written, nothing audited.
  void ExpectRefused(const BadInput& bad) {
    SCOPED_TRACE(bad.what);
    v1::CreateScheduleRequest request = NewSchedule("bad");
    bad.spoil(request);
    const auto response = CreateSchedule(request);
    EXPECT_THAT(response, StatusIs(StatusCode::kInvalidArgument));
    std::vector<std::string> fields;
    for (const FieldViolation& violation : FieldViolationsOf(response.status())) {
      fields.push_back(violation.field);
      EXPECT_NE(violation.description, "");
    }
    EXPECT_THAT(fields, testing::Contains(bad.field)) << response.status();
    ExpectNothingWritten(0);
  }
  void ExpectNothingWritten(int64_t entries_before) {
    ASSERT_OK_AND_ASSIGN(const AuditHead head, store_.GetAuditHead());
    EXPECT_EQ(head.seq, entries_before);
    EXPECT_THAT(store_.GetSchedule({"default", "bad"}), StatusIs(StatusCode::kNotFound));
  }
};

void SetPeriod(v1::CreateScheduleRequest& request, int64_t seconds, int nanos = 0) {
  auto* period = request.mutable_schedule()->mutable_spec()->mutable_interval()->mutable_period();
  period->set_seconds(seconds);
  period->set_nanos(nanos);
}

// A calendar interval in which nothing is wrong yet.
v1::CalendarIntervalSpec* CalendarOf(v1::CreateScheduleRequest& request) {
  auto* calendar = request.mutable_schedule()->mutable_spec()->mutable_calendar_interval();
  calendar->set_months(1);
  calendar->set_start_date("2026-01-31");
  return calendar;
}

TEST_F(BadInputTest, EveryFaultIsRefusedWithItsField) {
  using R = v1::CreateScheduleRequest;
  const std::vector<BadInput> all = {
      {"unknown zone", "schedule.time_zone",
       [](R& r) { r.mutable_schedule()->set_time_zone("Mars/Phobos"); }},
      {"cron without zone", "schedule.time_zone",
       [](R& r) { r.mutable_schedule()->set_time_zone(""); }},
      {"never matching", "schedule.spec.cron.expression",
       [](R& r) {
         r.mutable_schedule()->mutable_spec()->mutable_cron()->set_expression("0 0 31 2 *");
       }},
      {"no cron", "schedule.spec.cron.expression",
       [](R& r) {
         r.mutable_schedule()->mutable_spec()->mutable_cron()->set_expression("61 * * * *");
       }},
      {"half a second", "schedule.spec.interval.period",
       [](R& r) { SetPeriod(r, 0, 500'000'000); }},
      {"over ten years", "schedule.spec.interval.period",
       [](R& r) { SetPeriod(r, 11LL * 366 * 86'400); }},
      {"no duration", "schedule.spec.interval.period", [](R& r) { SetPeriod(r, 5, -5); }},
      {"latitude 91", "schedule.spec.solar.latitude",
       [](R& r) {
         auto* solar = r.mutable_schedule()->mutable_spec()->mutable_solar();
         solar->set_event(v1::SolarSpec::EVENT_SUNRISE);
         solar->set_latitude(91);
       }},
      {"no event", "schedule.spec.solar.event",
       [](R& r) { r.mutable_schedule()->mutable_spec()->mutable_solar(); }},
      {"no spec", "schedule.spec", [](R& r) { r.mutable_schedule()->clear_spec(); }},
      {"no instant", "schedule.spec.one_shot.fire_time",
       [](R& r) { r.mutable_schedule()->mutable_spec()->mutable_one_shot(); }},
      {"a cron's microsecond of a second", "schedule.spec.cron.microsecond",
       [](R& r) {
         r.mutable_schedule()->mutable_spec()->mutable_cron()->set_expression("0 3 * * *");
         r.mutable_schedule()->mutable_spec()->mutable_cron()->set_microsecond(1'000'000);
       }},
      {"a fixed offset spelled otherwise", "schedule.time_zone",
       [](R& r) { r.mutable_schedule()->set_time_zone("UTC+5"); }},
      {"a calendar interval without a date", "schedule.spec.calendar_interval.start_date",
       [](R& r) { CalendarOf(r)->clear_start_date(); }},
      {"a date that does not exist", "schedule.spec.calendar_interval.start_date",
       [](R& r) { CalendarOf(r)->set_start_date("2026-02-30"); }},
      {"a date after the calendar", "schedule.spec.calendar_interval.start_date",
       [](R& r) { CalendarOf(r)->set_start_date("2200-01-01"); }},
      {"no time of the day", "schedule.spec.calendar_interval.at_time",
       [](R& r) { CalendarOf(r)->set_at_time("9:00"); }},
      {"a calendar interval without a step", "schedule.spec.calendar_interval",
       [](R& r) { CalendarOf(r)->clear_months(); }},
      {"a step back", "schedule.spec.calendar_interval.days",
       [](R& r) { CalendarOf(r)->set_days(-1); }},
      {"a calendar interval without a zone", "schedule.time_zone",
       [](R& r) {
         CalendarOf(r);
         r.mutable_schedule()->clear_time_zone();
       }},
      {"args no JSON", "schedule.args_json",
       [](R& r) { r.mutable_schedule()->set_args_json("[1,"); }},
      {"args no array", "schedule.args_json",
       [](R& r) { r.mutable_schedule()->set_args_json("{}"); }},
      {"args over 64 KiB", "schedule.args_json",
       [](R& r) {
         r.mutable_schedule()->set_args_json("[\"" + std::string(kPayloadBytesMax, 'x') + "\"]");
       }},
      {"no task", "schedule.task", [](R& r) { r.mutable_schedule()->clear_task(); }},
      {"priority 101", "schedule.priority", [](R& r) { r.mutable_schedule()->set_priority(101); }},
      {"enum of tomorrow", "schedule.overlap",
       [](R& r) { r.mutable_schedule()->set_overlap(static_cast<v1::Overlap>(77)); }},
      {"end before start", "schedule.end_time",
       [](R& r) {
         r.mutable_schedule()->mutable_start_time()->set_seconds(2'000'000'000);
         r.mutable_schedule()->mutable_end_time()->set_seconds(1'900'000'000);
       }},
      {"parent is no project", "parent", [](R& r) { r.set_parent("default"); }},
      {"slash in the id", "schedule_id", [](R& r) { r.set_schedule_id("a/b"); }},
      {"NUL in the id", "schedule_id", [](R& r) { r.set_schedule_id(std::string("a\0b", 3)); }},
      {"NUL in the parent", "parent", [](R& r) { r.set_parent(std::string("projects/a\0b", 12)); }},
      {"NUL in a label", "schedule.labels[\"team\"]",
       [](R& r) { (*r.mutable_schedule()->mutable_labels())["team"] = std::string("a\0b", 3); }},
      {"NUL in the description", "schedule.description",
       [](R& r) { r.mutable_schedule()->set_description(std::string("a\0b", 3)); }},
      {"another name", "schedule.name",
       [](R& r) { r.mutable_schedule()->set_name("projects/default/schedules/other"); }},
  };
  for (const BadInput& bad : all) ExpectRefused(bad);
}

// PostgreSQL has no NUL in texts: it would refuse the whole statement.
TEST_F(BadInputTest, NulIsRefusedWhereAScheduleIsOnlyNamedOrLookedFor) {
  Created("nightly");
  const std::string nul("a\0b", 3);
  v1::PauseScheduleRequest pause;
  pause.set_name(NameOf("nightly"));
  pause.set_reason(nul);
  EXPECT_THAT(PauseSchedule(pause), StatusIs(StatusCode::kInvalidArgument, HasSubstr("reason")));
  pause.set_name(NameOf(nul));
  pause.clear_reason();
  EXPECT_THAT(PauseSchedule(pause), StatusIs(StatusCode::kInvalidArgument, HasSubstr("name")));
  const std::vector<std::function<void(v1::ScheduleFilter&)>> spoils = {
      [&](auto& filter) { filter.set_engine(nul); },
      [&](auto& filter) { filter.set_name_prefix(nul); },
      [&](auto& filter) { (*filter.mutable_labels())["team"] = nul; },
      [&](auto& filter) { (*filter.mutable_labels())[nul] = "a"; }};
  for (const auto& spoil : spoils) {
    v1::ListSchedulesRequest list;
    list.set_parent("projects/default");
    spoil(*list.mutable_filter());
    EXPECT_THAT(ListSchedules(list), StatusIs(StatusCode::kInvalidArgument, HasSubstr("filter.")));
  }
  ExpectNothingWritten(1);
}

TEST_F(BadInputTest, ARequestOfFiveMebibytesIsReadAndItsFieldsAreNamed) {
  v1::CreateScheduleRequest create = NewSchedule("large");
  create.mutable_schedule()->set_args_json("[\"" + std::string(5 * 1024 * 1024, 'x') + "\"]");
  EXPECT_THAT(CreateSchedule(create),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("schedule.args_json")));
  ExpectNothingWritten(0);
}

TEST_F(BadInputTest, UnknownEngineOptionIsRefusedOnceAnAdapterDeclaredItsOwn) {
  AdapterStatus adapter;
  adapter.info.engine = "celery";
  adapter.info.capabilities.options = {{"serializer", "string", ""}, {"countdown", "integer", ""}};
  cluster_.status.adapters = {adapter};
  const auto option = [](const std::string& name, const std::string& value) {
    return [=](v1::CreateScheduleRequest& r) {
      (*r.mutable_schedule()->mutable_engine_options())[name] = value;
    };
  };
  ExpectRefused(
      {"unknown", "schedule.engine_options.serialiser", option("serialiser", "\"json\"")});
  ExpectRefused({"wrong type", "schedule.engine_options.countdown", option("countdown", "\"5\"")});
  v1::CreateScheduleRequest good = NewSchedule("good");
  option("countdown", "5")(good);
  EXPECT_OK(CreateSchedule(good));
  v1::UpdateScheduleRequest update;
  update.mutable_schedule()->set_name(NameOf("good"));
  (*update.mutable_schedule()->mutable_engine_options())["serialiser"] = "1";
  EXPECT_THAT(UpdateSchedule(update),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("serialiser")));
}

TEST_F(BadInputTest, DuplicateNameAndStaleEtagChangeNothing) {
  const v1::Schedule created = Created("nightly");
  EXPECT_THAT(CreateSchedule(NewSchedule("nightly")), StatusIs(StatusCode::kAlreadyExists));
  v1::UpdateScheduleRequest update;
  *update.mutable_schedule() = created;
  update.mutable_schedule()->set_etag("\"999\"");
  update.mutable_schedule()->set_task("other");
  EXPECT_THAT(UpdateSchedule(update), StatusIs(StatusCode::kAborted));
  ASSERT_OK_AND_ASSIGN(const StoredSchedule stored, store_.GetSchedule({"default", "nightly"}));
  EXPECT_EQ(stored.schedule.task, "mail.send");
  ExpectNothingWritten(1);
}

TEST_F(BadInputTest, UpdateNamesTheFieldAsTheClientKnowsIt) {
  Created("nightly");
  v1::UpdateScheduleRequest update;
  update.mutable_schedule()->set_name(NameOf("nightly"));
  update.mutable_schedule()->set_time_zone("Mars/Phobos");
  const auto zone = UpdateSchedule(update);
  EXPECT_THAT(FieldViolationsOf(zone.status()),
              testing::ElementsAre(testing::Field(&FieldViolation::field, "schedule.time_zone")));
  update.mutable_update_mask()->add_paths("revision");
  const auto mask = UpdateSchedule(update);
  EXPECT_THAT(FieldViolationsOf(mask.status()),
              testing::ElementsAre(testing::Field(&FieldViolation::field, "update_mask")));
  ExpectNothingWritten(1);
}

}  // namespace
}  // namespace z4j::scheduler
