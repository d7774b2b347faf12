#ifndef Z4J_SCHEDULER_LOOP_TESTING_LOOP_WORLD_H_
#define Z4J_SCHEDULER_LOOP_TESTING_LOOP_WORLD_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/base/testing/simulated_clock.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/core/run_retry.h"
#include "services/scheduler/dispatch/dispatcher.h"
#include "services/scheduler/dispatch/testing/memory_link.h"
#include "services/scheduler/dispatch/update_writer.h"
#include "services/scheduler/elect/testing/fake_elector.h"
#include "services/scheduler/loop/fire_loop.h"
#include "services/scheduler/store/memory_schedule_store.h"
#include "services/scheduler/store/testing/faulty_store.h"

// A scheduler without threads, network or disk, whose time is told: for tests of the loop.
namespace z4j::scheduler {

// Remembers what the loop asked for; the test carries it out, or does not.
struct RecordedChanges final : StateChanges {
  void Finish(const ScheduleKey& key) override { finished.insert(key.name); }
  void Quarantine(const ScheduleKey& key, const std::string& reason) override {
    quarantined[key.name] = reason;
  }
  void Resume(const ScheduleKey& key) override { resumed.insert(key.name); }

  std::set<std::string> finished, resumed;
  std::map<std::string, std::string> quarantined;
};

// One node: its loop, and one adapter that a test may take away.
class LoopNode {
 public:
  LoopNode(const std::string& name, ScheduleStore& store, SimulatedClock& clock,
           Dispatcher::Options options = {.balance = Balance::kLeastLoaded,
                                          .seed = 1,
                                          .on_ended = [](auto) {}})
      : writer(store, clock, nullptr),
        dispatcher(writer, clock, nullptr, options),
        loop(store, elector, dispatcher, writer, changes, clock, nullptr,
             {.node = name,
              .retention = absl::Hours(24),
              .on_data_loss = [](const absl::Status&) {},
              .on_role = [](bool) {}}) {}

  void Connect(std::shared_ptr<MemoryLink> link) {
    links.push_back(link);
    dispatcher.OnConnected(link);
  }
  void Disconnect(const std::shared_ptr<MemoryLink>& link) {
    link->Close();
    dispatcher.OnDisconnected(*link);
    std::erase(links, link);
  }

  // Turns loop, dispatcher, adapters and writer until nothing moves.
  void Settle() {
    for (int round = 0; round < 1000; ++round) {
      bool moved = loop.RunOnce() == absl::ZeroDuration();
      dispatcher.RunOnce();
      moved |= Answer();
      while (writer.queued() > 0 && writer.FlushOnce()) moved = true;
      if (!moved && round > 0) return;
    }
  }
  bool Answer() {
    bool any = false;
    for (const auto& link : std::vector(links)) {
      const std::vector<DispatchItem> items = link->TakeSent();
      if (items.empty()) continue;
      any = true;
      std::vector<DispatchResult> results;
      for (const DispatchItem& item : items) {
        const DispatchCode code = answer(item);
        results.push_back({item.key, item.id, code, ""});
        if (code == DispatchCode::kAccepted) accepted.push_back(item);
      }
      dispatcher.OnResults(*link, results);
    }
    return any;
  }
  // The engine tells how a run went.
  void Tell(const DispatchItem& item, FireState state, absl::Time at) {
    Outcome outcome;
    outcome.key = item.key;
    outcome.id = item.id;
    outcome.state = state;
    outcome.at = at;
    dispatcher.OnOutcomes(*links.front(), {outcome}, [](bool) {});
  }

  FakeElector elector;
  RecordedChanges changes;
  UpdateWriter writer;
  Dispatcher dispatcher;
  FireLoop loop;
  std::vector<std::shared_ptr<MemoryLink>> links;
  std::function<DispatchCode(const DispatchItem&)> answer = [](const DispatchItem&) {
    return DispatchCode::kAccepted;
  };
  std::vector<DispatchItem> accepted;  // In order.
};

class LoopWorld {
 public:
  explicit LoopWorld(absl::Time start) : clock(start), memory(clock), store(memory) {}

  static ScheduleId IdOf(int number) {
    ScheduleId id;
    for (int i = 0; i < 4; ++i) id.value.bytes[15 - i] = static_cast<uint8_t>(number >> (8 * i));
    id.value.bytes[0] = 1;
    return id;
  }

