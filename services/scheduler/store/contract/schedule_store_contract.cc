#include "services/scheduler/store/contract/schedule_store_contract.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "services/scheduler/store/codec.h"

namespace z4j::scheduler {

absl::Time At(double seconds) {
  return absl::FromUnixMicros(1'700'000'000'123'457 + std::llround(seconds * 1e6));
}

StoredSchedule Sample(const std::string& name) {
  StoredSchedule stored;
  Schedule& s = stored.schedule;
  s.id.value = Uuid::FromName(Uuid(), name);
  s.project = "p";
  s.name = name;
  s.engine = "celery";
  s.task = "tasks.add";
  s.spec = IntervalSpec{absl::Seconds(10), At(0), Arithmetic::kAbsolute};
  s.created_at = s.updated_at = At(0);
  stored.cursor.watermark = At(0);
  return stored;
}

StoredSchedule FullSample(const std::string& name) {
  StoredSchedule stored = Sample(name);
  Schedule& s = stored.schedule;
  s.description = "Grüße, 世界 \"quoted\" \\ \n\t\x01 end";
  s.args_json = R"(["ü",1.50])";
  s.kwargs_json = R"({"b":1, "a":2})";
  s.queue = "slow";
  s.priority = -100;
  s.expires = absl::Microseconds(1);
  s.engine_options = {{"acks_late", "true"}, {"x", "{}"}};
  s.spec = SolarSpec{SolarEvent::kDuskNautical, 59.913868, -0.1, absl::Minutes(-90)};
  s.time_zone = "Europe/Oslo";
  s.gap = GapPolicy::kSkip;
  s.fold = FoldPolicy::kBoth;
  s.catch_up = CatchUp::kFireAll;
  s.catch_up_window = absl::Hours(7);
  s.catch_up_max = 3;
  s.overlap = Overlap::kBufferOne;
  s.start_at = At(0.000001);
  s.end_at = absl::InfiniteFuture();
  s.max_fires = int64_t{1} << 40;
  s.jitter = absl::Milliseconds(1500);
  s.jitter_mode = JitterMode::kHash;
  s.retry = {5, absl::Seconds(2), absl::Hours(1)};
  s.labels = {{"env", "prod"}, {"größe", "\"10%_\""}};
  s.state = ScheduleState::kPaused;
  s.pause = Pause{"maintenance", "cli:root", At(3), absl::InfiniteFuture()};
  s.state_reason = "why";
  s.updated_at = At(9);
  s.revision = 12;
  stored.cursor = {At(8.000001), 42};
  return stored;
}

void PrintTo(const StoredSchedule& stored, std::ostream* out) {
  *out << EncodeSchedule(stored.schedule) << " watermark " << stored.cursor.watermark << " fires "
       << stored.cursor.fires;
}

void PrintTo(const Fire& fire, std::ostream* out) {
  *out << "{due +" << fire.key.due_at - At(0) << " of " << fire.key.schedule.ToString()
       << " trigger " << fire.key.trigger.ToString() << " state " << static_cast<int>(fire.state)
       << " reason " << static_cast<int>(fire.reason) << " kind " << static_cast<int>(fire.kind)
       << " attempts " << fire.attempts << " count " << fire.count << " since +"
       << fire.first_due_at - At(0) << " after +" << fire.dispatch_after - At(0) << " decided +"
       << fire.decided_at - At(0) << " dispatched +" << fire.dispatched_at - At(0) << " started +"
       << fire.started_at - At(0) << " finished +" << fire.finished_at - At(0) << " adapter "
       << fire.adapter << " error " << fire.error << " run " << fire.run << " of "
       << fire.retry_of.ToString() << "}";
}

ScheduleKey KeyOf(const StoredSchedule& stored) {
  return {stored.schedule.project, stored.schedule.name};
}

Fire AutomaticFire(ScheduleId schedule, absl::Time due_at) {
  Fire fire;
  fire.key = {schedule, due_at, {}};
  fire.id = MakeFireId(fire.key);
  fire.dispatch_after = due_at;
  fire.decided_at = due_at + absl::Microseconds(1);
  fire.first_due_at = due_at;
  return fire;
}

Fire ManualFire(ScheduleId schedule, absl::Time due_at, const std::string& request_id) {
  Fire fire = AutomaticFire(schedule, due_at);
  fire.key.trigger = Uuid::FromName(schedule.value, request_id);
  fire.id = MakeFireId(fire.key);
  fire.kind = FireKind::kManual;
  return fire;
}

FireUpdate UpdateOf(const Fire& fire, FireState state, absl::Time at) {
  FireUpdate update;
  update.key = fire.key;
  update.id = fire.id;
  update.state = state;
  update.at = at;
  return update;
}

absl::Status ScheduleStoreContract::TryWrite(const WriteSet& write) {
  return store_->Transact({}, {}, [&](const ReadSet&) { return write; });
}

AuditEntry ScheduleStoreContract::Write(WriteSet write, const std::string& action,
                                        ScheduleId about) {
  AuditEntry entry;
  EXPECT_OK(store_->Transact({}, {}, [&](const ReadSet& read) {
    entry.seq = read.head.seq + 1;
    entry.at = At(static_cast<double>(entry.seq));
    entry.actor = "cli:root";
    entry.source = "127.0.0.1:5000";
    entry.action = action;
    entry.resource = absl::StrCat("projects/p/", action, "/", entry.seq);
    entry.schedule = about;
    entry.before = "{}";
    entry.after = R"({"ü":1})";
    entry.request_id = absl::StrCat("r", entry.seq);
    entry.key_id = "k1";
    entry.previous_mac = read.head.mac;
    entry.mac = absl::StrCat(std::string("\0\xff\x80", 3), entry.seq);
    write.audit = {entry};
    write.head = {entry.seq, entry.mac, std::string("\0seal\xfe", 6), "k1"};
    return write;
  }));
  return entry;
}

AuditEntry ScheduleStoreContract::Insert(const std::vector<StoredSchedule>& schedules) {
  WriteSet write;
  write.inserted = schedules;
  return Write(write, "schedule.create", schedules.at(0).schedule.id);
}

AuditEntry ScheduleStoreContract::Update(const Schedule& schedule) {
  WriteSet write;
  write.updated = {schedule};
  return Write(write, "schedule.update", schedule.id);
}

AuditEntry ScheduleStoreContract::Delete(const StoredSchedule& stored) {
  WriteSet write;
  write.deleted = {KeyOf(stored)};
  return Write(write, "schedule.delete", stored.schedule.id);
}

void ScheduleStoreContract::Lead() { ASSERT_OK(store_->RaiseFence(kToken, "node-1")); }

CommitResult ScheduleStoreContract::Commit(const std::vector<Fire>& fires) {
  FireBatch batch;
  batch.fires = fires;
  const FireKey& last = fires.back().key;
  batch.cursors = {
      {.schedule = last.schedule, .cursor = {last.due_at, static_cast<int64_t>(fires.size())}}};
  absl::StatusOr<CommitResult> result = store_->CommitFires(kToken, batch);
  EXPECT_OK(result);
  return result.ok() ? *result : CommitResult();
}

Fire ScheduleStoreContract::InsertWithFire(const std::string& name, double due) {
  const StoredSchedule stored = Sample(name);
  Insert({stored});
  const Fire fire = AutomaticFire(stored.schedule.id, At(due));
  EXPECT_EQ(Commit({fire}).advanced, std::vector<bool>{true});
  return fire;
}

Fire ScheduleStoreContract::Read(const Fire& fire) {
  absl::StatusOr<NamedFire> found = store_->GetFire(fire.id);
  EXPECT_OK(found);
  return found.ok() ? found->fire : Fire();
}

std::vector<std::string> ScheduleStoreContract::NamesOf(const SchedulePage& page) {
  std::vector<std::string> names;
  for (const StoredSchedule& stored : page.schedules) names.push_back(stored.schedule.name);
  return names;
}

std::vector<std::string> ScheduleStoreContract::ListAll(ScheduleQuery query, int limit) {
  std::vector<std::string> all;
  query.limit = limit;
  do {
    absl::StatusOr<SchedulePage> page = store_->ListSchedules(query);
    EXPECT_OK(page);
    if (!page.ok()) break;
    EXPECT_LE(static_cast<int>(page->schedules.size()), limit);
    for (const std::string& name : NamesOf(*page)) all.push_back(name);
    query.after = page->next;
  } while (!query.after.empty());
  return all;
}

std::vector<Fire> ScheduleStoreContract::ListAllFires(FireQuery query, int limit) {
  std::vector<Fire> all;
  query.limit = limit;
  do {
    absl::StatusOr<FirePage> page = store_->ListFires(query);
    EXPECT_OK(page);
    if (!page.ok()) break;
    EXPECT_LE(static_cast<int>(page->fires.size()), limit);
    for (const NamedFire& fire : page->fires) all.push_back(fire.fire);
    query.after = page->next;
  } while (!query.after.empty());
  return all;
}

std::vector<Fire> ScheduleStoreContract::Pending() {
  std::vector<Fire> fires;
  absl::StatusOr<std::vector<PendingFire>> pending = store_->LoadPending(0, 1000);
  EXPECT_OK(pending);
  if (!pending.ok()) return fires;
  for (const PendingFire& one : *pending) fires.push_back(one.fire);
  return fires;
}

}  // namespace z4j::scheduler
