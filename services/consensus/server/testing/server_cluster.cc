#include "services/consensus/server/testing/server_cluster.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "services/base/check.h"
#include "services/consensus/machine/codec.h"

namespace z4j::consensus {
namespace {

// Of one try: a leader may be gone without anybody knowing yet.
constexpr absl::Duration kTryMax = absl::Seconds(2);

std::string TemporaryFolder() {
  std::string path = (std::filesystem::temp_directory_path() / "z4j-servers-XXXXXX").string();
  Z4J_CHECK(mkdtemp(path.data()) != nullptr);
  return path;
}

// Begins a call and waits for its end; false if it was not even begun.
bool Await(const std::function<absl::Status(Node::OnDone)>& begin,
           const std::function<void(const CallResult&, const Replica&)>& look) {
  absl::Notification done;
  const absl::Status taken = begin([&](const CallResult& result, const Replica& replica) {
    look(result, replica);
    done.Notify();
  });
  if (taken.ok()) done.WaitForNotification();
  return taken.ok();
}

}  // namespace

int FreePort() {
  static auto* given = new std::set<int>;
  while (true) {
    const int probe = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    Z4J_CHECK(probe >= 0 && bind(probe, any, size) == 0 && getsockname(probe, any, &size) == 0);
    close(probe);
    if (given->insert(ntohs(address.sin_port)).second) return ntohs(address.sin_port);
  }
}

ServerCluster::ServerCluster(int size, std::function<void(ConsensusOptions&)> change)
    : change_(std::move(change)), folder_(TemporaryFolder()) {
  for (int number = 1; number <= size; ++number) {
    members_[NodeId{static_cast<uint64_t>(number)}] = absl::StrCat("127.0.0.1:", FreePort());
  }
}

ServerCluster::~ServerCluster() {
  servers_.clear();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

ConsensusOptions ServerCluster::OptionsOf(NodeId id) {
  ConsensusOptions options;
  options.id = id;
  options.data_dir = absl::StrCat(folder_, "/node-", id.value);
  // Far more than a loaded machine takes for a heartbeat.
  options.election_timeout = absl::Milliseconds(400);
  options.members = members_;
  options.on_leadership = [this, id](const std::optional<Leadership>& leadership) {
    absl::MutexLock lock(&mu_);
    leading_.erase(id);
    if (leadership) leading_[id] = leadership->term;
  };
  if (change_) change_(options);
  return options;
}

absl::Status ServerCluster::Start(NodeId id) {
  auto server = ConsensusServer::Start(OptionsOf(id));
  if (!server.ok()) return server.status();
  servers_[id] = *std::move(server);
  return absl::OkStatus();
}

void ServerCluster::StartAll() {
  for (const auto& [id, address] : members_) Z4J_CHECK(Start(id).ok());
}

NodeId ServerCluster::AwaitLeader(NodeId besides) {
  NodeId leader;
  auto found = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Term newest;
    for (const auto& [id, term] : leading_) {
      if (id == besides || term <= newest) continue;
      newest = term;
      leader = id;
    }
    return static_cast<bool>(leader);
  };
  absl::MutexLock lock(&mu_);
  Z4J_CHECK(mu_.AwaitWithTimeout(absl::Condition(&found), kAwaitMax));
  return leader;
}

void ServerCluster::Put(const std::string& key, const std::string& value) {
  const uint64_t sequence = ++requests_;
  const RequestId request = {RequestId::Client{client_}, sequence, sequence};
  KvTxn txn;
  txn.then.push_back({key, KvPut{value}});
  const MonoTime give_up = clock_.MonoNow() + kAwaitMax;
  bool done = false;
  while (!done) {
    Z4J_CHECK(clock_.MonoNow() < give_up);
    Node& node = server(AwaitLeader()).node();
    Await(
        [&](Node::OnDone ended) {
          return node.Propose(request, txn, clock_.MonoNow() + kTryMax, std::move(ended));
        },
        [&](const CallResult& result, const Replica&) {
          done = result.fate == Fate::kDone &&
                 DecodeAnswer(result.answer).value().code == AnswerCode::kOk;
        });
  }
}

std::optional<std::string> ServerCluster::Get(NodeId id, const std::string& key) {
  const MonoTime give_up = clock_.MonoNow() + kAwaitMax;
  Node& node = server(id).node();
  std::optional<std::string> value;
  bool done = false;
  while (!done) {
    Z4J_CHECK(clock_.MonoNow() < give_up);
    Await(
        [&](Node::OnDone ended) { return node.Read(clock_.MonoNow() + kTryMax, std::move(ended)); },
        [&](const CallResult& result, const Replica& replica) {
          done = result.fate == Fate::kDone;
          const auto entry = replica.machine().kv().Get(key);
          if (done && entry.has_value()) value = entry->value;
        });
  }
  return value;
}

}  // namespace z4j::consensus
