#ifndef Z4J_CONSENSUS_CLIENT_SESSION_H_
#define Z4J_CONSENSUS_CLIENT_SESSION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/client/connection.h"
#include "services/consensus/client/request_ids.h"
#include "services/consensus/client/result.h"

namespace z4j::consensus::client {

class Keeper;

struct SessionOptions {
  absl::Duration ttl = absl::Seconds(10);  // 300 ms .. 60 s; the service moves others there.
  std::string owner;                       // For people.
  // Called, without a lock and on a thread of the session, when trusted_until() begins to be known
  // or ceases before its time.
  std::function<void()> on_change = [] {};
  // Called on that thread before each sign of life; tests freeze it.
  std::function<void()> before_sign = [] {};
};

// A live session: it says by itself that it is alive, and holds leaderships and locks.  Each
// mutation is done once, however often it has to be sent.  Thread-safe.
class Session {
 public:
  // Opens one.  Blocks.  `connection` outlives it.
  static Result<std::unique_ptr<Session>> Open(Connection& connection, SessionOptions options,
                                               const CallOptions& call);
  // Shows no sign of life any more: unless it was closed, the session ends when its TTL is over.
  // No call may be under way.
  ~Session();

  uint64_t id() const { return id_; }
  // Until when the session surely lives, and with it all that it was granted and did not give up.
  // None: nothing is certain.  After a broken stream it may become certain again.  Never blocks
  // on I/O.
  std::optional<MonoTime> trusted_until() const;
  // It has ended for good.  Calls that wait are then cancelled.
  bool lost() const;
  // No more signs of life, and nothing is trusted; then tells the cluster, so that others need not
  // wait for the TTL.  OK: it has ended.  Calls that wait end.  Idempotent; by one thread at a
  // time.
  Result<Done> Close(const CallOptions& call);

  // --- Elections ----------------------------------------------------------------------------
  // Waits until the session leads `name`; returns the leadership's token.  After a cancellation
  // nobody knows whether it was granted; Close() settles it.
  Result<uint64_t> Campaign(const std::string& name, const std::string& value,
                            const CallOptions& call);
  Result<Done> Proclaim(const std::string& name, uint64_t token, const std::string& value,
                        const CallOptions& call);
  // Gives it up, to a waiting session `successor`, or (0) to the first that waits.
  Result<Done> Resign(const std::string& name, uint64_t token, uint64_t successor,
                      const CallOptions& call);

  // The sessions that wait to lead `name`, first come first; empty: none.
  struct Candidate {
    uint64_t session_id = 0;
    std::string owner;
  };
  Result<std::vector<Candidate>> Candidates(const std::string& name, const CallOptions& call);

  // --- Locks --------------------------------------------------------------------------------
  // Waits, by the cluster's time, until the session holds `name`; returns the holding's token.
  // kRefused with kNotGranted: the wait is over.
  Result<uint64_t> AcquireLock(const std::string& name, absl::Duration wait,
                               const CallOptions& call);
  // Whether the token held it until now.
  Result<bool> ReleaseLock(const std::string& name, uint64_t token, const CallOptions& call);

 private:
  Session(Connection& connection, const SessionOptions& options, uint64_t id, absl::Duration ttl);

  // Sends a mutation of this session under a number of its own.
  template <typename Stub, typename Request, typename Response>
  Result<Response> Mutate(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                       Response*),
                          Request request, const CallOptions& call, bool waits);

  Connection& connection_;
  const uint64_t id_;
  const std::function<void()> on_change_;
  Cancellation ended_;  // Of calls, once the session is lost or closed.
  bool closed_ = false;

  absl::Mutex mu_;
  RequestIds ids_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<Keeper> keeper_;
};

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_SESSION_H_
