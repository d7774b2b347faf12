#include "tests/simulation/fiber.h"

#include <utility>

#include "services/base/check.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace z4j::simulation {
namespace {

// Turns of the fire loop take a few kilobytes; sanitizers many times that.
constexpr size_t kStackBytes = 512 * 1024;

thread_local Fiber* current = nullptr;

}  // namespace

Fiber::Fiber(std::function<void()> body) : body_(std::move(body)) {}

Fiber::~Fiber() {
  Z4J_CHECK(!begun_ || ended_);
#if defined(__SANITIZE_THREAD__)
  if (own_tsan_ != nullptr) __tsan_destroy_fiber(own_tsan_);
#endif
}

void Fiber::Resume() {
  Z4J_CHECK(current == nullptr && !ended_);
  if (!std::exchange(begun_, true)) {
    stack_.reset(new char[kStackBytes]);  // Not zeroed: pages that are not used cost nothing.
    getcontext(&own_);
    own_.uc_stack.ss_sp = stack_.get();
    own_.uc_stack.ss_size = kStackBytes;
    own_.uc_link = nullptr;
    makecontext(&own_, &Fiber::Enter, 0);
#if defined(__SANITIZE_THREAD__)
    own_tsan_ = __tsan_create_fiber(0);
#endif
  }
  current = this;
  SwitchIn();
  current = nullptr;
  if (ended_) stack_.reset();
}

void Fiber::Wait() { current->SwitchOut(); }

void Fiber::Enter() {
  Fiber* const self = current;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &self->back_stack_, &self->back_stack_bytes_);
#endif
  self->body_();
  self->ended_ = true;
  self->SwitchOut();
}

void Fiber::SwitchIn() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&back_fake_stack_, stack_.get(), kStackBytes);
#endif
#if defined(__SANITIZE_THREAD__)
  back_tsan_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(own_tsan_, 0);
#endif
  swapcontext(&back_, &own_);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(back_fake_stack_, nullptr, nullptr);
#endif
}

void Fiber::SwitchOut() {
#if defined(__SANITIZE_ADDRESS__)
  // Whoever has ended does not come back: its fake stack goes.
  __sanitizer_start_switch_fiber(ended_ ? nullptr : &own_fake_stack_, back_stack_,
                                 back_stack_bytes_);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(back_tsan_, 0);
#endif
  swapcontext(&own_, &back_);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(own_fake_stack_, &back_stack_, &back_stack_bytes_);
#endif
}

}  // namespace z4j::simulation
