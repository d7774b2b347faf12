#include "services/consensus/client/testing/fake_cluster.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/check.h"
#include "services/consensus/client/testing/fake_node.h"

namespace z4j::consensus::client {
namespace {

constexpr absl::Duration kAwaitMax = absl::Seconds(60);

}  // namespace

FakeCluster::FakeCluster(int nodes) {
  for (int i = 0; i < nodes; ++i) nodes_.push_back(std::make_unique<FakeNode>(*this, i));
}

FakeCluster::~FakeCluster() {
  for (const auto& node : nodes_) node->Stop();
}

std::string FakeCluster::endpoint(int node) const {
  return absl::StrCat("127.0.0.1:", nodes_[node]->port());
}

std::vector<std::string> FakeCluster::endpoints() const {
  std::vector<std::string> endpoints;
  for (int i = 0; i < nodes_.size(); ++i) endpoints.push_back(endpoint(i));
  return endpoints;
}

std::unique_ptr<Connection> FakeCluster::Connect(Clock& clock) const {
  absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::Create({endpoints(), std::nullopt}, clock);
  Z4J_CHECK(connection.ok());
  return *std::move(connection);
}

void FakeCluster::SetLeader(int node) {
  absl::MutexLock lock(&mu_);
  leader_ = node;
  ++term_;
}

void FakeCluster::SetHints(bool hints) {
  absl::MutexLock lock(&mu_);
  hints_ = hints;
}

void FakeCluster::Kill(int node) { nodes_[node]->Stop(); }

void FakeCluster::FailBefore(const std::string& method, Outcome outcome, Reason reason) {
  absl::MutexLock lock(&mu_);
  failing_.insert({method, {false, outcome, reason}});
}

void FakeCluster::FailAfter(const std::string& method, Outcome outcome, Reason reason) {
  absl::MutexLock lock(&mu_);
  failing_.insert({method, {true, outcome, reason}});
}

void FakeCluster::Mute(int node, bool mute) {
  absl::MutexLock lock(&mu_);
  if (mute) {
    muted_.insert(node);
  } else {
    muted_.erase(node);
  }
}

void FakeCluster::BreakStreams() {
  absl::MutexLock lock(&mu_);
  for (grpc::ServerContext* stream : streams_) stream->TryCancel();
}

void FakeCluster::EndSession(uint64_t session) {
  absl::MutexLock lock(&mu_);
  EndSessionLocked(session);
}

void FakeCluster::EndSessionLocked(uint64_t session) {
  sessions_.erase(session);
  for (auto& [name, election] : elections_) {
    std::erase_if(election.queue, [&](const auto& place) { return place.first == session; });
    if (election.session == session) PassOn(election, 0);
  }
}

void FakeCluster::PassOn(Election& election, uint64_t successor) {
  revision_ += 2;
  election.revision = election.token = revision_;
  const auto next = std::find_if(election.queue.begin(), election.queue.end(),
                                 [&](const auto& place) { return place.first == successor; });
  if (next != election.queue.end()) {
    std::tie(election.session, election.value) = *next;
    election.queue.erase(next);
  } else if (!election.queue.empty()) {
    std::tie(election.session, election.value) = election.queue.front();
    election.queue.pop_front();
  } else {
    election.token = election.session = 0;
    election.value.clear();
  }
}

int FakeCluster::Calls(const std::string& method, int node) {
  absl::MutexLock lock(&mu_);
  return CallsLocked(method, node);
}

int FakeCluster::CallsLocked(const std::string& method, int node) const {
  int calls = 0;
  for (const auto& [key, count] : calls_) {
    if (key.first == method && (node < 0 || key.second == node)) calls += count;
  }
  return calls;
}

void FakeCluster::AwaitCalls(const std::string& method, int count) {
  absl::MutexLock lock(&mu_);
  const auto came = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return CallsLocked(method, -1) >= count;
  };
  Z4J_CHECK(mu_.AwaitWithTimeout(absl::Condition(&came), kAwaitMax));
}

int FakeCluster::Done(const std::string& method) {
  absl::MutexLock lock(&mu_);
  return done_[method];
}

std::vector<uint64_t> FakeCluster::Sessions() {
  absl::MutexLock lock(&mu_);
  std::vector<uint64_t> ids;
  for (const auto& [id, opened] : sessions_) ids.push_back(id);
  return ids;
}

std::string FakeCluster::ValueOf(const std::string& key) {
  absl::MutexLock lock(&mu_);
  return keys_[key];
}

void FakeCluster::AwaitQueue(const std::string& election, size_t waiting) {
  absl::MutexLock lock(&mu_);
  const auto queue = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return elections_[election].queue.size() == waiting;
  };
  Z4J_CHECK(mu_.AwaitWithTimeout(absl::Condition(&queue), kAwaitMax));
}

}  // namespace z4j::consensus::client
