#ifndef Z4J_TESTS_SIMULATION_OPTIONS_H_
#define Z4J_TESTS_SIMULATION_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "services/consensus/raft/raft.h"
#include "tests/simulation/world.h"

// Which faults a run knows, and how strong they are.  Each seed draws its own (swarm testing): a
// run with every fault at once would hide what needs one of them alone.  Chances are in permille.
namespace z4j::simulation {

// Of the database that the schedulers share, of the ways to it, and of the engine.
struct DatabaseOptions {
  absl::Duration delay_mean = absl::Milliseconds(1);  // One way; a statement takes as long.
  uint64_t late = 0;                                  // A statement arrives up to seconds later.
  uint64_t slow = 0;                                  // One takes up to 1.5 s, and holds its locks.
  uint64_t lost = 0;  // The connection breaks before or after it has passed.
  absl::Duration cut_every = absl::InfiniteDuration();  // Of one machine from the database.
  absl::Duration cut_for = absl::Seconds(1);
  absl::Duration restart_every = absl::InfiniteDuration();
  absl::Duration outage;  // Once it is down for so long: longer than what counts as late.
  int strikes = 0;        // Leaders that die soon after it.
  absl::Duration ask_every = absl::InfiniteDuration();  // Users, for changes of schedules.
  uint64_t engine_breaks = 0;     // The adapter's stream, or the broker is away.
  bool outcomes = false;          // The adapter tells how runs end; else they cannot overlap.
  uint64_t run_fails = 0;         // And may be repeated.
  absl::Duration wall_clock_off;  // The schedulers' wall clocks, +-.
};

struct Options {
  int nodes = 3;
  int clients = 4;
  absl::Duration safety = absl::Seconds(30);  // Anything goes; then everything is healed.

  // Network.
  absl::Duration delay_mean = absl::Milliseconds(1);
  uint64_t drop = 0;
  uint64_t duplicate = 0;
  uint64_t replay = 0;  // An old message comes once more, up to seconds later.
  // Messages of one kind (their place in MessageBody) come late far more often than others.
  std::optional<size_t> late_kind;
  uint64_t late = 0;
  absl::Duration partition_every = absl::InfiniteDuration();
  absl::Duration partition_for = absl::Seconds(1);
  bool one_way = false;
  bool half_open = false;  // Streams break without either side being told.

  // Disk.
  absl::Duration sync_mean = absl::Milliseconds(1);
  uint64_t slow_sync = 0;   // Up to two seconds.
  uint64_t sync_error = 0;  // Of a write: the process ends.
  uint64_t name_error = 0;  // The process ends between a file's new name and that being durable.
  absl::Duration crash_every = absl::InfiniteDuration();
  bool power_loss = false;  // A crash tears and loses what was not synced.
  absl::Duration disk_full_every = absl::InfiniteDuration();
  // At most one of these two a run: the node lost what it had promised, and must fall silent.
  absl::Duration rot_every = absl::InfiniteDuration();
  absl::Duration wipe_every = absl::InfiniteDuration();  // It starts anew under its old number.
  size_t segment_bytes = 64 * 1024;                      // Of the log: small ones end often.

  // Time.
  absl::Duration pause_every = absl::InfiniteDuration();
  absl::Duration pause_max = absl::Seconds(2);
  bool freeze = false;         // The clocks stand still with the node.
  int64_t drift_permille = 0;  // Of boot-time clocks, +-; leases hold up to 80.

  // Traps: what seldom comes together by itself.
  uint64_t strike = 0;  // A new leader dies, or is cut off, within milliseconds.
  // A leader hears a bare quorum, and one of that forgets in a crash whom it answered.
  absl::Duration ambush_every = absl::InfiniteDuration();
  uint64_t stray = 0;  // TimeoutNow comes after the hand-over was given up.
  // The paper's figure 8, of which nothing comes by itself: five nodes, three leaders.
  absl::Duration figure8_every = absl::InfiniteDuration();
  uint64_t rush = 0;  // Whoever is elected is asked by all clients at once.

  // Operators.
  absl::Duration transfer_every = absl::InfiniteDuration();   // Of the consensus leadership alone.
  absl::Duration hand_over_every = absl::InfiniteDuration();  // The scheduler lets another lead.
  absl::Duration stop_every = absl::InfiniteDuration();  // A node, in good order; then it is back.
  int upgrades = 0;  // So many leaders let go once all is well, and nothing may come late by it.
  absl::Duration change_every = absl::InfiniteDuration();  // Of the membership.
  uint64_t early_change = 0;  // … of a leader that has committed nothing yet.
  uint64_t snapshot_every = 50'000;
  consensus::RaftLimits limits;  // Of windows, messages and tails.

  // Schedulers.
  int schedules = 1;
  DatabaseOptions database;

  // Clients.
  absl::Duration think = absl::Milliseconds(20);

  // Whether leases exclude each other, and so whether reads and signs of life can be trusted; with
  // clocks beyond the bound, or frozen, only tokens protect.
  bool leases_hold() const { return drift_permille <= 70 && !freeze; }
};

// The options that a seed stands for.
Options Draw(SeededRandom& random);
std::string Describe(const Options& options);

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_OPTIONS_H_
