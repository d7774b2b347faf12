#include "services/scheduler/core/import_source.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/core/validate.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ImportSource Good() {
  ImportSource source;
  source.kind = "django-celery-beat";
  source.version = "2.8.1";
  source.locator = "proj.settings";
  source.key = "Grüße an alle";
  source.raw = "{'task': 'mail',\n 'schedule': <crontab: 0 5 * * *>}";
  source.digest = absl::StrCat(std::string(60, '0'), "9abf");
  source.import_id = "2026-11-22-1";
  return source;
}

std::vector<std::string> Faults(const ImportSource& source) {
  std::vector<std::string> fields;
  for (const FieldViolation& fault : CheckImportSource(source)) fields.push_back(fault.field);
  return fields;
}

TEST(ImportSourceTest, AKindAloneIsEnoughAndEverythingInFullIsFine) {
  EXPECT_THAT(Faults(Good()), IsEmpty());
  ImportSource least;
  EXPECT_THAT(Faults(least), ElementsAre("source.kind"));
  least.kind = "cron";
  EXPECT_THAT(Faults(least), IsEmpty());
}

TEST(ImportSourceTest, EachBoundIsTakenAndOneMoreIsRefusedByItsField) {
  struct Bound {
    std::string ImportSource::*field;
    const char* name;
    int max;
  };
  for (const Bound& bound : {Bound{&ImportSource::kind, "source.kind", kSourceKindCharsMax},
                             Bound{&ImportSource::version, "source.version", 50},
                             Bound{&ImportSource::locator, "source.locator", kSourceTextCharsMax},
                             Bound{&ImportSource::key, "source.key", 1000},
                             Bound{&ImportSource::raw, "source.raw", kDescriptionCharsMax},
                             Bound{&ImportSource::import_id, "source.import_id", 100}}) {
    ImportSource source = Good();
    source.*bound.field = std::string(bound.max, 'x');
    EXPECT_THAT(Faults(source), IsEmpty()) << bound.name;
    source.*bound.field += 'x';
    EXPECT_THAT(Faults(source), ElementsAre(bound.name));
    source.*bound.field = std::string("a\0b", 3);
    EXPECT_THAT(Faults(source), ElementsAre(bound.name));
  }
}

TEST(ImportSourceTest, ADigestIsASha256InLowerCaseHex) {
  for (const std::string& digest :
       {std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'A'), std::string(64, 'g')}) {
    ImportSource source = Good();
    source.digest = digest;
    EXPECT_THAT(Faults(source), ElementsAre("source.digest")) << digest;
  }
}

TEST(ImportSourceTest, AScheduleIsRefusedWithTheFaultsOfItsSource) {
  Schedule schedule;
  schedule.project = "default";
  schedule.name = "a";
  schedule.engine = "celery";
  schedule.task = "t";
  schedule.spec = IntervalSpec{absl::Minutes(1), absl::UnixEpoch()};
  schedule.source = Good();
  EXPECT_OK(ValidateSchedule(schedule, absl::UnixEpoch()));
  schedule.source->kind = "Celery";
  const auto faults = FieldViolationsOf(ValidateSchedule(schedule, absl::UnixEpoch()));
  EXPECT_THAT(faults, ElementsAre(testing::Field(&FieldViolation::field, "source.kind")));
}

}  // namespace
}  // namespace z4j::scheduler
