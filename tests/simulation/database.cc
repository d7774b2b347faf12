#include "tests/simulation/database.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/mutants.h"
#include "services/scheduler/mutate/working.h"

namespace z4j::simulation {
namespace {

using scheduler::Broken;
using scheduler::CommitResult;
using scheduler::FenceRow;
using scheduler::FencingToken;
using scheduler::FireBatch;
using scheduler::FireUpdate;
using scheduler::Rule;

constexpr absl::Duration kLockTimeout = absl::Milliseconds(500);

}  // namespace

Database::Database(World& world, FireOracle& oracle)
    : world_(world),
      oracle_(oracle),
      clock_(world),
      tables_(clock_),
      keys_(*scheduler::Keyring::Create({{"key", std::string(scheduler::kAuditKeyBytesMin, 'k')}})),
      mac_(keys_) {}

void Database::Refuse(const Statement& statement, const absl::Status& status) {
  statement.refuse(status);
  statement.done();
}

void Database::Execute(Statement statement) {
  if (world_.now() < down_until_) {
    return Refuse(statement, absl::UnavailableError("the database does not run"));
  }
  if (statement.kind == Statement::Kind::kRead) {
    statement.commit({});
    return statement.done();
  }
  statement.begun();
  if (Begin(statement)) return;
  const uint64_t number = ++next_waiting_;
  waiting_.push_back({std::move(statement), number});
  world_.After(kLockTimeout, [this, number] {
    const auto still = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](const Waiting& it) { return it.number == number; });
    if (still == waiting_.end()) return;
    const Statement timed_out = std::move(still->statement);
    waiting_.erase(still);
    Refuse(timed_out, absl::UnavailableError("lock timeout"));
  });
}

// Takes its lock of the fence's row, if it can be had; false: it waits.
bool Database::Begin(Statement& statement) {
  if (statement.kind == Statement::Kind::kChange) {
    // It has nothing to do with the fence.
  } else if (statement.kind == Statement::Kind::kRaise) {
    // FOR KEY SHARE would not hold it up.
    if (raising_ || (shared_ > 0 && !Broken(Rule::kWritesHoldTheFence))) return false;
    raising_ = true;
  } else {
    if (raising_) return false;
    const FencingToken now = tables_.ReadFence()->token;
    if (statement.token != now && !Broken(Rule::kWritesAreFenced)) {
      Refuse(statement, absl::AbortedError(absl::StrCat("fenced: token ", statement.token.value,
                                                        " is not ", now.value)));
      return true;
    }
    ++shared_;
  }
  const absl::Duration takes = statement.takes;
  world_.After(takes, [this, life = life_, statement = std::move(statement)]() mutable {
    Finish(std::move(statement), life);
  });
  return true;
}

void Database::Finish(Statement statement, uint64_t life) {
  if (life != life_) {
    return Refuse(statement, absl::UnavailableError("the database was restarted"));
  }
  if (statement.kind == Statement::Kind::kRaise) {
    raising_ = false;
  } else if (statement.kind == Statement::Kind::kLeaderWrite) {
    --shared_;
  }
  // The tables look at the token once more; what looked once, as a statement does, must pass.
  statement.commit(tables_.ReadFence()->token);
  statement.done();
  Pump();
}

