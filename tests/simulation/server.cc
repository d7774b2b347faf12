#include "tests/simulation/server.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace z4j::simulation {
namespace {

constexpr WalOptions kWal = {64 * 1024, 1};  // Small, so that segments end and are removed.

}  // namespace

Server::Server(World& world, const Options& options, Oracle& oracle, Outside outside,
               NodeIdentity identity, const Config& first)
    : world_(world),
      options_(options),
      oracle_(oracle),
      outside_(std::move(outside)),
      identity_(identity) {
  const int64_t drift = options_.drift_permille;
  if (drift > 0) {
    clock_rate_ = 1.0 + (static_cast<double>(world_.random().Below(2 * drift + 1)) - drift) / 1000;
  }
  // Machines have been up for minutes to years.
  clock_base_ = world_.Between(absl::Minutes(1), absl::Hours(24 * 400));
  clock_since_ = world_.now();
  paused_until_ = world_.now();
  if (absl::Status made = CreateStorage(disk_, identity_, first, kWal); !made.ok()) {
    oracle_.Fail(absl::StrCat("no directory: ", made.ToString()));
  }
}

Server::~Server() = default;

MonoTime Server::Clock() const {
  return {clock_base_ + (world_.now() - clock_since_) * clock_rate_};
}

bool Server::HoldsLease() const {
  if (!replica_) return false;
  const auto leadership = replica_->leadership();
  return leadership && Clock() < leadership->lease_until;
}

void Server::Start() {
  if (replica_) return;
  ++life_;
  disk_busy_ = false;
  tick_at_ = absl::InfiniteDuration();
  auto storage = OpenStorage(disk_, identity_, kWal);
  if (rotten_ && absl::IsDataLoss(storage.status())) {  // Nothing there can be believed.
    damaged_ = true;
    return;
  }
  if (!storage.ok())
    return oracle_.Fail(absl::StrCat("cannot open: ", storage.status().ToString()));
  storage_ = *std::move(storage);
  const Recovered& found = storage_->recovered();
  damaged_ = found.damaged;
  oracle_.Recovered(identity_.id, found);
  ReplicaOptions options;
  options.raft.cluster = identity_.cluster;
  options.raft.id = identity_.id;
  options.raft.incarnation = identity_.incarnation;
  options.raft.seed = world_.random()();
  options.raft.limits = options_.limits;
  options.snapshot_every = options_.snapshot_every;
  options.applied = [this](const Entry& entry) {
    oracle_.Applied(identity_.id, entry, replica_ ? &replica_->machine() : nullptr);
  };
  auto replica = Replica::Create(
      options, found, [this](const SnapshotMeta& meta) { return LoadSnapshot(meta); }, Clock());
  if (!replica.ok())
    return oracle_.Fail(absl::StrCat("cannot start: ", replica.status().ToString()));
  replica_ = *std::move(replica);
  world_.Tell([&] {
    return absl::StrCat("node ", identity_.id.value, " starts", damaged_ ? " damaged" : "");
  });
  outside_.started(identity_.id);
  Settle();
}

void Server::Crash(bool power_loss) {
  if (!replica_) return;
  world_.Tell([&] {
    return absl::StrCat("node ", identity_.id.value, power_loss ? " loses power" : " is killed");
  });
  ++life_;
  // The disk was in the midst of a write: some of its operations still happen.
  if (disk_busy_ && world_.random().OneIn(2)) {
    disk_.FailAfter(world_.random().Below(4));
    storage_->Append(on_the_way_).IgnoreError();
  }
  replica_.reset();
  storage_.reset();
  writes_.clear();
  on_the_way_.clear();
  compact_.reset();
  calls_.clear();
  if (power_loss) {
    disk_.Crash([this] { return world_.random()(); });
  } else {
    disk_.Restart();
  }
  outside_.stopped(identity_.id);
}

void Server::Pause(absl::Duration duration, bool clocks_stand_still) {
  if (!replica_ || paused()) return;
  world_.Tell([&] { return absl::StrCat("node ", identity_.id.value, " stands still"); });
  paused_until_ = world_.now() + duration;
  if (clocks_stand_still) {
    clock_base_ = Clock().since_boot;
    clock_since_ = paused_until_;  // Until then the clock would go backwards: nobody looks.
  }
  tick_at_ = absl::InfiniteDuration();
  ScheduleTick();
}

void Server::Rot() {
  auto names = disk_.List();
  if (!names.ok() || names->empty()) return;
  const std::string& name = (*names)[world_.random().Below(names->size())];
  const size_t size = disk_.Contents(name).size();
  if (size == 0) return;
  rotten_ = true;
  disk_.Rot(name, 0, std::min<size_t>(size, 64 * 1024), 1, [this] { return world_.random()(); });
  world_.Tell([&] { return absl::StrCat("node ", identity_.id.value, ": ", name, " rots"); });
}

void Server::DiskFull(absl::Duration duration) {
  disk_.SetCapacity(0);
  world_.After(duration, [this] { disk_.SetCapacity(UINT64_MAX); });
}

