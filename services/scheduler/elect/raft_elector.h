#ifndef Z4J_SCHEDULER_ELECT_RAFT_ELECTOR_H_
#define Z4J_SCHEDULER_ELECT_RAFT_ELECTOR_H_

#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "services/base/monotone_mutex.h"
#include "services/scheduler/elect/leader_elector.h"
#include "services/scheduler/elect/leadership_source.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {

// Elects by the consensus node in this process: whoever leads the consensus cluster ticks.  Nothing
// stands between the two, neither session nor campaign, so a fail-over is one election of Raft.
//
// Who resigns hands leadership over.  One that comes back to this node within the pause is handed
// over again.  But if nobody takes it, this node goes on: schedules that fire here are better than
// schedules that fire nowhere.
class RaftElector final : public LeaderElector {
 public:
  struct Options {
    absl::Duration election_timeout;  // Of the consensus cluster.
    absl::Duration hand_over_max = kTransferMax;
  };
  // Both outlive this.
  RaftElector(Options options, LeadershipSource& source, Clock& clock);
  ~RaftElector() override;

  absl::Status Start(absl::AnyInvocable<void()> on_change) override;
  std::optional<LeaderTerm> Current(MonoTime now) override ABSL_LOCKS_EXCLUDED(mu_);
  LeaderInfo Leader() override { return source_.Leader(); }
  void Resign(absl::Duration pause) override { ResignTo("", pause); }
  void ResignTo(const std::string& successor, absl::Duration pause) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status CheckSuccessor(const std::string& successor) override;
  void MustExceed(FencingToken seen) override ABSL_LOCKS_EXCLUDED(mu_);
  void Stop() override ABSL_LOCKS_EXCLUDED(mu_);

  // What the thread does whenever something changed, and every half an election timeout while this
  // node leads.
  void Step() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);
  void HandOver(FencingToken token, const std::string& successor) ABSL_LOCKS_EXCLUDED(mu_);
  void RaiseTokens(FencingToken held, FencingToken seen);
  void WatchTrust(const LeaderTerm& held, MonoTime now);

  const Options options_;
  LeadershipSource& source_;
  Clock& clock_;
  absl::AnyInvocable<void()> on_change_ = [] {};  // Constant after Start.
  std::thread thread_;
  std::optional<MonoTime> trusted_at_;  // The thread's: when what is held was last to be trusted.

  MonotoneMutex mu_;
  FencingToken given_up_ ABSL_GUARDED_BY(mu_);  // Nor any token below it is this node's.
  FencingToken kept_ ABSL_GUARDED_BY(mu_);      // Nobody would take it.
  MonoTime paused_until_ ABSL_GUARDED_BY(mu_);
  std::string successor_ ABSL_GUARDED_BY(mu_);
  std::optional<FencingToken> must_exceed_ ABSL_GUARDED_BY(mu_);
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_ELECT_RAFT_ELECTOR_H_
