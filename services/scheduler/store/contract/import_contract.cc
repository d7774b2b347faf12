// What the way here from another scheduler asks of a store: sources, and fires that are only
// recorded.
#include <gmock/gmock.h>

#include "services/scheduler/store/contract/schedule_store_contract.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(ScheduleStoreContract, SchedulesOfOneSourceAreFoundAlsoWhenItChanged) {
  StoredSchedule beat = Sample("beat"), other = Sample("other"), cron = Sample("cron");
  beat.schedule.source.emplace();
  beat.schedule.source->kind = "celery";
  beat.schedule.source->locator = "proj.celery:app";
  other.schedule.source = beat.schedule.source;
  other.schedule.source->locator = "Größe 'x' %_";
  cron.schedule.source.emplace();
  cron.schedule.source->kind = "cron";
  Insert({beat, other, cron, Sample("own")});
  const auto list = [&](const std::string& kind, const std::string& locator) {
    ScheduleQuery query;
    query.project = "p";
    query.source_kind = kind;
    query.source_locator = locator;
    return ListAll(query, 1);
  };
  EXPECT_THAT(list("", ""), ElementsAre("beat", "cron", "other", "own"));
  EXPECT_THAT(list("celery", ""), ElementsAre("beat", "other"));
  EXPECT_THAT(list("celery", "proj.celery:app"), ElementsAre("beat"));
  EXPECT_THAT(list("", "Größe 'x' %_"), ElementsAre("other"));
  EXPECT_THAT(list("rq", ""), IsEmpty());
  EXPECT_EQ(*store_->GetSchedule({"p", "other"}), other);

  beat.schedule.source.reset();
  Update(beat.schedule);
  cron.schedule.source = other.schedule.source;
  Update(cron.schedule);
  EXPECT_THAT(list("celery", ""), ElementsAre("cron", "other"));
  EXPECT_THAT(list("cron", ""), IsEmpty());
}

TEST_P(ScheduleStoreContract, WhatWasRecordedInShadowIsDecidedAndNobodysToHandOver) {
  Lead();
  Insert({Sample("a")});
  const ScheduleId a = Sample("a").schedule.id;
  std::vector<Fire> seen;
  for (int i = 1; i <= 2; ++i) {
    seen.push_back(AutomaticFire(a, At(i)));
    seen.back().state = FireState::kSkipped;
    seen.back().reason = FireReason::kShadow;
    seen.back().dispatch_after = At(i + 0.5);
  }
  FireBatch batch;
  batch.fires = seen;
  batch.cursors = {{.schedule = a, .cursor = {At(2), 0}, .planned_from = At(0)}};
  ASSERT_OK_AND_ASSIGN(const CommitResult result, store_->CommitFires(kToken, batch));
  EXPECT_THAT(result.advanced, ElementsAre(true));
  for (const Fire& fire : seen) EXPECT_EQ(Read(fire), fire);
  EXPECT_THAT(Pending(), IsEmpty());
  EXPECT_THAT(*store_->LoadOpen({a}), IsEmpty());
  EXPECT_EQ(store_->GetSchedule({"p", "a"})->cursor, (Cursor{At(2), 0}));
  // Of those that are recorded and those that fire, the commit writes both.
  batch.fires = {seen[0], AutomaticFire(a, At(3))};
  batch.fires[0].key.due_at = At(2.5);
  batch.fires[0].id = MakeFireId(batch.fires[0].key);
  batch.cursors = {{.schedule = a, .cursor = {At(3), 1}, .planned_from = At(2)}};
  EXPECT_THAT(store_->CommitFires(kToken, batch)->advanced, ElementsAre(true));
  EXPECT_EQ(Read(batch.fires[0]), batch.fires[0]);
  EXPECT_THAT(Pending(), ElementsAre(batch.fires[1]));
}

}  // namespace
}  // namespace z4j::scheduler
