#ifndef Z4J_CONSENSUS_CLIENT_CONNECTION_H_
#define Z4J_CONSENSUS_CLIENT_CONNECTION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/base/clock.h"
#include "services/base/rng.h"
#include "services/consensus/client/cancellation.h"
#include "services/consensus/client/leader_finder.h"
#include "services/consensus/client/limits.h"
#include "services/consensus/client/pursuit.h"
#include "services/consensus/client/result.h"

namespace grpc {
class Channel;
class ChannelCredentials;
class ClientContext;
class Status;
}  // namespace grpc

namespace z4j::consensus::client {

// PEM texts.  `certificate` and `key` are the client's own, for nodes that ask for one; else empty.
struct Tls {
  std::string ca;
  std::string certificate;
  std::string key;
};

struct ConnectionOptions {
  std::vector<std::string> endpoints;  // "host:port" of the nodes' client ports.
  std::optional<Tls> tls;              // None: plaintext.
  absl::Duration attempt_timeout = kAttemptTimeout;
};

// How long a caller waits.
struct CallOptions {
  MonoTime deadline{absl::InfiniteDuration()};
  Cancellation* cancellation = nullptr;  // May be null; outlives the call.
};

// How a request is sent.
struct CallPlan {
  Repeat repeat = Repeat::kHarmless;
  // Only the leader does it, so whoever does it leads.
  bool leader_only = true;
  // Its answer takes as long as it takes: an attempt has no timeout, but ends when another node
  // turns out to lead.
  bool waits = false;
  CallOptions options;
};

// The way to a cluster: a channel to each node, and who leads as far as known.  What any user of
// it learns, all go by.  Thread-safe.
class Connection {
 public:
  // INVALID_ARGUMENT: no endpoints.  `clock` outlives this; it must run by itself.
  static absl::StatusOr<std::unique_ptr<Connection>> Create(ConnectionOptions options,
                                                            Clock& clock);
  ~Connection();

  // One attempt: calls on the channel, under the context.
  using Attempt =
      absl::FunctionRef<grpc::Status(const std::shared_ptr<grpc::Channel>&, grpc::ClientContext*)>;
  // Sends a request until its fate is known or the caller waits no longer: to the leader, following
  // hints, with back-off.  Blocks.
  Result<Done> Call(const CallPlan& plan, Attempt attempt) ABSL_LOCKS_EXCLUDED(mu_);
  // Asks one node, once; `attempt` may take as long as the caller waits.
  Result<Done> CallNode(const std::string& endpoint, const CallOptions& options, Attempt attempt)
      ABSL_LOCKS_EXCLUDED(mu_);

  // --- For streams --------------------------------------------------------------------------
  struct Target {
    std::string endpoint;
    std::shared_ptr<grpc::Channel> channel;
  };
  Target target() ABSL_LOCKS_EXCLUDED(mu_);
  // `endpoint` did what only a leader does.
  void Leads(const std::string& endpoint) ABSL_LOCKS_EXCLUDED(mu_);
  // A call to `endpoint` failed.  True: it said who leads, and that one is the target now.
  bool Failed(const std::string& endpoint, const Failure& failure) ABSL_LOCKS_EXCLUDED(mu_);
  // While it exists, the call of `context` to `endpoint` is cancelled when another node turns out
  // to lead: on a connection that died silently nothing else would end it.
  class FollowsLeader {
   public:
    FollowsLeader(Connection& connection, std::string endpoint, grpc::ClientContext* context);
    ~FollowsLeader();
    FollowsLeader(const FollowsLeader&) = delete;
    FollowsLeader& operator=(const FollowsLeader&) = delete;

   private:
    friend class Connection;
    Connection& connection_;
    const std::string endpoint_;
    grpc::ClientContext* const context_;
  };

  size_t nodes() const { return options_.endpoints.size(); }
  const std::vector<std::string>& endpoints() const { return options_.endpoints; }
  Clock& clock() const { return clock_; }
  // Another one each time.
  uint64_t NextSeed() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Connection(ConnectionOptions options, Clock& clock);

  std::shared_ptr<grpc::Channel> ChannelTo(const std::string& endpoint)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // One attempt.  `follow`: it ends when another node turns out to lead.  None: done.
  std::optional<Failure> Try(const Target& target, const CallOptions& options,
                             absl::Duration timeout, bool follow, Attempt attempt)
      ABSL_LOCKS_EXCLUDED(mu_);

  const ConnectionOptions options_;
  Clock& clock_;
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;

  absl::Mutex mu_;
  Rng rng_ ABSL_GUARDED_BY(mu_);
  LeaderFinder finder_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_ ABSL_GUARDED_BY(mu_);
  std::set<FollowsLeader*> followers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_CONNECTION_H_
