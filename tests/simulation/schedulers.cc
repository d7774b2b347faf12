#include "tests/simulation/schedulers.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/check.h"

namespace z4j::simulation {

Schedulers::Schedulers(World& world, const Options& options, Oracle& oracle)
    : world_(world),
      options_(options),
      oracle_(world, oracle),
      database_(world, oracle_),
      engine_(world, options, oracle_),
      users_(world, options) {
  for (int i = 1; i <= options_.schedules; ++i) {
    Database::Statement statement = database_.Change(users_.Make(i), absl::ZeroDuration());
    statement.begun();
    statement.commit({});
  }
  Z4J_CHECK(database_.tables().CountSchedules()->at(scheduler::ScheduleState::kEnabled) ==
            options_.schedules);
}

Schedulers::~Schedulers() {
  for (auto& [id, machine] : machines_) Stopped(id);
}

void Schedulers::SomeoneAsks() {
  auto it = machines_.begin();
  std::advance(it, world_.random().Below(machines_.size()));
  const Machine& machine = it->second;
  absl::Duration clock_ahead = machine.wall_clock_ahead;
  // It stood still after it had looked at its clock.
  if (world_.random().OneIn(3))
    clock_ahead -= world_.Between(absl::ZeroDuration(), absl::Seconds(3));
  machine.way->Send(database_.Change(users_.Draw(), clock_ahead), [](bool) {});
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

void Schedulers::Stop(NodeId node, std::function<void()> stopped) {
  Machine& machine = machines_.at(node);
  if (machine.process != nullptr) machine.process->Stop(std::move(stopped));
}

void Schedulers::AskToHandOver(NodeId node) {
  Machine& machine = machines_.at(node);
  if (machine.process != nullptr) machine.process->AskToHandOver();
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
