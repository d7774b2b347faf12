#include "services/consensus/raft/marks.h"

#include <atomic>

namespace z4j::consensus {
namespace {

constexpr size_t kMarks = static_cast<size_t>(Mark::kCount);

constexpr std::array<std::string_view, kMarks> kNames = {
    "figure_8_blocked",    "vote_withheld",       "vote_split",          "vote_repeated",
    "election_backed_off", "election_hastened",   "pre_vote_refused",    "lower_term_answered",
    "truncated",           "config_rolled_back",  "durable_rolled_back", "stray_reject",
    "hint_skipped_term",   "old_append",          "window_full",         "window_probed",
    "became_probe",        "snapshot_needed",     "snapshot_installed",  "snapshot_fast_forward",
    "snapshot_old",        "quorum_lost",         "transfer_done",       "transfer_aborted",
    "transfer_vote",       "read_postponed",      "read_lost",           "auto_leave",
    "leader_removed",      "incarnation_learned", "incarnation_refused", "uncommitted_full",
    "disk_stalled",        "damaged_silent",      "applied_held_back"};

// Relaxed counters: they are read when a run is over, and several nodes may share a process.
std::array<std::atomic<uint64_t>, kMarks> hits;

}  // namespace

void Hit(Mark mark) { hits[static_cast<size_t>(mark)].fetch_add(1, std::memory_order_relaxed); }
uint64_t HitsOf(Mark mark) {
  return hits[static_cast<size_t>(mark)].load(std::memory_order_relaxed);
}
std::string_view NameOf(Mark mark) { return kNames[static_cast<size_t>(mark)]; }

}  // namespace z4j::consensus
