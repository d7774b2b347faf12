#include "services/consensus/storage/contract/log_storage_contract.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "services/consensus/storage/memory_log_storage.h"
#include "services/consensus/storage/posix_disk.h"
#include "services/consensus/storage/testing/simulated_disk.h"
#include "services/consensus/storage/wal_storage.h"

namespace z4j::consensus {
namespace {

// Small, so that the tests go over the borders of segments.
const WalOptions kOptions = {.segment_bytes = 8192};

class MemoryHome : public StorageHome {
 public:
  MemoryHome(const NodeIdentity& identity, const Config& first)
      : first_(std::make_unique<MemoryLogStorage>(identity, first)) {}
  std::unique_ptr<LogStorage> Open(std::unique_ptr<LogStorage> before) override {
    if (before == nullptr) return std::move(first_);
    return dynamic_cast<MemoryLogStorage&>(*before).Reopen();
  }

 private:
  std::unique_ptr<LogStorage> first_;
};

class WalHome : public StorageHome {
 public:
  WalHome(std::unique_ptr<Disk> disk, const NodeIdentity& identity, const Config& first)
      : disk_(std::move(disk)) {
    EXPECT_OK(CreateStorage(*disk_, identity, first, kOptions));
  }
  ~WalHome() override {
    disk_.reset();
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  void RemoveAtEnd(std::string directory) { directory_ = std::move(directory); }

  std::unique_ptr<LogStorage> Open(std::unique_ptr<LogStorage> before) override {
    before.reset();
    absl::StatusOr<std::unique_ptr<LogStorage>> storage = OpenStorage(*disk_, {}, kOptions);
    EXPECT_OK(storage);
    return storage.ok() ? *std::move(storage) : nullptr;
  }

 private:
  std::unique_ptr<Disk> disk_;
  std::string directory_;
};

std::unique_ptr<StorageHome> MakePosixHome(const NodeIdentity& identity, const Config& first) {
  std::string directory = testing::TempDir() + "z4j-wal-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) return nullptr;
  absl::StatusOr<std::unique_ptr<Disk>> disk = OpenPosixDisk(directory);
  EXPECT_OK(disk);
  if (!disk.ok()) return nullptr;
  auto home = std::make_unique<WalHome>(*std::move(disk), identity, first);
  home->RemoveAtEnd(directory);
  return home;
}

INSTANTIATE_TEST_SUITE_P(
    All, LogStorageContract,
    testing::Values(StorageUnderTest{"Memory",
                                     [](const NodeIdentity& identity, const Config& first) {
                                       return std::make_unique<MemoryHome>(identity, first);
                                     }},
                    StorageUnderTest{"WalOnSimulatedDisk",
                                     [](const NodeIdentity& identity, const Config& first) {
                                       return std::make_unique<WalHome>(
                                           std::make_unique<SimulatedDisk>(), identity, first);
                                     }},
                    StorageUnderTest{"WalOnPosixDisk", MakePosixHome}),
    NameOfStorage);

}  // namespace
}  // namespace z4j::consensus
