#ifndef Z4J_TESTS_SIMULATION_SERVER_H_
#define Z4J_TESTS_SIMULATION_SERVER_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/consensus/node/replica.h"
#include "services/consensus/storage/testing/simulated_disk.h"
#include "services/consensus/storage/wal_storage.h"
#include "tests/simulation/network.h"
#include "tests/simulation/options.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/world.h"

namespace z4j::simulation {

using namespace consensus;  // The simulated thing.

// For people: "1 -> 2 term 3 append after 2/7 commit 6 [ 3/8 ]".
std::string Describe(const Message& message);

// One machine: its disk, its boot-time clock, and the node that runs, crashes, stands still and
// starts again on it.  The node is the shipped Replica over the shipped write-ahead log; what the
// real node's threads do is done by events.
class Server {
 public:
  // Where messages go; the cluster's hands.
  struct Outside {
    std::function<void(NodeId from, Message message)> send;
    // A snapshot to be brought to message.to: its bytes, then `done`(delivered) at the sender.
    std::function<void(NodeId from, Message message, std::string bytes,
                       std::function<void(bool)> done)>
        send_snapshot;
    std::function<void(NodeId node)> started;  // Streams to the others come up.
    std::function<void(NodeId node)> stopped;
    std::function<void(NodeId node)> leads;       // It has just been elected.
    std::function<void(NodeId node)> leadership;  // It may act as the leader, or no longer.
  };
  using OnReply = std::function<void(const CallResult& reply, const Replica& replica)>;

  Server(World& world, const Options& options, Oracle& oracle, Outside outside,
         NodeIdentity identity, const Config& first);
  ~Server();

  void Start();
  // The process ends in good order: its disk finishes what is under way.
  void Stop();
  // The process dies; with `power_loss` the disk forgets what was not synced.
  void Crash(bool power_loss);
  void Pause(absl::Duration duration, bool clocks_stand_still);
  void Rot();  // Some byte that had been synced changes.
  // The directory is lost; from the next start on this is another node under the old number.
  void Wipe();
  void DiskFull(absl::Duration duration);
  // From now on its disk has room and is never slow.
  void CalmDisk();

  // Runs `what` on the node's one thread; never if it is down, later if it stands still.
  void Do(std::function<void(Replica& replica, MonoTime now)> what);
  // As above; `reply` comes once, unless the node goes down first.
  void Call(std::function<void(Replica& replica, MonoTime now, CallId call)> what, OnReply reply);
  void Deliver(Message message);
  void DeliverSnapshot(Message message, const std::string& bytes, std::function<void(bool)> done);

  bool up() const { return replica_ != nullptr; }
  bool paused() const { return world_.now() < paused_until_; }
  Instant paused_until() const { return paused_until_; }
  // Nobody counts on it any more.
  bool lost() const { return damaged_ || wiped_; }
  const Replica* replica() const { return replica_.get(); }
  const NodeIdentity& identity() const { return identity_; }
  MonoTime Clock() const;
  // How long it takes until that clock has gone on by `duration`.
  absl::Duration Lasts(absl::Duration duration) const { return duration / clock_rate_; }
  bool leads() const;  // As far as it knows.
  // Whether, on this node's own clock, nobody else can lead.
  bool HoldsLease() const;
  std::string Describe() const;  // For people.

 private:
  void End(bool power_loss);
  void Settle();
  void StartDisk();
  void FinishDisk(uint64_t life);
  void WatchDisk();
  void Save(SnapshotToSave save);
  void ScheduleTick();
  void FollowRole();
  void FollowLeadership();
  void TakeWrite(Write write);
  void TellMessage(const Message& message);
  absl::Duration SyncTime();
  void SendSnapshot(Message message);

  World& world_;
  const Options& options_;
  Oracle& oracle_;
  Outside outside_;
  NodeIdentity identity_;

  const Config first_;
  const WalOptions wal_;

  bool dies_at_name_ = false;  // The write under way, once it would sync names.
  SimulatedDisk disk_;
  std::unique_ptr<LogStorage> storage_;
  std::unique_ptr<Replica> replica_;
  bool damaged_ = false;
  bool rotten_ = false;
  bool wiped_ = false;

  // The boot-time clock: what it showed at `clock_since_`, and how fast it goes.
  absl::Duration clock_base_;
  Instant clock_since_;
  double clock_rate_ = 1.0;
  Instant paused_until_;
  absl::Duration wakes_late_;  // Its timers, after that.

  uint64_t life_ = 0;  // Events of an earlier one are void.
  Instant started_;
  Term led_;                     // The newest term that it was elected in.
  std::optional<Term> leading_;  // It may act as the leader in.
  std::vector<Write> writes_;
  std::vector<Write> on_the_way_;
  std::optional<Index> compact_;
  bool disk_busy_ = false;
  uint64_t disk_done_ = 0;  // How many times it had written everything it was given.
  bool disk_calm_ = false;
  bool disk_stalled_ = false;
  Instant tick_at_ = absl::InfiniteDuration();
  uint64_t last_call_ = 0;
  std::map<uint64_t, OnReply> calls_;
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_SERVER_H_
