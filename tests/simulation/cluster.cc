#include "tests/simulation/cluster.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/log.h"
#include "services/base/virtual_sleep.h"
#include "tests/simulation/linearizability.h"

namespace z4j::simulation {
namespace {

constexpr ClusterId kCluster{0x7a346a};
constexpr uint64_t kStepsMax = 3'000'000;  // Of the search for one key's order.
constexpr absl::Duration kConvergence = absl::Seconds(30);

}  // namespace

Cluster::Cluster(World& world, Options options)
    : world_(world),
      options_(std::move(options)),
      oracle_(world),
      network_(world, options_),
      schedulers_(world, options_, oracle_) {
  oracle_.set_drift(static_cast<double>(options_.drift_permille) / 500);
  Config first;
  for (int i = 1; i <= options_.nodes; ++i) {
    const NodeId id{static_cast<uint64_t>(i)};
    first.voters.insert(id);
    first.members[id] = Member{absl::StrCat("node", i, ":7802"), {}};
  }
  for (int i = 0; i < options_.nodes; ++i) AddServer(first);
  for (auto& [id, server] : servers_) server->Start();
  for (int i = 0; i < options_.clients; ++i) {
    clients_.push_back(std::make_unique<Client>(world_, options_, oracle_, network_, servers_, i));
    clients_.back()->Start();
  }
}

Cluster::~Cluster() = default;

NodeId Cluster::AddServer(const Config& first) {
  const NodeId id{++last_node_};
  Server::Outside outside;
  outside.send = [this](NodeId from, Message message) { Send(from, std::move(message)); };
  outside.send_snapshot = [this](NodeId from, Message message, std::string bytes,
                                 std::function<void(bool)> done) {
    const NodeId to = message.to;
    // A transfer that is lost on the way is noticed by a timeout.
    auto told = std::make_shared<bool>(false);
    auto tell = [told, done = std::move(done)](bool delivered) {
      if (!std::exchange(*told, true)) done(delivered);
    };
    world_.After(absl::Seconds(1), [tell] { tell(false); });
    const size_t kind = message.body.index();
    const std::function<void()> deliver = [this, from, to, message, bytes = std::move(bytes),
                                           tell] {
      auto server = servers_.find(to);
      if (server == servers_.end()) return;
      server->second->DeliverSnapshot(message, bytes, [this, from, to, tell](bool delivered) {
        network_.Send(to, from, [tell, delivered] { tell(delivered); });
      });
    };
    network_.Send(from, to, deliver, kind);
    // They are few: every other one comes once more, when its receiver has more than it brings.
    if (healed_ || options_.replay == 0 || world_.random().OneIn(2)) return;
    world_.After(world_.Between(absl::Milliseconds(50), absl::Seconds(2)), deliver);
  };
  outside.started = [this](NodeId node) {
    TellPeers(node, true);
    schedulers_.Started(node);
  };
  outside.stopped = [this](NodeId node) {
    TellPeers(node, false);
    schedulers_.Stopped(node);
  };
  outside.leadership = [this](NodeId node) { schedulers_.LeadershipChanged(node); };
  outside.leads = [this](NodeId node) { MeetNewLeader(*servers_.at(node)); };
  servers_[id] = std::make_unique<Server>(
      world_, options_, oracle_, std::move(outside),
      NodeIdentity{kCluster, id, Incarnation{world_.random()() | 1}}, first);
  schedulers_.Add(*servers_[id]);
  return id;
}

void Cluster::Send(NodeId from, Message message) {
  const NodeId to = message.to;
  const size_t kind = message.body.index();
  if (figure8_ == Figure8Stage::kThirdSilent && from == silent_) return;
  if (std::holds_alternative<TimeoutNow>(message.body) && IsStray(from, message)) return;
  network_.Send(
      from, to,
      [this, to, message = std::move(message)] {
        auto server = servers_.find(to);
        if (server != servers_.end()) server->second->Deliver(message);
      },
      kind);
}

void Cluster::TellPeers(NodeId node, bool connected) {
  // A half-open stream tells nobody that the other side is gone.
  if (!connected && options_.half_open) return;
  for (auto& [id, server] : servers_) {
    if (id == node) continue;
    network_.Send(node, id, [this, id = id, node, connected] {
      auto peer = servers_.find(id);
      if (peer == servers_.end()) return;
      peer->second->Do([node, connected](Replica& replica, MonoTime now) {
        replica.PeerConnected(now, node, connected);
      });
    });
  }
}

std::set<NodeId> Cluster::Ids() const {
  std::set<NodeId> ids;
  for (const auto& [id, server] : servers_) ids.insert(id);
  return ids;
}

Server& Cluster::Any() {
  auto it = servers_.begin();
  std::advance(it, world_.random().Below(servers_.size()));
  return *it->second;
}

Server* Cluster::Leader() {
  for (auto& [id, server] : servers_) {
    if (server->replica() != nullptr && server->replica()->leadership()) return server.get();
  }
  return nullptr;
}

void Cluster::RunUntil(Instant until, const std::function<bool()>& enough) {
  while (oracle_.breach().empty() && !enough() && world_.Step(until)) CheckLeases();
}

void Cluster::CheckLeases() {
  if (!options_.leases_hold()) return;
  const Server* holder = nullptr;
  for (auto& [id, server] : servers_) {
    if (!server->HoldsLease()) continue;
    if (holder != nullptr) oracle_.LeasesOverlap(holder->identity().id, id);
    holder = server.get();
  }
}

void Cluster::Run() {
  Nemeses();
  RunUntil(options_.safety, [] { return false; });
  if (!oracle_.breach().empty()) return;

  world_.Tell([] { return "everything is healed"; });
  healed_ = true;
  strays_.clear();
  network_.Heal();
  network_.Calm();
  schedulers_.Calm();
  for (auto& [id, server] : servers_) {
    server->CalmDisk();
    server->Start();
    TellPeers(id, true);
  }
  AwaitHealth("everything was healed");
  Upgrade();
  for (auto& client : clients_) client->Stop();
  RunUntil(world_.now() + absl::Seconds(2), [] { return false; });
  // A call that was lost just before all was healed is given up after seconds.
  RunUntil(world_.now() + kConvergence, [&] { return !schedulers_.Missing().has_value(); });
  if (const auto missing = schedulers_.Missing()) oracle_.Fail(*missing);
  JudgeHistories();
}

void Cluster::AwaitHealth(const char* after) {
  const Index goal = oracle_.committed();
  std::vector<uint64_t> done_before;
  for (const auto& client : clients_) done_before.push_back(client->done());
  RunUntil(world_.now() + kConvergence, [&] { return Healthy(goal, done_before); });
  if (!oracle_.breach().empty() || Healthy(goal, done_before)) return;
  for (auto& [id, server] : servers_) world_.Tell([&] { return server->Describe(); });
  oracle_.Fail(absl::StrCat("not healthy ", absl::FormatDuration(kConvergence), " after ", after,
                            ": ",
                            schedulers_.Missing().value_or("a node or a client does not get on")));
}

void Cluster::JudgeHistories() {
  History keys, claims;
  std::vector<Holding> holdings;
  for (const auto& client : clients_) {
    const History some = client->ClaimHistory();
    keys.insert(keys.end(), client->history().begin(), client->history().end());
    claims.insert(claims.end(), some.begin(), some.end());
    holdings.insert(holdings.end(), client->holdings().begin(), client->holdings().end());
  }
  if (const auto wrong = CheckHoldings(std::move(holdings))) oracle_.Fail(*wrong);
  auto judge = [this](const SequentialModel& model, const History& history) {
    const CheckResult checked = CheckLinearizable(model, history, kStepsMax);
    if (checked.verdict == Verdict::kNotLinearizable) {
      oracle_.Fail(
          absl::StrCat("key ", checked.key, " is not linearizable: ", checked.explanation));
    }
    undecided_ = undecided_ || checked.verdict == Verdict::kUndecided;
  };
  judge(RegisterModel(), keys);
  judge(LockModel(), claims);
}

bool Cluster::Healthy(Index goal, const std::vector<uint64_t>& done_before) {
  Server* leader = Leader();
  if (leader == nullptr) return false;
  const Config config = leader->replica()->status().config;
  if (config.joint()) return false;
  for (const auto& [id, member] : config.members) {
    const Server& server = *servers_.at(id);
    if (server.lost()) continue;
    if (!server.up() || server.replica()->machine().applied() < goal) return false;
  }
  for (size_t i = 0; i < clients_.size(); ++i) {
    if (clients_[i]->done() < done_before[i] + 3) return false;
  }
  return !schedulers_.Missing().has_value();
}

uint64_t Cluster::operations() const {
  uint64_t all = 0;
  for (const auto& client : clients_) all += client->done();
  return all;
}

Result Simulate(uint64_t seed, bool verbose) {
  ConfigureLog(LogFormat::kText, LogLevel::kError);  // Schedulers warn of all that is done to them.
  virtual_sleep = &SimulatedThread::SleepHere;
  World world(seed);
  world.set_verbose(verbose);
  const Options options = Draw(world.random());
  Cluster cluster(world, options);
  cluster.Run();
  Result result;
  result.seed = seed;
  result.breach = cluster.oracle().breach();
  result.options = Describe(options);
  result.hash = world.hash();
  result.events = world.events();
  result.simulated = world.now();
  result.operations = cluster.operations();
  result.committed = cluster.oracle().committed().value;
  result.crashes = cluster.crashes();
  result.stops = cluster.stops();
  result.upgrades = cluster.upgrades();
  result.fires = cluster.fires();
  result.undecided = cluster.undecided();
  result.story = world.TakeStory();
  return result;
}

}  // namespace z4j::simulation
