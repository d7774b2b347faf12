#include "tests/simulation/connection.h"

#include <memory>
#include <utility>

#include "services/scheduler/limits.h"
#include "services/scheduler/mutants.h"

// What a call takes along is copied: it may be done long after the call has given up.
namespace z4j::simulation {

using namespace scheduler;  // The seam's words.

template <typename T>
T Connection::Ask(Kind kind, FencingToken token, std::function<T(FencingToken)> what) {
  const absl::Status unknown = absl::UnavailableError("the database does not answer");
  SimulatedThread* const thread = SimulatedThread::Current();
  if (thread == nullptr || thread->dead()) return unknown;
  auto answer = std::make_shared<std::optional<T>>();
  auto came = std::make_shared<bool>(false);
  Database::Statement statement;
  statement.kind = kind;
  statement.token = token;
  statement.commit = [answer, what = std::move(what)](FencingToken as) { *answer = what(as); };
  statement.refuse = [answer](const absl::Status& status) { *answer = T(status); };
  link_.Send(std::move(statement), [answer, came, waits = thread->weak_from_this()](bool broken) {
    const auto thread = waits.lock();
    if (thread == nullptr || std::exchange(*came, true)) return;
    if (broken) *answer = T(absl::UnavailableError("the connection broke"));
    thread->Look();
  });
  if (!thread->Await(came, kStoreTimeout)) {
    *came = true;  // Too late from now on.
    return unknown;
  }
  return **answer;
}

template <typename T>
T Connection::Read(std::function<T()> what) {
  return Ask<T>(Kind::kRead, {}, [what = std::move(what)](FencingToken) { return what(); });
}

absl::Status Connection::Told(FencingToken token, absl::Status status) {
  if (absl::IsAborted(status)) refused_ = std::max(refused_, token);
  return status;
}

absl::StatusOr<int64_t> Connection::LoadSchedules(absl::FunctionRef<void(StoredSchedule)> visit) {
  auto all = std::make_shared<std::vector<StoredSchedule>>();
  const auto revision = Read<absl::StatusOr<int64_t>>([all, &tables = database_.tables()] {
    return tables.LoadSchedules([&](StoredSchedule stored) { all->push_back(std::move(stored)); });
  });
  for (StoredSchedule& stored : *all) {
    if (revision.ok()) visit(std::move(stored));
  }
  return revision;
}

absl::StatusOr<std::vector<ScheduleChange>> Connection::ListChanges(int64_t after, int limit) {
  return Read<absl::StatusOr<std::vector<ScheduleChange>>>(
      [after, limit, &tables = database_.tables()] { return tables.ListChanges(after, limit); });
}

absl::StatusOr<std::vector<std::pair<ScheduleId, Cursor>>> Connection::GetCursors(
    absl::Span<const ScheduleId> ids) {
  return Read<absl::StatusOr<std::vector<std::pair<ScheduleId, Cursor>>>>(
      [ids = std::vector<ScheduleId>(ids.begin(), ids.end()), &tables = database_.tables()] {
        return tables.GetCursors(ids);
      });
}

absl::StatusOr<AuditHead> Connection::GetAuditHead() {
  return Read<absl::StatusOr<AuditHead>>(
      [&tables = database_.tables()] { return tables.GetAuditHead(); });
}

absl::StatusOr<std::vector<NamedFire>> Connection::GetFires(absl::Span<const FireKey> keys) {
  return Read<absl::StatusOr<std::vector<NamedFire>>>(
      [all = std::vector<FireKey>(keys.begin(), keys.end()), &tables = database_.tables()] {
        return tables.GetFires(all);
      });
}

absl::StatusOr<FenceRow> Connection::ReadFence() {
  return Read<absl::StatusOr<FenceRow>>(
      [&tables = database_.tables()] { return tables.ReadFence(); });
}

absl::StatusOr<FenceRow> Connection::RaiseFence(FencingToken token, const std::string& holder) {
  auto at = std::make_shared<Instant>();
  auto old = Ask<absl::StatusOr<FenceRow>>(
      Kind::kRaise, token, [token, holder, at, &database = database_](FencingToken) {
        *at = database.now();
        return database.RaiseFence(token, holder);
      });
  if (old.ok()) {
    raised_ = token;
    raised_at_ = *at;
  }
  return old;
}

absl::Status Connection::MarkLive(FencingToken token, absl::Time at) {
  auto mark = [token, at, &database = database_](FencingToken as) {
    return database.Write(token, [&] { return database.tables().MarkLive(as, at); });
  };
  return Told(token, Ask<absl::Status>(Kind::kLeaderWrite, token, std::move(mark)));
}

absl::Status Connection::SetOutages(FencingToken token, absl::Span<const Outage> outages,
                                    absl::Time at) {
  auto set = [token, at, kept = std::vector<Outage>(outages.begin(), outages.end()),
              &database = database_](FencingToken as) {
    return database.Write(token, [&] { return database.tables().SetOutages(as, kept, at); });
  };
  return Told(token, Ask<absl::Status>(Kind::kLeaderWrite, token, std::move(set)));
}

absl::StatusOr<CommitResult> Connection::CommitFires(FencingToken token, const FireBatch& batch) {
  auto result = Ask<absl::StatusOr<CommitResult>>(
      Kind::kLeaderWrite, token, [token, batch, &database = database_](FencingToken as) {
        return database.CommitFires(as, token, batch);
      });
  Told(token, result.status()).IgnoreError();
  if (absl::IsUnavailable(result.status()) && Broken(scheduler::Rule::kUnknownIsNotDone)) {
    return CommitResult{1, std::vector<bool>(batch.cursors.size(), true)};
  }
  return result;
}

absl::Status Connection::UpdateFires(FencingToken token, absl::Span<const FireUpdate> updates,
                                     absl::Span<const int64_t> closed) {
  auto update = [token, all = std::vector<FireUpdate>(updates.begin(), updates.end()),
                 done = std::vector<int64_t>(closed.begin(), closed.end()), &database = database_](
                    FencingToken as) { return database.UpdateFires(as, token, all, done); };
  // Not Told: the loop hears of it in its next turn.
  return Ask<absl::Status>(Kind::kLeaderWrite, token, std::move(update));
}

absl::StatusOr<std::vector<PendingFire>> Connection::LoadPending(int64_t after_batch, int limit) {
  return Read<absl::StatusOr<std::vector<PendingFire>>>(
      [after_batch, limit, &tables = database_.tables()] {
        return tables.LoadPending(after_batch, limit);
      });
}

absl::StatusOr<std::vector<Fire>> Connection::LoadOpen(absl::Span<const ScheduleId> schedules) {
  return Read<absl::StatusOr<std::vector<Fire>>>(
      [ids = std::vector<ScheduleId>(schedules.begin(), schedules.end()),
       &tables = database_.tables()] { return tables.LoadOpen(ids); });
}

absl::StatusOr<UnendedPage> Connection::LoadUnended(const FireKey& before, absl::Time since,
                                                    int rows) {
  return Read<absl::StatusOr<UnendedPage>>([before, since, rows, &tables = database_.tables()] {
    return tables.LoadUnended(before, since, rows);
  });
}

absl::StatusOr<int64_t> Connection::Prune(FencingToken token, absl::Time before, int limit) {
  auto pruned = Ask<absl::StatusOr<int64_t>>(
      Kind::kLeaderWrite, token, [token, before, limit, &database = database_](FencingToken as) {
        absl::StatusOr<int64_t> rows;
        database
            .Write(token,
                   [&] {
                     rows = database.tables().Prune(as, before, limit);
                     return rows.status();
                   })
            .IgnoreError();
        return rows;
      });
  Told(token, pruned.status()).IgnoreError();
  return pruned;
}

}  // namespace z4j::simulation
