#ifndef Z4J_TESTS_SIMULATION_CONNECTION_H_
#define Z4J_TESTS_SIMULATION_CONNECTION_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "services/scheduler/store/testing/forwarding_store.h"
#include "tests/simulation/database_link.h"
#include "tests/simulation/simulated_thread.h"

namespace z4j::simulation {

// The store as a process sees it.  Calls are made on its simulated threads, and wait there for
// the answer as the PostgreSQL store's wait; without one in time the outcome is unknown.
class Connection final : public scheduler::ForwardingStore {
 public:
  Connection(DatabaseLink& link, Database& database)
      : ForwardingStore(database.tables()), link_(link), database_(database) {}

  // Under which this process last raised the fence, as it was told, and when that was done.
  scheduler::FencingToken raised() const { return raised_; }
  Instant raised_at() const { return raised_at_; }
  // It was told that this token's write was refused.
  scheduler::FencingToken refused() const { return refused_; }

  absl::StatusOr<int64_t> LoadSchedules(
      absl::FunctionRef<void(scheduler::StoredSchedule)> visit) override;
  absl::StatusOr<std::vector<scheduler::ScheduleChange>> ListChanges(int64_t after,
                                                                     int limit) override;
  absl::StatusOr<std::vector<std::pair<scheduler::ScheduleId, scheduler::Cursor>>> GetCursors(
      absl::Span<const scheduler::ScheduleId> ids) override;
  absl::StatusOr<scheduler::AuditHead> GetAuditHead() override;
  absl::StatusOr<std::vector<scheduler::NamedFire>> GetFires(
      absl::Span<const scheduler::FireKey> keys) override;
  absl::StatusOr<scheduler::FenceRow> ReadFence() override;
  absl::StatusOr<scheduler::FenceRow> RaiseFence(scheduler::FencingToken token,
                                                 const std::string& holder) override;
  absl::Status MarkLive(scheduler::FencingToken token, absl::Time at) override;
  absl::Status SetOutages(scheduler::FencingToken token,
                          absl::Span<const scheduler::Outage> outages, absl::Time at) override;
  absl::StatusOr<scheduler::CommitResult> CommitFires(scheduler::FencingToken token,
                                                      const scheduler::FireBatch& batch) override;
  absl::Status UpdateFires(scheduler::FencingToken token,
                           absl::Span<const scheduler::FireUpdate> updates,
                           absl::Span<const int64_t> closed) override;
  absl::StatusOr<std::vector<scheduler::PendingFire>> LoadPending(int64_t after_batch,
                                                                  int limit) override;
  absl::StatusOr<std::vector<scheduler::Fire>> LoadOpen(
      absl::Span<const scheduler::ScheduleId> schedules) override;
  absl::StatusOr<scheduler::UnendedPage> LoadUnended(const scheduler::FireKey& before,
                                                     absl::Time since, int rows) override;
  absl::StatusOr<int64_t> Prune(scheduler::FencingToken token, absl::Time before,
                                int limit) override;

 private:
  using Kind = Database::Statement::Kind;

  // Has the database do `what`, and waits for what it says.
  template <typename T>
  T Ask(Kind kind, scheduler::FencingToken token, std::function<T(scheduler::FencingToken)> what);
  template <typename T>
  T Read(std::function<T()> what);
  // Notes a refusal.
  absl::Status Told(scheduler::FencingToken token, absl::Status status);

  DatabaseLink& link_;
  Database& database_;
  scheduler::FencingToken raised_, refused_;
  Instant raised_at_;
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_CONNECTION_H_
