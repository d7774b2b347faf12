#include "tests/simulation/simulated_thread.h"

#include <utility>

namespace z4j::simulation {
namespace {

SimulatedThread* running = nullptr;

}  // namespace

SimulatedThread* SimulatedThread::Current() { return running; }

void SimulatedThread::SleepHere(absl::Duration duration) {
  if (running != nullptr) running->Await(std::make_shared<bool>(false), duration);
}

void SimulatedThread::Start(std::function<void()> body) {
  fiber_ = std::make_unique<Fiber>(std::move(body));
  suspended_ = true;
  GoOnAt(world_.now(), ticket_);
}

void SimulatedThread::Kill() {
  dead_ = true;
  while (fiber_ != nullptr && suspended_ && !fiber_->ended()) {
    suspended_ = false;
    running = this;
    fiber_->Resume();
    running = nullptr;
  }
}

void SimulatedThread::Wake() {
  woken_ = true;
  Look();
}

void SimulatedThread::Look() {
  if (suspended_) GoOnAt(world_.now(), ticket_);
}

void SimulatedThread::Sleep(absl::Duration duration) {
  const Instant until = world_.now() + duration;
  while (!dead_ && !woken_ && world_.now() < until) Suspend(until);
  woken_ = false;
}

bool SimulatedThread::Await(const std::shared_ptr<bool>& done, absl::Duration patience) {
  const Instant until = world_.now() + patience;
  while (!dead_ && !*done && world_.now() < until) Suspend(until);
  return *done;
}

void SimulatedThread::Suspend(Instant until) {
  suspended_ = true;
  ++ticket_;
  if (until < absl::InfiniteDuration()) GoOnAt(until, ticket_);
  running = nullptr;
  Fiber::Wait();
}

void SimulatedThread::GoOnAt(Instant when, uint64_t ticket) {
  world_.At(when, [self = weak_from_this(), ticket] {
    if (const auto thread = self.lock()) thread->GoOn(ticket);
  });
}

void SimulatedThread::GoOn(uint64_t ticket) {
  if (dead_ || !suspended_ || ticket != ticket_) return;
  if (world_.now() < still_until_()) return GoOnAt(still_until_(), ticket);
  suspended_ = false;
  running = this;
  fiber_->Resume();
  running = nullptr;
}

}  // namespace z4j::simulation
