#include "tests/simulation/options.h"

#include <iterator>
#include <variant>

#include "absl/strings/str_cat.h"

namespace z4j::simulation {
namespace {

absl::Duration Some(SeededRandom& random, absl::Duration low, absl::Duration high) {
  const auto span = static_cast<uint64_t>(absl::ToInt64Microseconds(high - low));
  return low + absl::Microseconds(random.Below(span + 1));
}

DatabaseOptions DrawDatabase(SeededRandom& random) {
  DatabaseOptions o;
  o.delay_mean = Some(random, absl::Microseconds(100), absl::Milliseconds(3));
  if (random.OneIn(3)) o.late = random.Below(100);
  if (random.OneIn(3)) o.slow = random.Below(100);
  if (random.OneIn(3)) o.lost = random.Below(100);
  if (random.OneIn(3)) {
    o.cut_every = Some(random, absl::Seconds(1), absl::Seconds(10));
    o.cut_for = Some(random, absl::Milliseconds(100), absl::Seconds(8));
  }
  if (random.OneIn(5)) o.restart_every = Some(random, absl::Seconds(1), absl::Seconds(10));
  if (random.OneIn(3)) o.engine_breaks = random.Below(200);
  if (random.OneIn(2)) {
    o.outcomes = true;
    if (random.OneIn(2)) o.run_fails = random.Below(500);
  }
  if (random.OneIn(2)) o.ask_every = Some(random, absl::Milliseconds(100), absl::Seconds(3));
  o.wall_clock_off = Some(random, absl::ZeroDuration(), absl::Milliseconds(5));
  if (random.OneIn(8)) o.wall_clock_off = absl::Milliseconds(500);
  return o;
}

// Of nodes that leave in good order.
void DrawLeaving(SeededRandom& random, Options& o) {
  if (random.OneIn(4)) o.stop_every = Some(random, absl::Seconds(1), absl::Seconds(8));
  if (random.OneIn(4)) {
    o.hand_over_every = Some(random, absl::Milliseconds(500), absl::Seconds(5));
  }
  // A disk that fails stops nodes without a word, and a late statement holds up a new leader.
  const bool peace = o.sync_error == 0 && o.database.late == 0 && o.leases_hold();
  if (peace && random.OneIn(2)) o.upgrades = 1 + static_cast<int>(random.Below(3));
}

std::string Describe(const DatabaseOptions& o) {
  return absl::StrCat(
      ", database ", absl::FormatDuration(o.delay_mean), ", late ", o.late, ", slow ", o.slow,
      ", lost ", o.lost, ", cut every ", absl::FormatDuration(o.cut_every), " for ",
      absl::FormatDuration(o.cut_for), ", restart every ", absl::FormatDuration(o.restart_every),
      ", users ask every ", absl::FormatDuration(o.ask_every), ", engine breaks ", o.engine_breaks,
      o.outcomes ? absl::StrCat(", runs fail ", o.run_fails) : ", no outcomes",
      ", wall clocks off by ", absl::FormatDuration(o.wall_clock_off));
}

}  // namespace

Options Draw(SeededRandom& random) {
  Options o;
  const int sizes[] = {1, 2, 3, 3, 3, 3, 4, 5, 5};
  o.nodes = sizes[random.Below(std::size(sizes))];
  o.clients = 1 + static_cast<int>(random.Below(6));
  o.delay_mean = Some(random, absl::Microseconds(50), absl::Milliseconds(10));
  if (random.OneIn(2)) o.drop = random.Below(300);
  if (random.OneIn(2)) o.duplicate = random.Below(300);
  if (random.OneIn(3)) o.replay = random.Below(50);
  if (random.OneIn(3)) {
    o.late_kind = random.Below(std::variant_size_v<consensus::MessageBody>);
    o.late = 50 + random.Below(500);
  }
  if (random.OneIn(2)) {
    o.partition_every = Some(random, absl::Milliseconds(500), absl::Seconds(10));
    o.partition_for = Some(random, absl::Milliseconds(100), absl::Seconds(4));
    o.one_way = random.OneIn(2);
  }
  o.half_open = random.OneIn(3);
  o.sync_mean = Some(random, absl::Microseconds(50), absl::Milliseconds(5));
  if (random.OneIn(3)) o.slow_sync = random.Below(30);
  if (random.OneIn(2)) {
    o.crash_every = Some(random, absl::Milliseconds(500), absl::Seconds(8));
    o.power_loss = random.OneIn(2);
  }
  if (random.OneIn(o.power_loss ? 2 : 6)) o.sync_error = 1 + random.Below(o.power_loss ? 20 : 3);
  if (o.power_loss && random.OneIn(3)) o.name_error = 100 + random.Below(400);
  if (random.OneIn(8)) o.disk_full_every = Some(random, absl::Seconds(2), absl::Seconds(10));
  if (random.OneIn(6)) o.rot_every = Some(random, absl::Seconds(2), absl::Seconds(20));
  if (random.OneIn(8)) o.wipe_every = Some(random, absl::Seconds(2), absl::Seconds(10));
  if (random.OneIn(2)) o.segment_bytes = 8 * 1024 << random.Below(3);
  if (random.OneIn(3)) {
    o.pause_every = Some(random, absl::Milliseconds(500), absl::Seconds(8));
    o.freeze = random.OneIn(4);
  }
  if (random.OneIn(2)) o.drift_permille = static_cast<int64_t>(random.Below(70));
  if (random.OneIn(12)) o.drift_permille = 300;
  if (random.OneIn(4)) o.strike = 100 + random.Below(600);
  if (random.OneIn(6)) o.stray = 300 + random.Below(500);
  if (random.OneIn(4)) o.ambush_every = Some(random, absl::Seconds(1), absl::Seconds(5));
  if (random.OneIn(3)) o.transfer_every = Some(random, absl::Milliseconds(300), absl::Seconds(5));
  if (random.OneIn(3)) {
    o.change_every = Some(random, absl::Milliseconds(500), absl::Seconds(6));
    if (random.OneIn(3)) o.early_change = 300 + random.Below(600);
  }
  if (random.OneIn(2)) {
    o.snapshot_every = 20 + random.Below(300);
    o.limits.tail_entries = 1 + random.Below(100);
    o.limits.lag_entries = 2 * o.limits.tail_entries + random.Below(300);
  }
  if (random.OneIn(3)) {
    o.limits.append_entries = random.OneIn(2) ? 1 : 1 + random.Below(8);
    o.limits.inflight_messages = 1 + random.Below(4);
    o.limits.apply_entries = 1 + random.Below(4);
  }
  if (random.OneIn(6)) o.limits.uncommitted_entries = 2 + random.Below(20);
  if (random.OneIn(3)) o.rush = 200 + random.Below(800);
  if (o.transfer_every < absl::InfiniteDuration() && random.OneIn(3)) {
    o.late_kind = consensus::MessageBody(consensus::TimeoutNow()).index();
    o.late = 300 + random.Below(500);
  }
  if (o.nodes == 5 && random.OneIn(3)) {
    o.figure8_every = Some(random, absl::Seconds(2), absl::Seconds(5));
    // What is old is replicated before what is new.
    if (!random.OneIn(3)) o.limits.append_entries = o.limits.inflight_messages = 1;
  }
  o.think = Some(random, absl::Milliseconds(1), absl::Milliseconds(200));
  o.schedules = 1 + static_cast<int>(random.Below(3));
  o.database = DrawDatabase(random);
  if (random.OneIn(50)) {
    // In most turns of the loop some are due.
    o.schedules = 200 + static_cast<int>(random.Below(100));
    o.database.delay_mean = Some(random, absl::Milliseconds(2), absl::Milliseconds(4));
    o.database.outcomes = false;
  }
  DrawLeaving(random, o);
  if (random.OneIn(25)) {
    o.database.outage = Some(random, absl::Seconds(33), absl::Seconds(50));
    o.safety += o.database.outage;
    o.database.strikes = static_cast<int>(random.Below(5));
    if (random.OneIn(2)) o.database.lost = 200 + random.Below(300);
  }
  return o;
}

std::string Describe(const Options& o) {
  return absl::StrCat(
      "nodes ", o.nodes, ", clients ", o.clients, ", delay ", absl::FormatDuration(o.delay_mean),
      ", drop ", o.drop, ", duplicate ", o.duplicate, ", replay ", o.replay, ", late kind ",
      o.late_kind ? absl::StrCat(*o.late_kind, " by ", o.late) : "none", ", partition every ",
      absl::FormatDuration(o.partition_every), " for ", absl::FormatDuration(o.partition_for),
      o.one_way ? " one-way" : "", o.half_open ? " half-open" : "", ", sync ",
      absl::FormatDuration(o.sync_mean), ", slow ", o.slow_sync, ", sync error ", o.sync_error,
      ", name error ", o.name_error, ", crash every ", absl::FormatDuration(o.crash_every),
      o.power_loss ? " with power loss" : "", ", disk full every ",
      absl::FormatDuration(o.disk_full_every), ", rot every ", absl::FormatDuration(o.rot_every),
      ", wipe every ", absl::FormatDuration(o.wipe_every), ", segment ", o.segment_bytes,
      ", strike ", o.strike, ", stray ", o.stray, ", ambush every ",
      absl::FormatDuration(o.ambush_every), ", figure 8 every ",
      absl::FormatDuration(o.figure8_every), ", rush ", o.rush, ", pause every ",
      absl::FormatDuration(o.pause_every), o.freeze ? " frozen" : "", ", drift ", o.drift_permille,
      ", transfer every ", absl::FormatDuration(o.transfer_every), ", hand over every ",
      absl::FormatDuration(o.hand_over_every), ", stop every ", absl::FormatDuration(o.stop_every),
      ", upgrades ", o.upgrades, ", change every ", absl::FormatDuration(o.change_every),
      ", early change ", o.early_change, ", snapshot every ", o.snapshot_every, ", tail ",
      o.limits.tail_entries, ", append ", o.limits.append_entries, ", window ",
      o.limits.inflight_messages, ", uncommitted ", o.limits.uncommitted_entries, ", think ",
      absl::FormatDuration(o.think), ", schedules ", o.schedules, Describe(o.database));
}

}  // namespace z4j::simulation