void Server::Do(std::function<void(Replica& replica, MonoTime now)> what) {
  if (!replica_) return;
  if (paused()) {
    const uint64_t life = life_;
    world_.At(paused_until_, [this, life, what = std::move(what)]() mutable {
      if (life == life_) Do(std::move(what));
    });
    return;
  }
  what(*replica_, Clock());
  Settle();
}

void Server::Call(std::function<void(Replica& replica, MonoTime now, CallId call)> what,
                  OnReply reply) {
  Do([this, what = std::move(what), reply = std::move(reply)](Replica& replica, MonoTime now) {
    const CallId call{++last_call_};
    calls_.emplace(call.value, reply);
    what(replica, now, call);
  });
}

void Server::Deliver(Message message) {
  Do([message = std::move(message)](Replica& replica, MonoTime now) {
    replica.Step(now, message).IgnoreError();
  });
}

std::string Server::Describe() const {
  if (!replica_) return absl::StrCat("node ", identity_.id.value, " is down");
  const RaftStatus status = replica_->status();
  const char* const roles[] = {"follower", "pre-candidate", "candidate", "leader"};
  std::string text =
      absl::StrCat("node ", identity_.id.value, " ", roles[static_cast<int>(status.soft.role)],
                   " of term ", status.soft.term.value, ", leader ", status.soft.leader.value,
                   ", commit ", status.commit.value, ", applied ",
                   replica_->machine().applied().value, ", last ", status.last.value, ", voters");
  for (NodeId id : status.config.voters) absl::StrAppend(&text, " ", id.value);
  for (NodeId id : status.config.outgoing) absl::StrAppend(&text, " -", id.value);
  for (NodeId id : status.config.learners) absl::StrAppend(&text, " ~", id.value);
  if (status.damaged) absl::StrAppend(&text, ", damaged");
  return text;
}

void Server::Settle() {
  while (replica_) {
    Work work = replica_->TakeWork(Clock());
    if (!replica_->failure().ok()) {
      oracle_.Fail(absl::StrCat("node ", identity_.id.value,
                                " cannot go on: ", replica_->failure().ToString()));
      return;
    }
    if (work.soft_state_changed) world_.Tell([&] { return Describe(); });
    for (Write& write : work.writes) writes_.push_back(std::move(write));
    if (work.compact) compact_ = work.compact;
    for (Message& message : work.messages) {
      world_.Tell([&] { return simulation::Describe(message); });
      oracle_.Sent(identity_.id, message);
      if (std::holds_alternative<InstallSnapshot>(message.body)) {
        SendSnapshot(std::move(message));
      } else {
        outside_.send(identity_.id, std::move(message));
      }
    }
    if (work.save) Save(*std::move(work.save));
    for (const CallResult& reply : work.replies) {
      auto call = calls_.extract(reply.call.value);
      if (!call.empty()) call.mapped()(reply, *replica_);
    }
    if (work.replies.empty()) break;  // A reply may have led to another call.
  }
  if (!replica_) return;
  oracle_.Look(identity_.id, replica_->status());
  StartDisk();
  ScheduleTick();
}

absl::Duration Server::SyncTime() {
  if (world_.Chance(options_.slow_sync)) {
    return world_.Between(absl::Milliseconds(100), absl::Seconds(2));
  }
  return world_.Between(options_.sync_mean / 2, options_.sync_mean * 3 / 2);
}

void Server::StartDisk() {
  if (disk_busy_ || (writes_.empty() && !compact_)) return;
  disk_busy_ = true;
  on_the_way_ = std::exchange(writes_, {});
  world_.After(SyncTime(), [this, life = life_] { FinishDisk(life); });
}

void Server::FinishDisk(uint64_t life) {
  if (life != life_) return;
  // The disk's thread stands still with its process.
  if (paused()) return world_.At(paused_until_, [this, life] { FinishDisk(life); });
  disk_busy_ = false;
  if (world_.Chance(options_.sync_error)) disk_.FailNextSync();
  absl::Status status = absl::OkStatus();
  if (!on_the_way_.empty()) status = storage_->Append(on_the_way_);
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
  const uint64_t seq = on_the_way_.empty() ? 0 : on_the_way_.back().seq;
  on_the_way_.clear();
  if (compact_) storage_->Compact(*std::exchange(compact_, std::nullopt)).IgnoreError();
  if (seq == 0) return StartDisk();
  Do([seq](Replica& replica, MonoTime now) { replica.Persisted(now, seq); });
}

void Server::ScheduleTick() {
  Instant at = world_.now();
  if (paused()) {
    at = paused_until_;
  } else {
    const absl::Duration wait = replica_->NextTick() - Clock();
    at += std::max(absl::Microseconds(1), wait / clock_rate_ + absl::Nanoseconds(1));
  }
  if (at >= tick_at_ && tick_at_ > world_.now()) return;
  tick_at_ = at;
  world_.At(at, [this, life = life_, at] {
    if (life != life_ || at != tick_at_) return;
    tick_at_ = absl::InfiniteDuration();
    Do([](Replica& replica, MonoTime now) { replica.Tick(now); });
  });
}

}  // namespace z4j::simulation
