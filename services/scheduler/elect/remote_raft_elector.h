#ifndef Z4J_SCHEDULER_ELECT_REMOTE_RAFT_ELECTOR_H_
#define Z4J_SCHEDULER_ELECT_REMOTE_RAFT_ELECTOR_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/consensus/client/connection.h"
#include "services/consensus/client/leader_watch.h"
#include "services/consensus/client/session.h"
#include "services/scheduler/elect/leader_elector.h"
#include "services/scheduler/elect/wake_up.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {

// Elects by a consensus cluster elsewhere: this node keeps a session there, and campaigns under it.
//
// The term's token is that of the grant.  The term is trusted as far as the session is: until a
// sign of life was sent, plus the TTL, less a margin for the clocks.  A stream of signs that breaks
// ends the trust at once.  If the session is then found to be alive, as after a change of leader
// among the consensus nodes, the term goes on under its token, which nobody else can have got
// meanwhile; a session that is lost takes the term with it.
class RemoteRaftElector final : public LeaderElector {
 public:
  struct Options {
    std::vector<std::string> endpoints;  // "host:port" of the consensus nodes.
    std::optional<consensus::client::Tls> tls;
    std::string cluster;  // Name of the scheduler cluster; its nodes campaign against each other.
    std::string node;
    std::string address;  // "host:port" of this node's gRPC, for the others to see.
    // A dead leader is replaced after so long, and what renewing allows: a quarter of it.
    absl::Duration session_ttl = kRemoteSessionTtl;
    // Called before each sign of life, on a thread of the session; tests freeze it there.
    std::function<void()> before_sign = [] {};
  };
  // INVALID_ARGUMENT: no endpoints.  `clock` outlives this; it must run by itself.
  static absl::StatusOr<std::unique_ptr<RemoteRaftElector>> Create(Options options, Clock& clock);
  ~RemoteRaftElector() override;

  absl::Status Start(absl::AnyInvocable<void()> on_change) override;
  std::optional<LeaderTerm> Current(MonoTime now) override ABSL_LOCKS_EXCLUDED(mu_);
  LeaderInfo Leader() override ABSL_LOCKS_EXCLUDED(mu_);
  void Resign(absl::Duration pause) override { ResignTo("", pause); }
  void ResignTo(const std::string& successor, absl::Duration pause) override
      ABSL_LOCKS_EXCLUDED(mu_);
  // Asks the cluster, at most kRemoteTellMax long: only who waits in the queue can be next.
  absl::Status CheckSuccessor(const std::string& successor) override ABSL_LOCKS_EXCLUDED(mu_);
  // Has the cluster raise its epoch, in the background, if this node leads; then campaigns anew.
  void MustExceed(FencingToken seen) override ABSL_LOCKS_EXCLUDED(mu_);
  void Stop() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Session = consensus::client::Session;

  RemoteRaftElector(Options options, std::unique_ptr<consensus::client::Connection> connection,
                    Clock& clock);

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // One try to lead, from a session on; returns when the session is of no more use.
  void Strive() ABSL_LOCKS_EXCLUDED(mu_);
  // Holds `token` until it is given up or lost.  True: given up, and the session lives on.
  bool Lead(Session& session, FencingToken token) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether the cluster's next token will exceed `seen`, which `token` does not.
  bool RaiseTokens(FencingToken token, FencingToken seen) ABSL_LOCKS_EXCLUDED(mu_);
  // Tells the cluster that `token` is given up.  False: it could not be told.
  bool PassOn(Session& session, FencingToken token) ABSL_LOCKS_EXCLUDED(mu_);
  // The waiting session of the node `name`, or of any other node if it is empty.  NOT_FOUND: none.
  absl::StatusOr<uint64_t> FindCandidate(Session& session, const std::string& name);
  // Waits out the pause after a resignation.  False: stopping.
  bool StandBack() ABSL_LOCKS_EXCLUDED(mu_);
  void SetSession(std::shared_ptr<Session> session) ABSL_LOCKS_EXCLUDED(mu_);
  void Observed(const consensus::client::Leading& leading) ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  const std::string election_;
  Clock& clock_;
  absl::AnyInvocable<void()> on_change_;  // Constant after Start.
  std::unique_ptr<consensus::client::Connection> connection_;
  std::unique_ptr<consensus::client::LeaderWatch> watch_;
  consensus::client::Cancellation stopping_;
  WakeUp wake_up_;  // Of the thread while it leads.
  std::thread thread_;

  absl::Mutex mu_;
  std::shared_ptr<Session> session_ ABSL_GUARDED_BY(mu_);
  std::optional<FencingToken> token_ ABSL_GUARDED_BY(mu_);  // Held, as long as the session lives.
  FencingToken given_up_ ABSL_GUARDED_BY(mu_);  // The last; what is heard of it is out of date.
  LeaderInfo leader_ ABSL_GUARDED_BY(mu_);      // As observed.
  MonoTime paused_until_ ABSL_GUARDED_BY(mu_);
  std::string successor_ ABSL_GUARDED_BY(mu_);  // Named by the last resignation.
  std::optional<FencingToken> must_exceed_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_ELECT_REMOTE_RAFT_ELECTOR_H_
