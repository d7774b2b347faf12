#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "services/scheduler/store/contract/schedule_store_contract.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

ScheduleQuery InProject(const std::string& project = "p") {
  ScheduleQuery query;
  query.project = project;
  return query;
}

CronSpec Midnight() {
  CronSpec cron;
  cron.expression = "0 0 * * *";
  return cron;
}

TEST_P(ScheduleStoreContract, ListsByNameInByteOrder) {
  Insert({Sample("b"), Sample("a"), Sample("Z"), Sample("a0"), Sample("é"), Sample("a-")});
  EXPECT_THAT(ListAll(InProject(), 100), ElementsAre("Z", "a", "a-", "a0", "b", "é"));
  ScheduleQuery query = InProject();
  query.descending = true;
  EXPECT_THAT(ListAll(query, 100), ElementsAre("é", "b", "a0", "a-", "a", "Z"));
  EXPECT_THAT(ListAll(InProject("q"), 100), IsEmpty());
}

TEST_P(ScheduleStoreContract, ListsByTimeAndEqualTimesByName) {
  std::vector<StoredSchedule> all = {Sample("a"), Sample("b"), Sample("c"), Sample("d")};
  const double created[] = {2, 1.000001, 1, 1.000001};
  const double updated[] = {5, 6, 8, 7};
  for (int i = 0; i < 4; ++i) {
    all[i].schedule.created_at = At(created[i]);
    all[i].schedule.updated_at = At(updated[i]);
  }
  Insert(all);
  for (int limit : {1, 2, 3, 100}) {
    ScheduleQuery query = InProject();
    query.order = ScheduleOrder::kCreated;
    EXPECT_THAT(ListAll(query, limit), ElementsAre("c", "b", "d", "a")) << limit;
    query.descending = true;
    EXPECT_THAT(ListAll(query, limit), ElementsAre("a", "d", "b", "c")) << limit;
    query.order = ScheduleOrder::kUpdated;
    EXPECT_THAT(ListAll(query, limit), ElementsAre("c", "d", "b", "a")) << limit;
  }
}

TEST_P(ScheduleStoreContract, CountsTheSchedulesOfAllProjectsByState) {
  ASSERT_OK_AND_ASSIGN(const auto none, store_->CountSchedules());
  EXPECT_THAT(none, IsEmpty());
  std::vector<StoredSchedule> all = {Sample("a"), Sample("b"), Sample("c"), Sample("d")};
  all[1].schedule.state = ScheduleState::kFinished;
  all[2].schedule.project = "q";
  all[3].schedule.state = ScheduleState::kShadow;
  Insert(all);
  ASSERT_OK_AND_ASSIGN(const auto counts, store_->CountSchedules());
  EXPECT_EQ(counts, (std::map<ScheduleState, int64_t>{{ScheduleState::kEnabled, 2},
                                                      {ScheduleState::kFinished, 1},
                                                      {ScheduleState::kShadow, 1}}));
}

