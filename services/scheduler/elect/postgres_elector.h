#ifndef Z4J_SCHEDULER_ELECT_POSTGRES_ELECTOR_H_
#define Z4J_SCHEDULER_ELECT_POSTGRES_ELECTOR_H_

#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/scheduler/elect/leader_elector.h"
#include "services/scheduler/elect/wake_up.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/postgres/pq.h"

namespace z4j::scheduler {

// Elects by PostgreSQL alone, for clusters that want nothing else to run.
//
// Who holds an advisory lock leads.  Who gives it up notifies the others, and they try at once.  It
// is also gone the moment its holder's process or connection dies; then the next node has it within
// kCampaignPeriod.  A holder that lives but is frozen keeps the lock; so the holder also renews a
// lease by the database's clock, and whoever finds the lease run out ends the connection that holds
// the lock.  Neither is what keeps a stale leader from writing: that is the fence, which the new
// leader raises first (law 3).
//
// The tables of store/migrations/postgres must exist.
class PostgresElector final : public LeaderElector {
 public:
  struct Options {
    std::string conninfo;  // libpq's.
    std::string node;
    absl::Duration lease = kLease;
    absl::Duration renew_every = kLeaseRenewPeriod;
    absl::Duration campaign_every = kCampaignPeriod;
    // Called on the elector's thread before each renewal; tests freeze it there.
    std::function<void()> before_renewal = [] {};
  };
  // `clock` outlives this.
  PostgresElector(Options options, Clock& clock);
  ~PostgresElector() override;

  absl::Status Start(absl::AnyInvocable<void()> on_change) override;
  std::optional<LeaderTerm> Current(MonoTime now) override ABSL_LOCKS_EXCLUDED(mu_);
  LeaderInfo Leader() override ABSL_LOCKS_EXCLUDED(mu_);
  void Resign(absl::Duration pause) override ABSL_LOCKS_EXCLUDED(mu_);
  void Stop() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // One step of the thread; returns how long to wait before the next.
  absl::Duration Step() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits for `timeout`, a wake-up, or the end of the connection.
  void Wait(absl::Duration timeout);

  // Tries for the lock and, with it, the lease.
  absl::Status Campaign() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Renew(FencingToken token) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Release() ABSL_LOCKS_EXCLUDED(mu_);
  // The lock is somebody else's: learns who leads, and ends him if his lease has run out.
  absl::Status Watch() ABSL_LOCKS_EXCLUDED(mu_);

  void Lead(FencingToken token, MonoTime asked) ABSL_LOCKS_EXCLUDED(mu_);
  void StepDown() ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  Clock& clock_;
  absl::AnyInvocable<void()> on_change_;  // Constant after Start.
  std::thread thread_;
  WakeUp wake_up_;

  // Of the thread alone.
  pq::Connection connection_;
  std::optional<FencingToken> lease_;  // What this node holds in the database, as far as it knows.

  absl::Mutex mu_;
  std::optional<LeaderTerm> term_ ABSL_GUARDED_BY(mu_);
  LeaderInfo leader_ ABSL_GUARDED_BY(mu_);
  bool resigned_ ABSL_GUARDED_BY(mu_) = false;
  MonoTime paused_until_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_ELECT_POSTGRES_ELECTOR_H_
