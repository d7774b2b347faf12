#ifndef Z4J_CONSENSUS_STORAGE_MEMORY_LOG_STORAGE_H_
#define Z4J_CONSENSUS_STORAGE_MEMORY_LOG_STORAGE_H_

#include <memory>
#include <string>

#include "services/consensus/storage/log_storage.h"

namespace z4j::consensus {

// A LogStorage that keeps everything in memory, and everything at once: the twin for tests and for
// demonstrations that need no disk.
class MemoryLogStorage : public LogStorage {
 public:
  MemoryLogStorage(const NodeIdentity& identity, const Config& first);
  ~MemoryLogStorage() override;

  // The storage as another process would open it after this one; this one must not be used again.
  std::unique_ptr<MemoryLogStorage> Reopen() const;

  const Recovered& recovered() const override { return recovered_; }
  const std::string& damage() const override { return no_damage_; }
  const NodeIdentity& identity() const override;
  absl::Status Append(const std::vector<Write>& writes) override;
  absl::Status Prepare() override { return absl::OkStatus(); }
  absl::Status PrepareSome() override { return absl::OkStatus(); }
  absl::Status Compact(Index first) override;
  absl::StatusOr<std::unique_ptr<SnapshotWriter>> WriteSnapshot(const SnapshotMeta& meta,
                                                                const std::string& source) override;
  absl::StatusOr<std::unique_ptr<SnapshotReader>> NewestSnapshot() override;
  uint64_t bytes_used() const override;

 private:
  class State;
  class Writer;
  class Reader;

  explicit MemoryLogStorage(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
  Recovered recovered_;
  const std::string no_damage_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_MEMORY_LOG_STORAGE_H_
