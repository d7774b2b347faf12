#ifndef Z4J_TESTS_SIMULATION_SIMULATED_THREAD_H_
#define Z4J_TESTS_SIMULATION_SIMULATED_THREAD_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "tests/simulation/fiber.h"
#include "tests/simulation/world.h"

namespace z4j::simulation {

// A thread of a process on a simulated machine.  It waits in virtual time, stands still with its
// machine, and dies with its process: then nothing that it does has any effect, and no wait of it
// lasts, so that it returns from whatever it is in the midst of.
class SimulatedThread : public std::enable_shared_from_this<SimulatedThread> {
 public:
  // `still_until`: until when the machine stands still; the past if it does not.
  SimulatedThread(World& world, std::function<Instant()> still_until)
      : world_(world), still_until_(std::move(still_until)) {}

  // Runs `body` from the next event on.
  void Start(std::function<void()> body);
  // Returns once the body has.  Not within a fiber.
  void Kill();
  bool dead() const { return dead_; }

  // From outside: a Sleep ends, this one or else the next one.
  void Wake();

  // --- On the thread ---
  // Until it is woken, or for `duration`.
  void Sleep(absl::Duration duration);
  // Until `*done`, or for `patience`; Look() has it look.  Returns *done.
  bool Await(const std::shared_ptr<bool>& done, absl::Duration patience);
  void Look();

  // Whose body this is called by; null: it is no such thread.
  static SimulatedThread* Current();
  // What code on such a thread calls for its waits; see services/base/virtual_sleep.h.
  static void SleepHere(absl::Duration duration);

 private:
  void Suspend(Instant until);
  void GoOn(uint64_t ticket);
  void GoOnAt(Instant when, uint64_t ticket);

  World& world_;
  const std::function<Instant()> still_until_;
  std::unique_ptr<Fiber> fiber_;
  bool dead_ = false;
  bool woken_ = false;
  bool suspended_ = false;
  uint64_t ticket_ = 0;  // Of the wait under way: what ends an earlier one is void.
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_SIMULATED_THREAD_H_
