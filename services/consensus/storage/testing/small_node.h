#ifndef Z4J_CONSENSUS_STORAGE_TESTING_SMALL_NODE_H_
#define Z4J_CONSENSUS_STORAGE_TESTING_SMALL_NODE_H_

#include <memory>
#include <string>

#include "services/consensus/storage/testing/simulated_disk.h"
#include "services/consensus/storage/wal_storage.h"

// A node's directory with segments of 4 KiB on a simulated disk, for tests of single faults.
namespace z4j::consensus {

inline constexpr NodeIdentity kSmallIdentity = {{11}, {1}, {33}};
WalOptions SmallSegments();
Config OneVoter();

std::unique_ptr<SimulatedDisk> MakeSmallNode();
absl::StatusOr<std::unique_ptr<LogStorage>> OpenSmallNode(Disk& disk);

// One synced entry of term 1.
Write SmallEntry(uint64_t index, size_t bytes = 100);
Write SmallVote(uint64_t term, uint64_t vote);

// Appends entries one by one until the log has `segments` segments; returns the last index.
uint64_t FillSegments(SimulatedDisk& disk, LogStorage& storage, uint64_t first, size_t segments);
size_t CountFiles(SimulatedDisk& disk, const std::string& prefix);

// A snapshot at `index`, term 1.
absl::Status WriteSmallSnapshot(LogStorage& storage, uint64_t index, const std::string& state);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_TESTING_SMALL_NODE_H_
