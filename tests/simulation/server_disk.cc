#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/simulation/server.h"

// A machine's disk: how long it takes, and how it fails.
namespace z4j::simulation {
namespace {

constexpr absl::Duration kDiskPatience = absl::Milliseconds(75);  // Half an election timeout.

}  // namespace

void Server::Rot() {
  auto names = disk_.List();
  if (!names.ok() || names->empty()) return;
  const std::string& name = (*names)[world_.random().Below(names->size())];
  // Somewhere in what was written: behind it there is nothing to lose.
  const size_t end = disk_.Contents(name).find_last_not_of('\0');
  if (end == std::string::npos) return;
  rotten_ = true;
  // Half of the time near the end, where what is wrong is most easily taken for torn.
  const size_t from = end > 64 && world_.random().OneIn(2) ? end - 64 : 0;
  disk_.Rot(name, from, end + 1, 1, [this] { return world_.random()(); });
  world_.Tell([&] { return absl::StrCat("node ", identity_.id.value, ": ", name, " rots"); });
}

void Server::Wipe() {
  Crash(false);
  disk_ = SimulatedDisk();
  wiped_ = true;
  identity_.incarnation = Incarnation{world_.random()() | 1};
  oracle_.Wiped(identity_.id);
  if (absl::Status made = CreateStorage(disk_, identity_, first_, wal_); !made.ok()) {
    oracle_.Fail(absl::StrCat("no directory: ", made.ToString()));
  }
  world_.Tell([&] { return absl::StrCat("node ", identity_.id.value, " lost its directory"); });
}

void Server::DiskFull(absl::Duration duration) {
  disk_.SetCapacity(0);
  world_.After(duration, [this] { disk_.SetCapacity(UINT64_MAX); });
}

void Server::CalmDisk() {
  disk_.SetCapacity(UINT64_MAX);
  disk_calm_ = true;
}

absl::Duration Server::SyncTime() {
  if (!disk_calm_ && world_.Chance(options_.slow_sync)) {
    return world_.Between(absl::Milliseconds(100), absl::Seconds(2));
  }
  return world_.Between(options_.sync_mean / 2, options_.sync_mean * 3 / 2);
}

void Server::StartDisk() {
  if (disk_busy_ || (writes_.empty() && !compact_)) return;
  disk_busy_ = true;
  on_the_way_ = std::exchange(writes_, {});
  oracle_.Writing(identity_.id, on_the_way_);
  WatchDisk();
  world_.After(SyncTime(), [this, life = life_] { FinishDisk(life); });
}

// A node whose disk does not keep up hands over, as the real one does.
void Server::WatchDisk() {
  world_.After(kDiskPatience, [this, life = life_, done = disk_done_] {
    if (life != life_ || done != disk_done_ || disk_stalled_) return;
    disk_stalled_ = true;
    Do([this](Replica& replica, MonoTime now) {
      if (disk_stalled_) replica.DiskStalled(now, true);
    });
  });
}

void Server::FinishDisk(uint64_t life) {
  if (life != life_) return;
  // The disk's thread stands still with its process.
  if (paused()) return world_.At(paused_until_, [this, life] { FinishDisk(life); });
  disk_busy_ = false;
  if (world_.Chance(options_.sync_error)) disk_.FailNextSync();
  dies_at_name_ = !disk_calm_ && world_.Chance(options_.name_error);
  absl::Status status = absl::OkStatus();
  if (!on_the_way_.empty()) status = storage_->Append(on_the_way_);
  dies_at_name_ = false;
  if (absl::IsResourceExhausted(status)) {
    // Nothing of it was written: it is tried again until there is room.
    on_the_way_.insert(on_the_way_.end(), std::make_move_iterator(writes_.begin()),
                       std::make_move_iterator(writes_.end()));
    writes_ = std::exchange(on_the_way_, {});
    disk_busy_ = true;
    return world_.After(absl::Milliseconds(50), [this, life] {
      if (life != life_) return;
      disk_busy_ = false;
      StartDisk();
    });
  }
  if (!status.ok()) {
    world_.Tell([&] { return absl::StrCat("node ", identity_.id.value, ": ", status.ToString()); });
    Crash(false);
    world_.After(absl::Milliseconds(200), [this] { Start(); });
    return;
  }
  world_.Tell([&] { return absl::StrCat("node ", identity_.id.value, " has written"); });
  oracle_.Durable(identity_.id, on_the_way_);
  ++disk_done_;
  const bool stalled = std::exchange(disk_stalled_, false);
  const uint64_t seq = on_the_way_.empty() ? 0 : on_the_way_.back().seq;
  on_the_way_.clear();
  if (compact_) storage_->Compact(*std::exchange(compact_, std::nullopt)).IgnoreError();
  if (seq == 0 && !stalled) return StartDisk();
  Do([seq, stalled](Replica& replica, MonoTime now) {
    if (stalled) replica.DiskStalled(now, false);
    if (seq != 0) replica.Persisted(now, seq);
  });
}

}  // namespace z4j::simulation