  // An interval of one minute on the whole minute, created now, named "s<number>".
  Schedule Make(int number, absl::Duration period = absl::Minutes(1)) {
    Schedule schedule;
    schedule.id = IdOf(number);
    schedule.project = "default";
    schedule.name = "s" + std::to_string(number);
    schedule.engine = "celery";
    schedule.task = "app.tasks.work";
    schedule.spec = IntervalSpec{period, absl::UnixEpoch(), Arithmetic::kAbsolute};
    schedule.created_at = schedule.updated_at = clock.Now();
    return schedule;
  }
  void Insert(const std::vector<Schedule>& schedules,
              std::optional<absl::Time> watermark = std::nullopt) {
    WriteSet writes;
    for (const Schedule& schedule : schedules) {
      writes.inserted.push_back(
          {schedule, {.watermark = watermark.value_or(clock.Now()), .fires = 0}});
    }
    Write("schedule.create", schedules.front(), std::move(writes));
  }
  void Update(const Schedule& schedule, std::optional<absl::Time> watermark = std::nullopt) {
    WriteSet writes;
    writes.updated.push_back(schedule);
    if (watermark.has_value()) writes.watermarks.emplace_back(schedule.id, *watermark);
    Write("schedule.update", schedule, std::move(writes));
  }
  void Delete(const Schedule& schedule) {
    WriteSet writes;
    writes.deleted.push_back({schedule.project, schedule.name});
    Write("schedule.delete", schedule, std::move(writes));
  }
  Fire Trigger(const Schedule& schedule, uint8_t number) {
    Fire fire;
    fire.key = {schedule.id, clock.Now(), {}};
    fire.key.trigger.bytes[0] = number;
    fire.id = MakeFireId(fire.key);
    fire.kind = FireKind::kManual;
    fire.dispatch_after = fire.decided_at = fire.first_due_at = clock.Now();
    WriteSet writes;
    writes.fires.push_back(fire);
    Write("schedule.trigger", schedule, std::move(writes));
    return fire;
  }
  void Retry(const Schedule& schedule, const Fire& fire) {
    WriteSet writes;
    writes.fires.push_back(RetryOf(fire, clock.Now(), clock.Now()));
    Write("fire.retry", schedule, std::move(writes));
  }
  void CancelFire(const Schedule& schedule, const Fire& fire) {
    WriteSet writes;
    writes.cancelled.push_back(fire.key);
    Write("fire.cancel", schedule, std::move(writes),
          "projects/default/schedules/" + schedule.name + "/fires/" + fire.id.ToString());
  }

  // Every fire row of the schedule, oldest first.
  std::vector<Fire> Rows(const Schedule& schedule) { return AllRows(schedule.id); }
  // Of all schedules without one.
  std::vector<Fire> AllRows(std::optional<ScheduleId> schedule = std::nullopt) {
    FireQuery query;
    query.project = "default";
    query.schedule = schedule;
    query.ascending = true;
    query.limit = 1000;
    std::vector<Fire> rows;
    while (true) {
      const auto page = memory.ListFires(query);
      for (const NamedFire& named : page->fires) rows.push_back(named.fire);
      if (page->next.empty()) return rows;
      query.after = page->next;
    }
  }
  std::vector<FireState> States(const Schedule& schedule) {
    std::vector<FireState> states;
    for (const Fire& fire : Rows(schedule)) states.push_back(fire.state);
    return states;
  }

  // Time passes in steps, and each node does what there is to do after each.
  void Run(absl::Duration total, absl::Duration step, const std::vector<LoopNode*>& nodes) {
    for (absl::Duration done; done < total; done += step) {
      clock.Advance(step);
      for (LoopNode* node : nodes) node->Settle();
    }
  }

  SimulatedClock clock;
  MemoryScheduleStore memory;
  FaultyStore store;

 private:
  void Write(const std::string& action, const Schedule& schedule, WriteSet writes,
             std::string resource = "") {
    const absl::Status status = memory.Transact({}, {}, [&](const ReadSet& read) {
      AuditEntry entry;
      entry.seq = read.head.seq;
      size_t entries = std::max<size_t>(writes.inserted.size(), 1);
      for (size_t i = 0; i < entries; ++i) {
        ++entry.seq;
        entry.at = clock.Now();
        entry.action = action;
        entry.resource =
            resource.empty() ? "projects/default/schedules/" + schedule.name : resource;
        entry.schedule = i < writes.inserted.size() ? writes.inserted[i].schedule.id : schedule.id;
        writes.audit.push_back(entry);
      }
      writes.head.seq = entry.seq;
      return absl::StatusOr<WriteSet>(std::move(writes));
    });
    EXPECT_OK(status);
  }
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_LOOP_TESTING_LOOP_WORLD_H_
