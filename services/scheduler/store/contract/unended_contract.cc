#include <gmock/gmock.h>

#include "services/scheduler/store/contract/schedule_store_contract.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const FireKey kNewest = {{}, absl::InfiniteFuture(), {}};

TEST_P(ScheduleStoreContract, LoadsUnendedFiresNewestFirstPageByPage) {
  Lead();
  Insert({Sample("a"), Sample("b")});
  std::vector<Fire> fires;
  for (int i = 1; i <= 7; ++i) fires.push_back(AutomaticFire(Sample("a").schedule.id, At(i)));
  Commit(fires);
  const Fire twin = AutomaticFire(Sample("b").schedule.id, At(4));  // Due with fires[3].
  Commit({twin});
  // One in each state from PENDING to SUCCEEDED, in the order of their due times.
  ASSERT_OK(store_->UpdateFires(kToken,
                                {UpdateOf(fires[1], FireState::kDispatched, At(20)),
                                 UpdateOf(fires[2], FireState::kSucceeded, At(20)),
                                 UpdateOf(fires[3], FireState::kRunning, At(20)),
                                 UpdateOf(twin, FireState::kDispatched, At(20)),
                                 UpdateOf(fires[5], FireState::kFailed, At(20)),
                                 UpdateOf(fires[6], FireState::kDispatched, At(20))},
                                {}));
  const bool twin_is_newer = fires[3].key.schedule < twin.key.schedule;
  const std::vector<FireId> expected = {fires[6].id, (twin_is_newer ? twin : fires[3]).id,
                                        (twin_is_newer ? fires[3] : twin).id, fires[1].id};
  for (int rows : {1, 2, 3, 4, 7, 8, 100}) {
    std::vector<FireId> found;
    int pages = 0;
    for (std::optional<FireKey> before = kNewest; before.has_value(); ++pages) {
      ASSERT_OK_AND_ASSIGN(const UnendedPage page, store_->LoadUnended(*before, At(0), rows));
      for (const Fire& fire : page.fires) {
        EXPECT_EQ(fire, Read(fire));
        found.push_back(fire.id);
      }
      before = page.next;
    }
    EXPECT_EQ(found, expected) << rows << " rows a page";
    EXPECT_EQ(pages, 8 / rows + 1);  // The last is the one that is not full.
  }
}

TEST_P(ScheduleStoreContract, LoadsNoUnendedFiresFromBeforeTheBound) {
  Lead();
  Insert({Sample("a")});
  const Fire old = AutomaticFire(Sample("a").schedule.id, At(1));
  const Fire young = AutomaticFire(Sample("a").schedule.id, At(2));
  Commit({old, young});
  ASSERT_OK(store_->UpdateFires(kToken,
                                {UpdateOf(old, FireState::kDispatched, At(3)),
                                 UpdateOf(young, FireState::kDispatched, At(3))},
                                {}));
  ASSERT_OK_AND_ASSIGN(const UnendedPage page, store_->LoadUnended(kNewest, At(2), 100));
  EXPECT_THAT(page.fires, ElementsAre(Read(young)));
  EXPECT_EQ(page.next, std::nullopt);
  ASSERT_OK_AND_ASSIGN(const UnendedPage rest, store_->LoadUnended(young.key, At(2), 100));
  EXPECT_THAT(rest.fires, IsEmpty());
}

TEST_P(ScheduleStoreContract, TheEngineOfADeletedScheduleIsKept) {
  StoredSchedule a = Sample("a"), b = Sample("b");
  a.schedule.engine = "rq";
  Insert({a, b});
  Delete(a);
  const std::vector<ScheduleId> ids = {a.schedule.id, b.schedule.id, Sample("c").schedule.id};
  ASSERT_OK_AND_ASSIGN(const auto engines, store_->GetDeletedEngines(ids));
  EXPECT_THAT(engines, ElementsAre(std::pair(a.schedule.id, std::string("rq"))));
}

}  // namespace
}  // namespace z4j::scheduler
