#include "services/consensus/raft/testing/safety.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "services/base/rng.h"
#include "services/consensus/raft/marks.h"

// Everything that can happen to three to five nodes, at random: loss, repetition, reordering, slow
// disks, crashes that lose unsynced writes, restarts, changes of membership, transfers, compaction.
namespace z4j::consensus {
namespace {

class RandomRun {
 public:
  explicit RandomRun(uint64_t seed)
      : rng_(seed),
        identities_(rng_.Chance(1, 2)),
        changes_(rng_.Chance(1, 2)),
        crashes_(rng_.Chance(3, 4)),
        loss_percent_(rng_.Below(30)),
        cluster_(
            static_cast<int>(3 + rng_.Below(3)), [this](RaftOptions& o) { Adjust(o); }, seed),
        checker_(cluster_) {
    for (uint64_t id = cluster_.ids().size() + 1; id <= 6 && changes_; ++id) {
      cluster_.AddNode(id, IncarnationOf(id));
      cluster_.Start(id);
      checker_.Started(id);
    }
    for (uint64_t id : cluster_.ids()) cluster_.node(id).slow_disk = true;
  }

  void Disturb(int steps) {
    for (int step = 0; step < steps && checker_.violations().empty(); ++step) {
      Move();
      if (step % 3 == 0) checker_.CheckNow();
      if (step % 200 == 0) checker_.CheckLogs();
    }
  }

  // All faults end: a leader must be elected, and everybody must catch up.
  void Recover() {
    cluster_.Heal();
    for (uint64_t id : cluster_.ids()) {
      cluster_.node(id).slow_disk = false;
      if (cluster_.node(id).raft == nullptr) Restart(id);
      cluster_.raft(id).DiskStalled(cluster_.now(), false);
      cluster_.Persist(id);
    }
    cluster_.Run(absl::Seconds(3));
    checker_.CheckNow();
    checker_.CheckLogs();
  }

  bool Serves() {
    const std::optional<uint64_t> leader = cluster_.LeaderId();
    if (!leader.has_value()) return false;
    auto index = cluster_.raft(*leader).Propose(cluster_.now(), {MakePayload("last")});
    if (!index.ok()) return false;
    cluster_.Run(absl::Milliseconds(200));
    for (NodeId id : cluster_.status(*leader).config.voters) {
      if (cluster_.status(id.value).commit < *index) return false;
    }
    return true;
  }

  const std::vector<std::string>& violations() { return checker_.violations(); }
  Index committed() const { return checker_.committed(); }

 private:
  Incarnation IncarnationOf(uint64_t id) const { return {identities_ ? 500 + id : 0}; }

  void Adjust(RaftOptions& options) {
    options.incarnation = IncarnationOf(options.id.value);
    options.limits.append_entries = 1 + rng_.Below(4);
    options.limits.append_bytes = 1 + rng_.Below(60);
    options.limits.inflight_messages = 1 + rng_.Below(4);
    options.limits.apply_entries = 1 + rng_.Below(4);
    options.limits.tail_entries = rng_.Below(6);
    options.limits.lag_entries = options.limits.tail_entries + rng_.Below(10);
    options.limits.uncommitted_entries = 3 + rng_.Below(20);
    options.limits.uncommitted_bytes = 20 + rng_.Below(200);
  }

  uint64_t AnyId() { return 1 + rng_.Below(cluster_.ids().size()); }
  // Zero: the one drawn is down.
  uint64_t AnyRunning() {
    const uint64_t id = AnyId();
    return cluster_.node(id).raft != nullptr ? id : 0;
  }

  void Move() {
    const uint64_t dice = rng_.Below(1000);
    if (dice < 500) return DeliverOne();
    const uint64_t id = AnyRunning();
    if (id == 0) {
      if (rng_.Chance(1, 8)) Restart(AnyId());
      return;
    }
    if (dice < 640) return cluster_.Pump(id);
    if (dice < 800) return cluster_.Persist(id, 1 + rng_.Below(2));
    if (dice < 890) return Pass();
    if (dice < 940) return ProposeAt(id);
    if (dice < 955) return Ask(id);
    if (dice < 962) return Compact(id);
    if (dice < 970) return Change(id);
    if (dice < 975) return (void)cluster_.raft(id).TransferTo(cluster_.now(), {rng_.Below(4)});
    if (dice < 980) return cluster_.raft(id).PeerConnected(cluster_.now(), {AnyId()}, dice % 2);
    if (dice < 983) return cluster_.raft(id).DiskStalled(cluster_.now(), dice == 980);
    if (dice < 987 && crashes_) return cluster_.Crash(id, rng_.Below(4));
    if (dice < 993) return dice % 2 ? cluster_.Cut(id, AnyId()) : cluster_.Cut(AnyId(), id);
    cluster_.Heal();
  }

