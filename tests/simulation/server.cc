#include "tests/simulation/server.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace z4j::simulation {
Server::Server(World& world, const Options& options, Oracle& oracle, Outside outside,
               NodeIdentity identity, const Config& first)
    : world_(world),
      options_(options),
      oracle_(oracle),
      outside_(std::move(outside)),
      identity_(identity),
      first_(first),
      wal_{options.segment_bytes, 1},
      disk_({.on_sync = [this](std::string_view name) {
        if (name.empty() && dies_at_name_) disk_.FailAfter(0);
      }}) {
  const int64_t drift = options_.drift_permille;
  if (drift > 0) {
    clock_rate_ = 1.0 + (static_cast<double>(world_.random().Below(2 * drift + 1)) - drift) / 1000;
  }
  // Machines have been up for minutes to years.
  clock_base_ = world_.Between(absl::Minutes(1), absl::Hours(24 * 400));
  clock_since_ = world_.now();
  paused_until_ = world_.now();
  if (absl::Status made = CreateStorage(disk_, identity_, first, wal_); !made.ok()) {
    oracle_.Fail(absl::StrCat("no directory: ", made.ToString()));
  }
}

Server::~Server() = default;

MonoTime Server::Clock() const {
  return {clock_base_ + (world_.now() - clock_since_) * clock_rate_};
}

bool Server::leads() const { return replica_ && replica_->status().soft.role == Role::kLeader; }

bool Server::HoldsLease() const {
  if (!replica_) return false;
  const auto leadership = replica_->leadership();
  return leadership && Clock() < leadership->lease_until;
}

void Server::Start() {
  if (replica_) return;
  ++life_;
  started_ = world_.now();
  disk_busy_ = false;
  disk_stalled_ = false;
  tick_at_ = absl::InfiniteDuration();
  auto storage = OpenStorage(disk_, identity_, wal_);
  if (rotten_ && absl::IsDataLoss(storage.status())) {  // Nothing there can be believed.
    damaged_ = true;
    return;
  }
  if (!storage.ok())
    return oracle_.Fail(absl::StrCat("cannot open: ", storage.status().ToString()));
  storage_ = *std::move(storage);
  const Recovered& found = storage_->recovered();
  damaged_ = found.damaged;
  oracle_.Recovered(identity_.id, found, rotten_);
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
      options, found, [this] { return storage_->NewestSnapshot(); }, Clock());
  if (!replica.ok())
    return oracle_.Fail(absl::StrCat("cannot start: ", replica.status().ToString()));
  replica_ = *std::move(replica);
  world_.Tell([&] {
    return absl::StrCat("node ", identity_.id.value, " starts", damaged_ ? " damaged" : "");
  });
  outside_.started(identity_.id);
  Settle();
}

void Server::Stop() {
  if (!replica_) return;
  world_.Tell([&] { return absl::StrCat("node ", identity_.id.value, " stops"); });
  if (disk_busy_) storage_->Append(on_the_way_).IgnoreError();
  End(false);
}

void Server::Crash(bool power_loss) {
  if (!replica_) return;
  world_.Tell([&] {
    return absl::StrCat("node ", identity_.id.value, power_loss ? " loses power" : " is killed");
  });
  // The disk was in the midst of a write: some of its operations still happen.
  if (disk_busy_ && world_.random().OneIn(2)) {
    disk_.FailAfter(world_.random().Below(4));
    storage_->Append(on_the_way_).IgnoreError();
  }
  End(power_loss);
}

void Server::End(bool power_loss) {
  ++life_;
  leading_.reset();
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
  wakes_late_ = world_.Between(absl::ZeroDuration(), absl::Milliseconds(1));
  if (clocks_stand_still) {
    clock_base_ = Clock().since_boot;
    clock_since_ = paused_until_;  // Until then the clock would go backwards: nobody looks.
  }
  tick_at_ = absl::InfiniteDuration();
  ScheduleTick();
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
  Do([this, message = std::move(message)](Replica& replica, MonoTime now) {
    if (std::holds_alternative<VoteRequest>(message.body)) {
      oracle_.Asked(identity_.id, message, replica.status());
    }
    if (std::holds_alternative<AppendReply>(message.body)) oracle_.Answered(identity_.id, message);
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

void Server::FollowRole() {
  world_.Tell([&] { return Describe(); });
  const SoftState soft = replica_->status().soft;
  if (soft.role != Role::kLeader || soft.term == led_) return;
  led_ = soft.term;
  outside_.leads(identity_.id);
}

// As the real node tells the scheduler in its process.
void Server::FollowLeadership() {
  const auto leadership = replica_->leadership();
  const auto term = leadership ? std::make_optional(leadership->term) : std::nullopt;
  if (std::exchange(leading_, term) != term) outside_.leadership(identity_.id);
}

void Server::TellMessage(const Message& message) {
  world_.Tell([&] { return simulation::Describe(message); });
  oracle_.Sent(identity_.id, message);
  if (std::holds_alternative<TimeoutNow>(message.body)) {
    oracle_.HandsOver(identity_.id, message.to, replica_->status());
  }
}

void Server::TakeWrite(Write write) {
  oracle_.Appends(identity_.id, write);
  for (const Entry& entry : write.entries) {
    if (entry.kind != EntryKind::kConfig) continue;
    const RaftStatus status = replica_->status();
    const bool own = status.soft.role == Role::kLeader && entry.term == status.soft.term;
    if (own) oracle_.ChangesMembers(identity_.id, entry, status);
  }
  writes_.push_back(std::move(write));
}

void Server::Settle() {
  while (replica_) {
    Work work = replica_->TakeWork(Clock());
    if (!replica_->failure().ok()) {
      oracle_.Fail(absl::StrCat("node ", identity_.id.value,
                                " cannot go on: ", replica_->failure().ToString()));
      return;
    }
    if (work.soft_state_changed) FollowRole();
    for (Write& write : work.writes) TakeWrite(std::move(write));
    if (work.compact) compact_ = work.compact;
    for (Message& message : work.messages) {
      TellMessage(message);
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
  FollowLeadership();
  oracle_.Look(identity_.id, replica_->status(), std::max(started_, paused_until_));
  StartDisk();
  ScheduleTick();
}

void Server::ScheduleTick() {
  Instant at = world_.now();
  if (paused()) {
    // What came meanwhile is looked at first, or else the time is.
    at = paused_until_ + wakes_late_;
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
