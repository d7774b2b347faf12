#include "services/consensus/node/node.h"

#include <algorithm>
#include <utility>

#include "absl/synchronization/notification.h"
#include "services/base/rng.h"
#include "services/base/status_macros.h"
#include "services/consensus/limits.h"

namespace z4j::consensus {

absl::StatusOr<std::unique_ptr<Node>> Node::Create(ReplicaOptions options, NodeListeners listeners,
                                                   LogStorage& storage, Transport& transport,
                                                   Clock& clock) {
  options.raft.cluster = storage.identity().cluster;
  options.raft.id = storage.identity().id;
  options.raft.incarnation = storage.identity().incarnation;
  // Not all nodes at once.
  const uint64_t every = options.snapshot_every;
  options.snapshot_every = every - every / 5 + Rng(options.raft.seed).Below(every * 2 / 5 + 1);
  auto newest = [&storage] { return storage.NewestSnapshot(); };
  ASSIGN_OR_RETURN(auto replica, Replica::Create(options, storage.recovered(), std::move(newest),
                                                 clock.MonoNow()));
  return std::unique_ptr<Node>(
      new Node(std::move(replica), options, std::move(listeners), storage, transport, clock));
}

Node::Node(std::unique_ptr<Replica> replica, const ReplicaOptions& options, NodeListeners listeners,
           LogStorage& storage, Transport& transport, Clock& clock)
    : storage_(storage),
      transport_(transport),
      clock_(clock),
      listeners_(std::move(listeners)),
      election_timeout_(options.raft.election_timeout),
      replica_(std::move(replica)),
      next_turn_(clock.MonoNow()),
      disk_(storage, clock, DiskEvents()),
      snapshots_(storage, transport, SnapshotEvents()) {
  Publish(replica_->status());
}

Node::~Node() { Stop(); }

absl::Status Node::Start() {
  // What comes in before the threads run waits in the inbox.
  RETURN_IF_ERROR(transport_.Start(*this));
  started_ = true;
  disk_.Start();
  snapshots_.Start();
  core_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void Node::Stop() {
  if (!std::exchange(started_, false)) return;
  inbox_.Close();
  core_.join();
  transport_.Stop();
  disk_.Stop();
  snapshots_.Stop();
}

absl::Status Node::StepDown(MonoTime deadline) {
  for (MonoTime now = clock_.MonoNow(); now < deadline; now = clock_.MonoNow()) {
    absl::Notification answered;
    CallResult result;
    // A hand-over that got stuck is given up after an election timeout, and begun again.
    RETURN_IF_ERROR(Transfer(NodeId{}, std::min(deadline, now + 2 * election_timeout_),
                             [&](const CallResult& it, const Replica&) {
                               result = it;
                               answered.Notify();
                             }));
    answered.WaitForNotification();
    if (result.fate == Fate::kDone || result.fate == Fate::kNotLeader) return absl::OkStatus();
    if (result.fate != Fate::kUnknown) return absl::UnavailableError(result.detail);
  }
  return absl::UnavailableError("no other node took over in time");
}

absl::Status Node::Propose(std::optional<RequestId> request, Command command, MonoTime deadline,
                           OnDone done) {
  auto begin = [request = std::move(request), command = std::move(command), deadline](
                   Replica& replica, MonoTime now, CallId call) mutable {
    replica.Propose(now, call, deadline, std::move(request), std::move(command));
  };
  return Put(Call{std::move(begin), std::move(done), /*fills_disk=*/true});
}

absl::Status Node::Read(MonoTime deadline, OnDone done) {
  auto begin = [deadline](Replica& replica, MonoTime now, CallId call) {
    replica.Read(now, call, deadline);
  };
  return Put(Call{std::move(begin), std::move(done)});
}

absl::Status Node::Look(OnDone done) {
  auto begin = [](Replica& replica, MonoTime, CallId call) { replica.Look(call); };
  return Put(Call{std::move(begin), std::move(done)});
}

absl::Status Node::KeepAlive(SessionId session, MonoTime deadline, OnDone done) {
  auto begin = [session, deadline](Replica& replica, MonoTime now, CallId call) {
    replica.KeepAlive(now, call, deadline, session);
  };
  return Put(Call{std::move(begin), std::move(done)}, kInboxSignsMax);
}

absl::Status Node::Change(ConfigChange change, MonoTime deadline, OnDone done) {
  auto begin = [change = std::move(change), deadline](Replica& replica, MonoTime now, CallId call) {
    replica.Change(now, call, deadline, change);
  };
  return Put(Call{std::move(begin), std::move(done)});
}

absl::Status Node::Transfer(NodeId target, MonoTime deadline, OnDone done) {
  auto begin = [target, deadline](Replica& replica, MonoTime now, CallId call) {
    replica.Transfer(now, call, deadline, target);
  };
  return Put(Call{std::move(begin), std::move(done)});
}

void Node::Campaign() {
  Put([](Replica& replica, MonoTime now) { replica.Campaign(now); });
}

NodeStatus Node::Status() const {
  absl::MutexLock lock(&mu_);
  return status_;
}

NodeHealth Node::Health() const {
  NodeHealth health;
  health.append_p50 = disk_.AppendPercentile(50);
  health.append_p99 = disk_.AppendPercentile(99);
  const MonoTime now = clock_.MonoNow();
  absl::MutexLock lock(&mu_);
  health.status = status_;
  if (unsynced_since_) health.oldest_unsynced = now - *unsynced_since_;
  health.loop_stall = std::max(stalls_.At(now), now - next_turn_);
  const std::optional<MonoTime> in_touch = status_.raft.in_touch;
  health.in_touch = in_touch ? now - *in_touch : absl::InfiniteDuration();
  return health;
}

std::optional<Leadership> Node::leadership() const {
  absl::MutexLock lock(&mu_);
  return leadership_;
}

void Node::OnMessage(Message message) { inbox_.Put(std::move(message), kInboxMessagesMax); }

void Node::OnConnected(NodeId peer, bool connected) {
  Put([=](Replica& replica, MonoTime now) { replica.PeerConnected(now, peer, connected); });
}

void Node::OnSnapshotSent(NodeId peer, bool delivered) {
  Put([=](Replica& replica, MonoTime now) { replica.SnapshotSent(now, peer, delivered); });
}

absl::StatusOr<std::unique_ptr<SnapshotWriter>> Node::OpenSnapshot(const Message& install,
                                                                   const std::string& source) {
  return storage_.WriteSnapshot(std::get<InstallSnapshot>(install.body).meta, source);
}

absl::Status Node::Put(Call call, size_t bound) {
  if (inbox_.Put(std::move(call), bound)) return absl::OkStatus();
  if (inbox_.closed()) return absl::FailedPreconditionError("the node stops");
  return absl::ResourceExhaustedError("too many calls wait; send again later");
}

// What must not be lost: the ends of what this node began, and its peers' streams coming and going.
void Node::Put(Happening happening) { inbox_.Put(std::move(happening)); }

DiskThread::Events Node::DiskEvents() {
  return {.persisted =
              [this](uint64_t seq) {
                Put([this, seq](Replica& replica, MonoTime now) {
                  while (!unsynced_.empty() && unsynced_.front().seq <= seq) unsynced_.pop_front();
                  replica.Persisted(now, seq);
                });
              },
          .full = [this](bool full) { Put([=, this](Replica&, MonoTime) { disk_full_ = full; }); },
          .failed =
              [this](const absl::Status& status) {
                Put([this, status](Replica&, MonoTime) { failure_ = status; });
              }};
}

SnapshotThread::Events Node::SnapshotEvents() {
  return {
      .saved =
          [this](const SnapshotMeta& meta) {
            Put([meta](Replica& replica, MonoTime) { replica.SnapshotSaved(meta); });
          },
      .not_saved = [this] { Put([](Replica& replica, MonoTime) { replica.SnapshotNotSaved(); }); },
      .not_sent = [this](NodeId peer) { OnSnapshotSent(peer, /*delivered=*/false); }};
}

}  // namespace z4j::consensus