  void Restart(uint64_t id) {
    if (cluster_.node(id).raft != nullptr) return;
    cluster_.Start(id);
    checker_.Started(id);
  }

  void DeliverOne() {
    auto& network = cluster_.network();
    if (network.empty()) return;
    // Mostly in order, as streams are; at times from anywhere.
    const size_t at = rng_.Chance(3, 4) ? 0 : rng_.Below(network.size());
    Message message = network[at];
    if (!rng_.Chance(1, 20)) network.erase(network.begin() + static_cast<ptrdiff_t>(at));
    if (!rng_.Chance(loss_percent_, 100)) return cluster_.Deliver(std::move(message));
    TestNode& sender = cluster_.node(message.from.value);
    if (std::holds_alternative<InstallSnapshot>(message.body) && sender.raft != nullptr) {
      sender.raft->SnapshotSent(cluster_.now(), message.to, /*delivered=*/false);
    }
  }

  void Pass() {
    cluster_.Advance(absl::Milliseconds(rng_.Chance(1, 50) ? rng_.Below(400) : rng_.Below(12)));
    for (uint64_t id : cluster_.ids()) {
      if (cluster_.node(id).raft != nullptr && !rng_.Chance(1, 10)) {
        cluster_.raft(id).Tick(cluster_.now());
      }
    }
  }

  void ProposeAt(uint64_t id) {
    std::vector<Payload> commands;
    for (uint64_t i = 0; i <= rng_.Below(3); ++i) {
      commands.push_back(MakePayload(absl::StrCat("c", ++commands_)));
    }
    (void)cluster_.raft(id).Propose(cluster_.now(), std::move(commands));
  }

  void Ask(uint64_t id) {
    checker_.ReadAsked(id, cluster_.node(id).next_context);
    cluster_.Read(id);
  }

  void Compact(uint64_t id) {
    // A snapshot that is being installed becomes the log's beginning first.
    for (const Write& write : cluster_.node(id).unsynced) {
      if (write.snapshot.has_value()) return;
    }
    if (cluster_.node(id).applied_to > cluster_.node(id).disk.snapshot.index) {
      cluster_.Compact(id);
    }
  }

  void Change(uint64_t id) {
    if (!changes_) return;
    ConfigChange change;
    for (uint64_t i = 0; i <= rng_.Below(3); ++i) {
      const uint64_t member = AnyId();
      change.steps.push_back({static_cast<ConfigStep::Kind>(rng_.Below(3)), NodeId{member},
                              Member{absl::StrCat("node-", member), IncarnationOf(member)}});
    }
    (void)cluster_.raft(id).ProposeChange(cluster_.now(), change);
  }

  Rng rng_;
  bool identities_;
  bool changes_;
  bool crashes_;
  uint64_t loss_percent_;
  uint64_t commands_ = 0;
  TestCluster cluster_;
  SafetyChecker checker_;
};

uint64_t NumberFrom(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(SafetyTest, KeepsItsPropertiesUnderEverythingAtOnceAndRecovers) {
  const uint64_t first = NumberFrom("Z4J_RAFT_SEED", 1);
  const uint64_t seeds = NumberFrom("Z4J_RAFT_SEEDS", 600);
  uint64_t committed = 0;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    SCOPED_TRACE(absl::StrCat("Z4J_RAFT_SEED=", seed, " Z4J_RAFT_SEEDS=1"));
    RandomRun run(seed);
    run.Disturb(4000);
    run.Recover();
    ASSERT_THAT(run.violations(), testing::IsEmpty());
    ASSERT_TRUE(run.Serves());
    committed += run.committed().value;
  }
  EXPECT_GT(committed, seeds * 10) << "The runs commit next to nothing and so prove little.";
  for (int mark = 0; mark < static_cast<int>(Mark::kCount) && seeds >= 600; ++mark) {
    // No disk rots here, and none is replaced.
    if (static_cast<Mark>(mark) == Mark::kDamagedSilent) continue;
    if (static_cast<Mark>(mark) == Mark::kIncarnationRefused) continue;
    EXPECT_GT(HitsOf(static_cast<Mark>(mark)), 0) << NameOf(static_cast<Mark>(mark));
  }
}

}  // namespace
}  // namespace z4j::consensus
