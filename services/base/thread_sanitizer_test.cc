// That ThreadSanitizer's word can be taken; in the tsan preset alone.  It reports what nothing
// orders, and is silent about what Abseil orders: a report makes the whole program exit with
// kReported, so that a silent case needs no assertion about it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace z4j {
namespace {

constexpr int kReported = 66;
constexpr int kSteps = 1000;

void OnTwoThreads(absl::FunctionRef<void()> one, absl::FunctionRef<void()> other) {
  std::thread first(one);
  std::thread second(other);
  first.join();
  second.join();
}

[[noreturn]] void ShareWithoutLock() {
  int shared = 0;
  OnTwoThreads([&] { ++shared; }, [&] { ++shared; });
  std::exit(0);
}

[[noreturn]] void ShareUnderDifferentLocks() {
  absl::Mutex one;
  absl::Mutex other;
  int shared = 0;
  const auto step = [&shared](absl::Mutex& mu) {
    absl::MutexLock lock(&mu);
    ++shared;
  };
  OnTwoThreads([&] { step(one); }, [&] { step(other); });
  std::exit(0);
}

TEST(ThreadSanitizerDeathTest, ReportsWhatNoLockGuards) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(ShareWithoutLock(), testing::ExitedWithCode(kReported), "data race");
}

TEST(ThreadSanitizerDeathTest, ReportsWhatTwoDifferentLocksGuard) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(ShareUnderDifferentLocks(), testing::ExitedWithCode(kReported), "data race");
}

TEST(ThreadSanitizerTest, IsSilentAboutWhatAMutexGuards) {
  absl::Mutex mu;
  std::vector<int> shared;
  const auto push = [&] {
    for (int i = 0; i < kSteps; ++i) {
      absl::MutexLock lock(&mu);
      shared.push_back(i);
    }
  };
  OnTwoThreads(push, push);
  EXPECT_EQ(shared.size(), 2 * kSteps);
}

TEST(ThreadSanitizerTest, IsSilentAboutReadersAndAWriter) {
  absl::Mutex mu;
  std::vector<int> shared;
  const auto write = [&] {
    for (int i = 0; i < kSteps; ++i) {
      absl::WriterMutexLock lock(&mu);
      shared.push_back(i);
    }
  };
  const auto read = [&] {
    for (bool last = false; !last;) {
      absl::ReaderMutexLock lock(&mu);
      last = shared.size() == kSteps;
    }
  };
  OnTwoThreads(write, read);
}

TEST(ThreadSanitizerTest, IsSilentAboutWhatAnAwaitedConditionOrders) {
  absl::Mutex mu;
  int turn = 0;
  std::vector<int> shared;
  const auto play = [&](int own) {
    const auto is_own = [&] { return turn == own; };
    for (int i = 0; i < kSteps; ++i) {
      mu.LockWhen(absl::Condition(&is_own));
      shared.push_back(own);
      turn = 1 - own;
      mu.Unlock();
    }
  };
  OnTwoThreads([&] { play(0); }, [&] { play(1); });
  EXPECT_EQ(shared.size(), 2 * kSteps);
}

TEST(ThreadSanitizerTest, IsSilentAboutWhatANotificationOrders) {
  absl::Notification ready;
  std::vector<int> shared;
  OnTwoThreads(
      [&] {
        shared.push_back(1);
        ready.Notify();
      },
      [&] {
        ready.WaitForNotification();
        shared.push_back(2);
      });
  EXPECT_EQ(shared.size(), 2);
}

TEST(ThreadSanitizerTest, IsSilentAboutWhatAConditionVariableOrders) {
  absl::Mutex mu;
  absl::CondVar changed;
  std::vector<int> shared;
  OnTwoThreads(
      [&] {
        for (int i = 0; i < kSteps; ++i) {
          absl::MutexLock lock(&mu);
          shared.push_back(i);
          changed.Signal();
        }
      },
      [&] {
        absl::MutexLock lock(&mu);
        while (shared.size() < kSteps) changed.WaitWithTimeout(&mu, absl::Milliseconds(1));
      });
}

}  // namespace
}  // namespace z4j
