#include "services/base/monotone_mutex.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "services/base/virtual_sleep.h"

namespace z4j {
namespace {

std::atomic<int64_t> wall_clock_ahead_s = 0;

}  // namespace
}  // namespace z4j

// These stand before libc's in the whole program.
extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, time));
  if (clock == CLOCK_REALTIME) time->tv_sec += z4j::wall_clock_ahead_s;
  return result;
}

extern "C" int gettimeofday(timeval* time, void*) noexcept {
  timespec now;
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  *time = {now.tv_sec, now.tv_nsec / 1000};
  return result;
}

namespace z4j {
namespace {

TEST(MonotoneMutexTest, AWallClockThatIsSetBackProlongsNoWait) {
  const absl::Time before = absl::Now();
  // Whoever reckons until when to wait by a clock an hour ahead of the kernel's is where one is
  // whose clock is set back by an hour while it waits.
  wall_clock_ahead_s = 3600;
  ASSERT_GE(absl::Now(), before + absl::Hours(1));
  const bool never = false;
  MonotoneMutex mu;
  {
    MonotoneMutexLock lock(&mu);
    EXPECT_FALSE(mu.AwaitAtMost(absl::Milliseconds(20), absl::Condition(&never)));
  }
  wall_clock_ahead_s = 0;
}

TEST(MonotoneMutexTest, WhoUnlocksWakesWhoeverWaitsForWhatChanged) {
  MonotoneMutex mu;
  bool one = false;
  bool other = false;
  std::thread waiter([&] {
    MonotoneMutexLock lock(&mu);
    EXPECT_TRUE(mu.AwaitAtMost(absl::Hours(2), absl::Condition(&one)));
    other = true;
    // Waiting unlocks too: it must wake the thread below.
    const auto none = [&] { return !one; };
    mu.Await(absl::Condition(&none));
  });
  {
    MonotoneMutexLock lock(&mu);
    one = true;
    mu.Await(absl::Condition(&other));
    one = false;
  }
  waiter.join();
}

TEST(MonotoneMutexTest, NoneOfManyWaitersIsForgottenAndNoneTakesWhatAnotherTook) {
  constexpr int kThreads = 8;
  constexpr int kTurns = 200;
  MonotoneMutex mu;
  int given = 0;
  int taken = 0;
  std::vector<std::thread> takers;
  for (int i = 0; i < kThreads; ++i) {
    takers.emplace_back([&] {
      for (int turn = 0; turn < kTurns; ++turn) {
        MonotoneMutexLock lock(&mu);
        const auto some = [&] { return given > 0; };
        mu.Await(absl::Condition(&some));
        EXPECT_GT(given, 0);
        --given;
        ++taken;
      }
    });
  }
  for (int i = 0; i < kThreads * kTurns; ++i) {
    MonotoneMutexLock lock(&mu);
    ++given;
  }
  for (std::thread& taker : takers) taker.join();
  EXPECT_EQ(taken, kThreads * kTurns);
  EXPECT_EQ(given, 0);
}

TEST(MonotoneMutexTest, WhatHoldsAlreadyOrAtTheEndIsNotWaitedFor) {
  MonotoneMutex mu;
  const bool holds = true;
  const bool never = false;
  MonotoneMutexLock lock(&mu);
  EXPECT_TRUE(mu.AwaitAtMost(absl::InfiniteDuration(), absl::Condition(&holds)));
  EXPECT_FALSE(mu.AwaitAtMost(absl::ZeroDuration(), absl::Condition(&never)));
  EXPECT_FALSE(mu.AwaitAtMost(-absl::InfiniteDuration(), absl::Condition(&never)));
}

TEST(MonotoneMutexTest, InASimulationWaitsTakeVirtualTimeAndNoOther) {
  static absl::Duration passed;
  static MonotoneMutex mu;
  virtual_sleep = [](absl::Duration duration) {
    MonotoneMutexLock lock(&mu);  // Whoever waits does not hold it.
    passed += duration;
  };
  const bool never = false;
  const auto soon = [] { return passed >= absl::Milliseconds(7); };
  {
    MonotoneMutexLock lock(&mu);
    EXPECT_TRUE(mu.AwaitAtMost(absl::Hours(1), absl::Condition(&soon)));
    EXPECT_EQ(passed, absl::Milliseconds(7));
    EXPECT_FALSE(mu.AwaitAtMost(absl::Microseconds(2500), absl::Condition(&never)));
    EXPECT_EQ(passed, absl::Microseconds(9500));
  }
  virtual_sleep = nullptr;
}

}  // namespace
}  // namespace z4j
