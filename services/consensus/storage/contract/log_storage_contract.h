#ifndef Z4J_CONSENSUS_STORAGE_CONTRACT_LOG_STORAGE_CONTRACT_H_
#define Z4J_CONSENSUS_STORAGE_CONTRACT_LOG_STORAGE_CONTRACT_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/storage/log_storage.h"

// What every LogStorage promises, as tests.  A storage's own test links the library
// z4j_consensus_storage_contract and says how to make one:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, LogStorageContract, testing::Values(StorageUnderTest{...}),
//                            NameOfStorage);
namespace z4j::consensus {

// Where a storage lives, and its processes one after the other.
class StorageHome {
 public:
  virtual ~StorageHome() = default;
  // The storage as the next process finds it; the one before is gone.
  virtual std::unique_ptr<LogStorage> Open(std::unique_ptr<LogStorage> before) = 0;
};

struct StorageUnderTest {
  std::string name;
  // A fresh one for this identity and first configuration.
  std::function<std::unique_ptr<StorageHome>(const NodeIdentity&, const Config&)> make;
};
inline void PrintTo(const StorageUnderTest& storage, std::ostream* out) { *out << storage.name; }
inline std::string NameOfStorage(const testing::TestParamInfo<StorageUnderTest>& info) {
  return info.param.name;
}

class LogStorageContract : public testing::TestWithParam<StorageUnderTest> {
 protected:
  void SetUp() override;
  void Reopen() {
    storage_ = home_->Open(std::move(storage_));
    ASSERT_NE(storage_, nullptr);
  }
  const Recovered& recovered() const { return storage_->recovered(); }
  // "1:a 2:b": index and data of the recovered entries behind the snapshot.
  std::string Entries() const;
  void WriteSnapshot(const SnapshotMeta& meta, const std::string& bytes);

  static NodeIdentity Identity() { return {{71}, {2}, {0x1234567812345678}}; }
  static Config ThreeVoters();
  static SnapshotMeta Meta(uint64_t index, uint64_t term);
  // Entries of `term` from `from` on, one per text.
  static Write Entries(uint64_t term, uint64_t from, const std::vector<std::string>& texts);
  static Write Vote(uint64_t term, uint64_t vote, uint64_t commit);

  std::unique_ptr<StorageHome> home_;
  std::unique_ptr<LogStorage> storage_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_CONTRACT_LOG_STORAGE_CONTRACT_H_
