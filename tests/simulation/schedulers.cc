#include "tests/simulation/schedulers.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/check.h"

namespace z4j::simulation {

using scheduler::AuditEntry;
using scheduler::ReadSet;
using scheduler::Schedule;
using scheduler::WriteSet;

Schedulers::Schedulers(World& world, const Options& options, Oracle& oracle)
    : world_(world), options_(options), oracle_(world, oracle), database_(world, oracle_) {
  MakeSchedules();
}

Schedulers::~Schedulers() {
  for (auto& [id, machine] : machines_) Stopped(id);
}

void Schedulers::MakeSchedules() {
  WriteSet writes;
  for (int i = 1; i <= options_.schedules; ++i) {
    Schedule schedule;
    schedule.id.value.bytes[15] = static_cast<uint8_t>(i);
    schedule.project = "default";
    schedule.name = absl::StrCat("schedule ", i);
    schedule.engine = "celery";
    schedule.task = "work";
    // About a second, and not all at the same instant.
    const absl::Duration period =
        absl::Seconds(1) + absl::Milliseconds(world_.random().Below(1000));
    schedule.spec = scheduler::IntervalSpec{period, kWorldBegan, scheduler::Arithmetic::kAbsolute};
    schedule.catch_up = static_cast<scheduler::CatchUp>(1 + world_.random().Below(3));
    schedule.retry.initial_backoff = absl::Milliseconds(100);
    schedule.retry.max_backoff = absl::Seconds(1);
    schedule.created_at = schedule.updated_at = kWorldBegan;
    schedule.revision = i;
    AuditEntry entry;
    entry.seq = i;
    entry.at = kWorldBegan;
    entry.action = "schedule.create";
    entry.schedule = schedule.id;
    writes.audit.push_back(std::move(entry));
    oracle_.Made(schedule, kWorldBegan);
    writes.inserted.push_back({std::move(schedule), {.watermark = kWorldBegan, .fires = 0}});
  }
  writes.head.seq = options_.schedules;
  const absl::Status made = database_.tables().Transact(
      {}, {}, [&](const ReadSet&) { return absl::StatusOr<WriteSet>(writes); });
  Z4J_CHECK(made.ok());
}

void Schedulers::Add(Server& server) {
  const absl::Duration off = options_.database.wall_clock_off;
  machines_[server.identity().id] = {&server,
                                     std::make_unique<DatabaseLink>(world_, options_, database_),
                                     world_.Between(-off, off), nullptr};
  if (calm_) machines_[server.identity().id].way->Calm();
}

void Schedulers::Started(NodeId node) {
  Machine& machine = machines_.at(node);
  machine.process = std::make_shared<SchedulerProcess>(
      SchedulerProcess::Around{world_, options_, *machine.server, database_, *machine.way, engine_,
                               oracle_, machine.wall_clock_ahead});
  machine.process->Start();
  if (calm_) machine.process->Calm();
}

void Schedulers::Stopped(NodeId node) {
  const auto process = std::exchange(machines_.at(node).process, nullptr);
  if (process != nullptr) process->Kill();
}

void Schedulers::LeadershipChanged(NodeId node) {
  Machine& machine = machines_.at(node);
  if (machine.process != nullptr) machine.process->LeadershipChanged();
}

void Schedulers::CutOff(NodeId node, absl::Duration duration) {
  world_.Tell([&] { return absl::StrCat("node ", node.value, " is cut off from the database"); });
  machines_.at(node).way->Cut(duration);
}

void Schedulers::Calm() {
  calm_ = true;
  for (auto& [id, machine] : machines_) {
    machine.way->Calm();
    if (machine.process != nullptr) machine.process->Calm();
  }
}

}  // namespace z4j::simulation