TEST_P(ScheduleStoreContract, EveryFilterNarrowsTheList) {
  StoredSchedule cron = Sample("cron"), paused = Sample("cron-paused"), shot = Sample("shot");
  cron.schedule.spec = Midnight();
  cron.schedule.labels = {{"env", "prod"}, {"team", "a.b\"c"}};
  paused.schedule.spec = Midnight();
  paused.schedule.state = ScheduleState::kPaused;
  paused.schedule.pause = Pause();
  paused.schedule.labels = {{"env", "prod"}, {"team", "x"}};
  shot.schedule.spec = OneShotSpec{At(1)};
  shot.schedule.engine = "rq";
  Insert({cron, paused, shot, Sample("c_on"), Sample("c%")});

  auto list = [&](auto set) {
    ScheduleQuery query = InProject();
    set(query);
    return ListAll(query, 1);
  };
  EXPECT_THAT(list([](auto& q) { q.state = ScheduleState::kPaused; }), ElementsAre("cron-paused"));
  EXPECT_THAT(list([](auto& q) { q.engine = "rq"; }), ElementsAre("shot"));
  EXPECT_THAT(list([](auto& q) { q.kind = "cron"; }), ElementsAre("cron", "cron-paused"));
  EXPECT_THAT(list([](auto& q) { q.kind = "one_shot"; }), ElementsAre("shot"));
  EXPECT_THAT(list([](auto& q) { q.name_prefix = "c_"; }), ElementsAre("c_on"));
  EXPECT_THAT(list([](auto& q) { q.name_prefix = "c%"; }), ElementsAre("c%"));
  EXPECT_THAT(list([](auto& q) { q.name_prefix = "cron"; }), ElementsAre("cron", "cron-paused"));
  EXPECT_THAT(list([](auto& q) {
                q.labels = {{"env", "prod"}};
              }),
              ElementsAre("cron", "cron-paused"));
  EXPECT_THAT(list([](auto& q) {
                q.labels = {{"env", "prod"}, {"team", "a.b\"c"}};
              }),
              ElementsAre("cron"));
  EXPECT_THAT(list([](auto& q) { q.labels = {{"env", "test"}}; }), IsEmpty());
  EXPECT_THAT(list([](auto& q) {
                q.kind = "cron";
                q.labels = {{"env", "prod"}};
                q.state = ScheduleState::kEnabled;
                q.descending = true;
              }),
              ElementsAre("cron"));

  cron.schedule.labels = {{"env", "test"}};  // An update changes what filters find.
  cron.schedule.engine = "rq";
  cron.schedule.spec = OneShotSpec{At(1)};
  Update(cron.schedule);
  EXPECT_THAT(list([](auto& q) { q.labels = {{"env", "prod"}}; }), ElementsAre("cron-paused"));
  EXPECT_THAT(list([](auto& q) { q.engine = "rq"; }), ElementsAre("cron", "shot"));
  EXPECT_THAT(list([](auto& q) { q.kind = "cron"; }), ElementsAre("cron-paused"));
}

TEST_P(ScheduleStoreContract, PagesStayStableWhileSchedulesComeAndGo) {
  std::vector<StoredSchedule> all;
  for (char c = 'b'; c <= 'i'; ++c) all.push_back(Sample(std::string(1, c)));
  Insert(all);
  ScheduleQuery query = InProject();
  query.limit = 3;
  ASSERT_OK_AND_ASSIGN(SchedulePage page, store_->ListSchedules(query));
  EXPECT_THAT(NamesOf(page), ElementsAre("b", "c", "d"));
  Delete(Sample("d"));     // The row that ended the page,
  Insert({Sample("a")});   // one before it
  Insert({Sample("ee")});  // and one after it.
  query.after = page.next;
  ASSERT_OK_AND_ASSIGN(page, store_->ListSchedules(query));
  EXPECT_THAT(NamesOf(page), ElementsAre("e", "ee", "f"));
  query.after = page.next;
  ASSERT_OK_AND_ASSIGN(page, store_->ListSchedules(query));
  EXPECT_THAT(NamesOf(page), ElementsAre("g", "h", "i"));
  EXPECT_EQ(page.next, "");  // Exactly full, and the last one.
}

TEST_P(ScheduleStoreContract, RefusesAPageTokenOfAnotherListNamingTheField) {
  Insert({Sample("a"), Sample("b")});
  ScheduleQuery query = InProject();
  query.limit = 1;
  ASSERT_OK_AND_ASSIGN(const SchedulePage page, store_->ListSchedules(query));
  query.after = page.next;
  query.descending = true;
  EXPECT_THAT(store_->ListSchedules(query), StatusIs(absl::StatusCode::kInvalidArgument));
  for (const std::string& bad : {std::string("x"), std::string("\xff\0", 2), page.next + "A"}) {
    query.after = bad;
    EXPECT_THAT(store_->ListSchedules(query),
                StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("page_token")));
  }
  FireQuery fires;
  fires.project = "p";
  fires.after = page.next;
  EXPECT_THAT(store_->ListFires(fires),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("page_token")));
}

TEST_P(ScheduleStoreContract, LoadsAllSchedulesWithTheRevisionTheyStandAt) {
  StoredSchedule other = Sample("other");
  other.schedule.project = "q";
  Insert({Sample("a"), FullSample("b"), other});
  Delete(Sample("a"));
  std::vector<StoredSchedule> loaded;
  ASSERT_OK_AND_ASSIGN(const int64_t revision, store_->LoadSchedules([&](StoredSchedule stored) {
    loaded.push_back(std::move(stored));
  }));
  EXPECT_THAT(loaded, UnorderedElementsAre(FullSample("b"), other));
  EXPECT_EQ(revision, 2);
  EXPECT_THAT(store_->ListChanges(revision, 10).value(), IsEmpty());
}

