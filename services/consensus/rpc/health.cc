#include "services/consensus/rpc/health.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/consensus/limits.h"

namespace z4j::consensus {
namespace {

// Whoever has not been heard for E is taken for gone; one E more is the margin of a busy machine.
bool OutOfTouch(const NodeHealth& health, absl::Duration election_timeout) {
  return health.in_touch > 2 * election_timeout;
}

// What keeps a node from serving.
std::vector<std::string> Obstacles(const NodeHealth& health, absl::Duration election_timeout) {
  const NodeStatus& status = health.status;
  const RaftStatus& raft = status.raft;
  std::vector<std::string> found;
  if (raft.damaged) {
    found.push_back(
        "The disk lost something that it had confirmed: remove this node and add it "
        "again with a new directory.");
  }
  if (!raft.soft.leader) {
    found.push_back("No leader is known.");
  } else if (OutOfTouch(health, election_timeout)) {
    found.push_back(absl::StrCat(
        raft.soft.role == Role::kLeader ? "No majority has answered for "
                                        : "The leader has not been heard for ",
        absl::FormatDuration(absl::Trunc(health.in_touch, absl::Milliseconds(1))), "."));
  }
  if (status.disk_full) found.push_back("The disk is full: nothing is written until it is not.");
  if (status.disk_stalled || health.oldest_unsynced > election_timeout / 2) {
    found.push_back(absl::StrCat(
        "The disk does not keep up: a write has waited for ",
        absl::FormatDuration(absl::Trunc(health.oldest_unsynced, absl::Milliseconds(1))), "."));
  }
  if (const uint64_t lag = ApplyLag(raft); lag > kApplyLagEntriesMax) {
    found.push_back(absl::StrCat(lag, " decided entries are not applied yet."));
  }
  return found;
}

}  // namespace

uint64_t ApplyLag(const RaftStatus& raft) {
  const Index decided = std::max(raft.commit, raft.decided);
  return decided > raft.applied ? decided - raft.applied : 0;
}

HealthVerdict Judge(const NodeHealth& health, absl::Duration election_timeout,
                    std::optional<uint64_t> disk_free_bytes) {
  HealthVerdict verdict;
  verdict.alarms = Obstacles(health, election_timeout);
  verdict.ready = verdict.alarms.empty();
  if (health.append_p99 > election_timeout / 10) {
    verdict.alarms.push_back(
        absl::StrCat("The disk is slow: one append in a hundred takes more than ",
                     absl::FormatDuration(absl::Trunc(health.append_p99, absl::Microseconds(1))),
                     "; a tenth of the election timeout is too much."));
  }
  if (health.loop_stall > election_timeout / 2) {
    verdict.alarms.push_back(
        absl::StrCat("The node stood still for ",
                     absl::FormatDuration(absl::Trunc(health.loop_stall, absl::Milliseconds(1))),
                     " in the last minute."));
  }
  if (disk_free_bytes && *disk_free_bytes < kDiskFreeBytesMin) {
    verdict.alarms.push_back(
        absl::StrCat("Only ", *disk_free_bytes / (1024 * 1024), " MiB of the disk are free."));
  }
  const RaftStatus& raft = health.status.raft;
  for (const PeerStatus& peer : raft.peers) {
    if (!peer.recently_active) {
      verdict.alarms.push_back(absl::StrCat("Node ", peer.id.value, " does not answer."));
    } else if (raft.last > peer.match && raft.last - peer.match > kTailEntries) {
      verdict.alarms.push_back(
          absl::StrCat("Node ", peer.id.value, " lacks ", raft.last - peer.match, " entries."));
    }
  }
  return verdict;
}

}  // namespace z4j::consensus
