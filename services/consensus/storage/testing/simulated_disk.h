#ifndef Z4J_CONSENSUS_STORAGE_TESTING_SIMULATED_DISK_H_
#define Z4J_CONSENSUS_STORAGE_TESTING_SIMULATED_DISK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "services/consensus/storage/disk.h"

// A disk in memory that forgets what a real one may forget: a page cache over sectors of 512
// bytes, and names that are durable only after SyncDirectory().  Equal calls and equal random
// numbers give equal disks.
//
// A sector is atomic: a crash keeps its old or its new bytes, never a mixture.
namespace z4j::consensus {

inline constexpr size_t kSectorBytes = 512;

// Uniform over all 64-bit numbers; the caller's own generator.
using RandomBits = std::function<uint64_t()>;

// Not thread-safe.
class SimulatedDisk : public Disk {
 public:
  struct Options {
    uint64_t capacity_bytes = UINT64_MAX;
    // Called at each Sync() and SyncDirectory() before it takes effect, with the file's name (""
    // for the directory): a simulation advances its clock here.
    std::function<void(std::string_view name)> on_sync;
  };
  struct Counts {
    uint64_t writes = 0;
    uint64_t syncs = 0;  // Of files.
    uint64_t directory_syncs = 0;
  };

  SimulatedDisk() = default;
  explicit SimulatedDisk(Options options) : options_(std::move(options)) {}

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& name, bool create) override;
  absl::StatusOr<std::vector<std::string>> List() override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& name) override;
  absl::Status SyncDirectory() override;
  absl::StatusOr<uint64_t> FreeBytes() override;

  // The power fails: of each file any subset of the unsynced sectors survives, perhaps not its new
  // size; of the changes of names since SyncDirectory() a beginning or any subset.  Files opened
  // before answer UNAVAILABLE from now on.
  void Crash(const RandomBits& random);
  // The process dies and the machine lives: nothing is lost.
  void Restart();
  // The machine drops its clean pages: what a failed Sync() did not write is gone.
  void DropCaches();

  // After `operations` more writes, syncs, truncations and changes of names, each further one fails
  // (a write having written a part), until Crash() or Restart().
  void FailAfter(uint64_t operations) { operations_left_ = operations; }
  // The next Sync() fails with DATA_LOSS, and its sectors count as clean although they are not on
  // the disk, as Linux has it.
  void FailNextSync() { fail_next_sync_ = true; }
  void SetCapacity(uint64_t bytes) { options_.capacity_bytes = bytes; }

  // Rot: the byte at `offset`, as cached and as stored, becomes itself XOR `mask`.
  void Flip(const std::string& name, uint64_t offset, uint8_t mask);
  // As Flip with random masks and places: `bytes` of them within [from, to).
  void Rot(const std::string& name, uint64_t from, uint64_t to, int bytes,
           const RandomBits& random);

  // What a reader sees now; the empty text if there is no such file.
  std::string Contents(const std::string& name) const;
  // A disk of its own in the same state.  Files that are open do not follow.
  std::unique_ptr<SimulatedDisk> Clone() const;
  const Counts& counts() const { return counts_; }

 private:
  friend class SimulatedFile;
  struct Node {
    std::string visible;
    std::string durable;
    std::set<uint64_t> dirty;  // Sectors of `visible` to be written.
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;
  // One change of names: `node` set: create it as `to`; else rename `from`, or remove it.
  struct Change {
    std::shared_ptr<Node> node;
    std::string from;
    std::optional<std::string> to;
  };

  static void Apply(const Change& change, Names& names);
  static void CrashNode(Node& node, const RandomBits& random);
  absl::Status CountOperation();
  uint64_t Free() const;

  Options options_;
  Names names_;
  Names durable_names_;
  std::vector<Change> changes_;  // Since SyncDirectory().
  uint64_t generation_ = 0;      // Of open files; a crash begins the next.
  std::optional<uint64_t> operations_left_;
  bool fail_next_sync_ = false;
  Counts counts_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_TESTING_SIMULATED_DISK_H_
