// What a node knows of its cluster's health, and how leadership is handed over on request.
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/scheduler/embedded_consensus.h"
#include "services/scheduler/loop/fire_loop.h"
#include "services/scheduler/server.h"

namespace z4j::scheduler {
namespace {

// One that lags more is not in touch: it is sent a snapshot soon.
constexpr uint64_t kLagEntriesToTell = 1000;
// How often it is asked who leads, while a hand-over is awaited.
constexpr absl::Duration kAskPeriod = absl::Milliseconds(2);

void CheckConsensus(const ConsensusState& state, std::vector<HealthFinding>& findings) {
  if (!state.damage.empty()) {
    findings.push_back(
        {true, absl::StrCat("this node's consensus log is damaged, so it does not vote; give it a "
                            "new folder, remove and add it: ",
                            state.damage)});
  }
  if (state.disk_full) {
    findings.push_back({true, "the disk of the consensus log is full"});
  }
  if (state.disk_stalled) {
    findings.push_back({false, "the disk of the consensus log does not keep up"});
  }
  int voters = 0;
  for (const ConsensusPeerState& peer : state.peers) {
    voters += peer.voter;
    if (!peer.reachable) continue;  // Only a leader knows.
    if (peer.stranger) {
      findings.push_back(
          {false, absl::StrCat(peer.name, " (", peer.address,
                               ") lost its consensus folder and does not count; 'cluster remove ",
                               peer.name, "' and 'cluster add ", peer.name, " ", peer.address,
                               "', then promote it")});
    } else if (!*peer.reachable) {
      findings.push_back({false, absl::StrCat(peer.name, " (", peer.address, ") does not answer")});
    } else if (peer.lag_entries.value_or(0) > kLagEntriesToTell) {
      findings.push_back({false, absl::StrCat(peer.name, " lacks ", *peer.lag_entries,
                                              " entries of the consensus log")});
    } else if (!peer.voter) {
      findings.push_back({false, absl::StrCat(peer.name, " does not vote yet; 'cluster promote ",
                                              peer.name, "'")});
    }
  }
  if (voters == 2) {
    findings.push_back(
        {false, "only two nodes vote, so that neither may fail; 'cluster add' a third"});
  }
}

}  // namespace

std::vector<HealthFinding> Server::Health() {
  std::vector<HealthFinding> findings;
  if (stopping_) findings.push_back({true, "the node is going away"});
  if (elector_->Leader().holder.empty()) {
    findings.push_back({true, "no node ticks, so nothing fires"});
  } else if (elector_->Current(clock_.MonoNow()).has_value() && !loop_->leading()) {
    findings.push_back({true, "this node was elected and does not tick yet"});
  }
  if (const auto fence = store_->ReadFence(); !fence.ok()) {
    findings.push_back(
        {true, absl::StrCat("this node does not reach the store: ", fence.status().message())});
  }
  if (consensus_ == nullptr) return findings;
  if (const auto state = consensus_->State()) CheckConsensus(*state, findings);
  return findings;
}

absl::StatusOr<std::string> Server::TransferLeadership(const std::string& node) {
  if (!elector_->Current(clock_.MonoNow()).has_value()) {
    const std::string leader = elector_->Leader().holder;
    return absl::FailedPreconditionError(
        leader.empty() || leader == config_.node_id
            ? "no node ticks now; try again"
            : absl::StrCat("this node does not tick; ask ", leader));
  }
  if (absl::Status status = elector_->CheckSuccessor(node); !status.ok()) return status;
  if (absl::Status status = loop_->HandOver(node); !status.ok()) return status;
  return AwaitSuccessor();
}

absl::StatusOr<std::string> Server::AwaitSuccessor() {
  const MonoTime give_up = clock_.MonoNow() + 2 * kTransferMax;
  while (clock_.MonoNow() < give_up) {
    const std::string leader = elector_->Leader().holder;
    if (!leader.empty() && leader != config_.node_id) return leader;
    if (elector_->Current(clock_.MonoNow()).has_value()) break;
    absl::SleepFor(kAskPeriod);
  }
  return absl::UnavailableError("no other node took over in time");
}

}  // namespace z4j::scheduler