void Database::Pump() {
  // Whoever can have the lock takes it, in whatever order they came: writers pass a raise that
  // waits for others of them.
  for (size_t i = 0; i < waiting_.size();) {
    Statement statement = waiting_[i].statement;
    if (!Begin(statement)) {
      ++i;
      continue;
    }
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void Database::Restart(absl::Duration down_for) {
  world_.Tell([] { return "the database restarts"; });
  ++life_;
  down_until_ = std::max(down_until_, world_.now() + down_for);
  shared_ = 0;
  raising_ = false;
  for (const Waiting& waiting : std::exchange(waiting_, {})) {
    Refuse(waiting.statement, absl::UnavailableError("the database was restarted"));
  }
}

absl::StatusOr<CommitResult> Database::CommitFires(FencingToken as, FencingToken token,
                                                   const FireBatch& batch) {
  std::vector<scheduler::ScheduleId> ids;
  for (const FireBatch::CursorMove& move : batch.cursors) ids.push_back(move.schedule);
  const auto before = *tables_.GetCursors(ids);
  absl::StatusOr<CommitResult> result;
  Write(token, [&] {
    result = tables_.CommitFires(as, batch);
    return result.status();
  }).IgnoreError();
  if (result.ok()) {
    world_.Tell([&] {
      const auto& moved = result->advanced;
      return absl::StrCat(std::count(moved.begin(), moved.end(), true), " of ", moved.size(),
                          " plans are committed");
    });
  }
  if (result.ok()) oracle_.Committed(token, batch, before, *tables_.GetCursors(ids));
  return result;
}

absl::Status Database::UpdateFires(FencingToken as, FencingToken token,
                                   const std::vector<FireUpdate>& updates,
                                   const std::vector<int64_t>& closed) {
  const absl::Status status =
      Write(token, [&] { return tables_.UpdateFires(as, updates, closed); });
  for (const FireUpdate& update : updates) {
    if (status.ok() && update.state != scheduler::FireState::kPending) oracle_.Settled(update);
  }
  return status;
}

Database::Statement Database::Change(scheduler::Mutation mutation, absl::Duration clock_ahead) {
  Uuid fresh_id;
  for (uint8_t& byte : fresh_id.bytes) byte = static_cast<uint8_t>(world_.random().Below(256));
  auto now = std::make_shared<absl::Time>();
  Statement statement;
  statement.kind = Statement::Kind::kChange;
  statement.begun = [this, now, clock_ahead] {
    *now = absl::FromUnixMicros(absl::ToUnixMicros(clock_.Now() + clock_ahead));
  };
  statement.commit = [this, now, fresh_id, mutation = std::move(mutation)](FencingToken) {
    Transact(mutation, *now, fresh_id);
  };
  statement.refuse = [](const absl::Status&) {};
  return statement;
}

// What is refused changes nothing.
void Database::Transact(const scheduler::Mutation& mutation, absl::Time now, const Uuid& fresh_id) {
  const scheduler::ScheduleKey key = KeyOf(mutation.action);
  std::optional<scheduler::StoredSchedule> before, after;
  std::vector<scheduler::Fire> skipped;
  auto decide = [&](const scheduler::ReadSet& read) -> absl::StatusOr<scheduler::WriteSet> {
    if (const auto found = read.schedules.find(key); found != read.schedules.end()) {
      before = found->second;
    }
    scheduler::Working working(read, now, nullptr);
    ASSIGN_OR_RETURN(const scheduler::MutationResult result,
                     working.Run(mutation, /*hash=*/"", fresh_id));
    if (!working.dirty()) return absl::CancelledError("nothing to write");
    after = result.schedule;
    ASSIGN_OR_RETURN(scheduler::WriteSet writes, std::move(working).Finish(mac_, keys_));
    skipped = writes.fires;
    return writes;
  };
  const absl::Status status = tables_.Transact({key}, {}, decide);
  if (status.ok()) return oracle_.Changed(before, after, skipped, now);
  world_.Tell(
      [&] { return absl::StrCat("a change of ", key.name, " is refused: ", status.ToString()); });
}

absl::StatusOr<FenceRow> Database::RaiseFence(FencingToken token, const std::string& holder) {
  absl::StatusOr<FenceRow> old = tables_.RaiseFence(token, holder);
  if (old.ok()) oracle_.Raised(tables_.ReadFence()->token, holder);
  return old;
}

absl::Status Database::Write(FencingToken token, const std::function<absl::Status()>& write) {
  const absl::Time was = tables_.ReadFence()->live_at;
  absl::Status status = write();
  if (status.ok()) oracle_.Wrote(token, was, tables_.ReadFence()->live_at);
  return status;
}

}  // namespace z4j::simulation