TEST_P(ScheduleStoreContract, ListsChangesWithTheScheduleAsItIsNow) {
  StoredSchedule a = Sample("a"), b = Sample("b");
  Insert({a});
  Insert({b});
  a.schedule.task = "tasks.mul";
  Update(a.schedule);
  Write({}, "fence.raise", {});
  const AuditEntry cancel = Write({}, "fire.cancel", a.schedule.id);
  Delete(b);
  ASSERT_OK_AND_ASSIGN(const std::vector<ScheduleChange> changes, store_->ListChanges(0, 100));
  ASSERT_THAT(changes, SizeIs(5));
  const int64_t revisions[] = {1, 2, 3, 5, 6};
  for (int i = 0; i < 5; ++i) {
    const bool about_b = i == 1 || i == 4;
    EXPECT_EQ(changes[i].revision, revisions[i]);
    EXPECT_EQ(changes[i].id, (about_b ? b : a).schedule.id);
    EXPECT_EQ(changes[i].key, KeyOf(about_b ? b : a)) << "also of the deleted one";
    EXPECT_EQ(changes[i].stored, about_b ? std::nullopt : std::optional(a));
  }
  EXPECT_EQ(changes[0].action, "schedule.create");
  EXPECT_EQ(changes[3].action, "fire.cancel");
  EXPECT_EQ(changes[3].resource, cancel.resource);
  EXPECT_EQ(changes[4].action, "schedule.delete");

  ASSERT_OK_AND_ASSIGN(const auto some, store_->ListChanges(2, 2));
  ASSERT_THAT(some, SizeIs(2));
  EXPECT_EQ(some[0].revision, 3);
  EXPECT_EQ(some[1].revision, 5);
}

TEST_P(ScheduleStoreContract, ReadsCursorsOfThoseThatExist) {
  StoredSchedule a = Sample("a");
  a.cursor = {At(0.000001), 9};
  Insert({a, Sample("b")});
  const ScheduleId none{Uuid::FromName({}, "none")};
  EXPECT_THAT(store_->GetCursors({a.schedule.id, none, Sample("b").schedule.id}).value(),
              UnorderedElementsAre(std::pair(a.schedule.id, a.cursor),
                                   std::pair(Sample("b").schedule.id, Sample("b").cursor)));
  EXPECT_THAT(store_->GetCursors({}).value(), IsEmpty());
}

TEST_P(ScheduleStoreContract, ListsFiresNewestFirstAndByEveryFilter) {
  Lead();
  StoredSchedule other = Sample("other");
  other.schedule.project = "q";
  Insert({Sample("a"), Sample("b"), other});
  std::vector<Fire> a, b;
  for (int i = 1; i <= 5; ++i) {
    a.push_back(AutomaticFire(Sample("a").schedule.id, At(i)));
    b.push_back(AutomaticFire(Sample("b").schedule.id, At(i + 0.000001)));
  }
  Commit(a);
  Commit(b);
  Commit({AutomaticFire(other.schedule.id, At(3))});
  ASSERT_OK(store_->UpdateFires(
      kToken,
      {UpdateOf(a[1], FireState::kDispatched, At(9)), UpdateOf(a[2], FireState::kFailed, At(9))},
      {}));
  a[1] = Read(a[1]);
  a[2] = Read(a[2]);

  for (int limit : {1, 3, 100}) {
    FireQuery query;
    query.project = "p";
    EXPECT_THAT(ListAllFires(query, limit),
                ElementsAre(b[4], a[4], b[3], a[3], b[2], a[2], b[1], a[1], b[0], a[0]));
    query.ascending = true;
    query.from = At(2);
    query.to = At(4);
    EXPECT_THAT(ListAllFires(query, limit), ElementsAre(a[1], b[1], a[2], b[2]));
    query.schedule = Sample("a").schedule.id;
    EXPECT_THAT(ListAllFires(query, limit), ElementsAre(a[1], a[2]));
    query.states = {FireState::kFailed, FireState::kPending};
    EXPECT_THAT(ListAllFires(query, limit), ElementsAre(a[2]));
    query.project = "q";
    EXPECT_THAT(ListAllFires(query, limit), IsEmpty()) << "the schedule is of another project";
  }
}

