#ifndef Z4J_TESTS_SIMULATION_FIBER_H_
#define Z4J_TESTS_SIMULATION_FIBER_H_

#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>

namespace z4j::simulation {

// A function that can stop in its midst and go on later: so code that waits for a database or for
// another node runs unchanged in a simulation of one thread.  All of a fiber's life is on the
// thread that made it.
class Fiber {
 public:
  explicit Fiber(std::function<void()> body);
  ~Fiber();  // The body has ended, or never began.
  Fiber(const Fiber&) = delete;

  // Lets the body begin, or go on, until it waits or ends.  Not within a fiber.
  void Resume();
  bool ended() const { return ended_; }

  // Of the body: goes back to whoever resumed it, and returns when it is resumed again.
  static void Wait();

 private:
  static void Enter();
  void SwitchIn();
  void SwitchOut();

  const std::function<void()> body_;
  bool begun_ = false;
  bool ended_ = false;
  std::unique_ptr<char[]> stack_;
  ucontext_t own_{}, back_{};

  // What sanitizers are told; unused without one.
  void* own_fake_stack_ = nullptr;
  void* back_fake_stack_ = nullptr;
  const void* back_stack_ = nullptr;
  size_t back_stack_bytes_ = 0;
  void* own_tsan_ = nullptr;
  void* back_tsan_ = nullptr;
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_FIBER_H_
