#ifndef Z4J_SCHEDULER_STORE_CONTRACT_SCHEDULE_STORE_CONTRACT_H_
#define Z4J_SCHEDULER_STORE_CONTRACT_SCHEDULE_STORE_CONTRACT_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/store/schedule_store.h"

// What every ScheduleStore promises, as tests.  A store's own test links the library
// z4j_scheduler_store_contract and says how to make one:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, ScheduleStoreContract, testing::Values(StoreUnderTest{...}),
//                            NameOfStore);
namespace z4j::scheduler {

struct StoreUnderTest {
  std::string name;
  // An empty, migrated store on the machine's own clock.  Called once a test, never twice at a
  // time.
  std::function<std::unique_ptr<ScheduleStore>()> make;
};
inline void PrintTo(const StoreUnderTest& store, std::ostream* out) { *out << store.name; }
inline std::string NameOfStore(const testing::TestParamInfo<StoreUnderTest>& info) {
  return info.param.name;
}

// So that a failed expectation is read as values, not as bytes.
void PrintTo(const StoredSchedule& stored, std::ostream* out);
void PrintTo(const Fire& fire, std::ostream* out);

// `seconds` after a fixed instant in the past that has microseconds.
absl::Time At(double seconds);

// An interval schedule of project "p", with an id made from its name, created At(0).
StoredSchedule Sample(const std::string& name);
// One with every field set.
StoredSchedule FullSample(const std::string& name);
ScheduleKey KeyOf(const StoredSchedule& stored);

Fire AutomaticFire(ScheduleId schedule, absl::Time due_at);
Fire ManualFire(ScheduleId schedule, absl::Time due_at, const std::string& request_id);
FireUpdate UpdateOf(const Fire& fire, FireState state, absl::Time at);

class ScheduleStoreContract : public testing::TestWithParam<StoreUnderTest> {
 protected:
  static constexpr FencingToken kToken{7};

  void SetUp() override {
    store_ = GetParam().make();
    ASSERT_NE(store_, nullptr);
  }

  // Each writes with one audit entry, and fails the test if it cannot.  They return the entry.
  AuditEntry Insert(const std::vector<StoredSchedule>& schedules);
  AuditEntry Update(const Schedule& schedule);
  AuditEntry Delete(const StoredSchedule& stored);
  AuditEntry Write(WriteSet write, const std::string& action, ScheduleId about);
  // Writes `write` as it is.
  absl::Status TryWrite(const WriteSet& write);

  // Raises the fence to kToken.
  void Lead();
  // Commits `fires` of one schedule and moves its watermark to the last one's due time.
  CommitResult Commit(const std::vector<Fire>& fires);
  // One schedule of this name with a PENDING fire due At(due).
  Fire InsertWithFire(const std::string& name, double due);

  Fire Read(const Fire& fire);
  std::vector<std::string> NamesOf(const SchedulePage& page);
  // All pages, `limit` at a time.
  std::vector<std::string> ListAll(ScheduleQuery query, int limit);
  std::vector<Fire> ListAllFires(FireQuery query, int limit);
  std::vector<Fire> Pending();

  std::unique_ptr<ScheduleStore> store_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_CONTRACT_SCHEDULE_STORE_CONTRACT_H_