TEST_P(ScheduleStoreContract, PagesOfFiresStayStableWhileFiresComeAndGo) {
  Lead();
  Insert({Sample("a")});
  std::vector<Fire> fires;
  for (int i = 1; i <= 6; ++i) fires.push_back(AutomaticFire(Sample("a").schedule.id, At(i)));
  Commit(fires);
  FireQuery query;
  query.project = "p";
  query.limit = 2;
  ASSERT_OK_AND_ASSIGN(FirePage page, store_->ListFires(query));
  Commit({AutomaticFire(Sample("a").schedule.id, At(7))});
  WriteSet write;  // Same due time as the row that ended the page, with its own place in the order.
  write.fires = {ManualFire(Sample("a").schedule.id, At(3), "r")};
  Write(write, "schedule.trigger", Sample("a").schedule.id);
  query.after = page.next;
  ASSERT_OK_AND_ASSIGN(page, store_->ListFires(query));
  ASSERT_THAT(page.fires, SizeIs(2));
  EXPECT_EQ(page.fires[0].fire.key.due_at, At(4));
  EXPECT_EQ(page.fires[1].fire.key.due_at, At(3));
}

TEST_P(ScheduleStoreContract, FiresOfOneDueTimeArePagedWithoutLossOrRepeat) {
  Lead();
  std::vector<StoredSchedule> schedules;
  WriteSet write;
  for (int i = 0; i < 9; ++i) {
    schedules.push_back(Sample(absl::StrCat("s", i)));
    for (int k = 0; k < 3; ++k) {
      write.fires.push_back(ManualFire(schedules[i].schedule.id, At(1), absl::StrCat("r", k)));
    }
  }
  Insert(schedules);
  Write(write, "schedule.trigger", {});
  for (bool ascending : {false, true}) {
    FireQuery query;
    query.project = "p";
    query.ascending = ascending;
    EXPECT_THAT(ListAllFires(query, 4), testing::UnorderedElementsAreArray(write.fires));
  }
}

TEST_P(ScheduleStoreContract, GetsManyFiresByTheirKeysAndLeavesOutWhatDoesNotExist) {
  Lead();
  const Fire first = InsertWithFire("a", 1);
  const Fire second = InsertWithFire("b", 2);
  WriteSet write;
  write.fires = {ManualFire(second.key.schedule, At(2), "r")};
  Write(write, "schedule.trigger", second.key.schedule);
  FireKey other = first.key;
  other.due_at = At(3);
  ASSERT_OK_AND_ASSIGN(const std::vector<NamedFire> found,
                       store_->GetFires({write.fires[0].key, other, first.key}));
  std::map<std::string, Fire> by_name;
  for (const NamedFire& named : found) by_name[named.schedule.name] = named.fire;
  EXPECT_EQ(by_name, (std::map<std::string, Fire>{{"a", first}, {"b", write.fires[0]}}));
  ASSERT_OK_AND_ASSIGN(const std::vector<NamedFire> none, store_->GetFires({}));
  EXPECT_THAT(none, IsEmpty());
}

TEST_P(ScheduleStoreContract, NamesTheScheduleOfAFireAlsoAfterItsDeletion) {
  Lead();
  const Fire fire = InsertWithFire("a", 1);
  EXPECT_EQ(store_->GetFire(fire.id)->schedule, (ScheduleKey{"p", "a"}));
  Delete(Sample("a"));
  EXPECT_EQ(store_->GetFire(fire.id)->schedule, (ScheduleKey{"p", "a"}));
  FireQuery query;
  query.project = "p";
  ASSERT_OK_AND_ASSIGN(const FirePage page, store_->ListFires(query));
  ASSERT_THAT(page.fires, SizeIs(1));
  EXPECT_EQ(page.fires[0].schedule, (ScheduleKey{"p", "a"}));
  EXPECT_THAT(store_->GetFire({Uuid::Random()}), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace z4j::scheduler
