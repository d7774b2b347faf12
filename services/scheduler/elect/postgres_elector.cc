#include "services/scheduler/elect/postgres_elector.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace z4j::scheduler {
namespace {

using pq::Params;

// The advisory lock: "z4j" and a counter, as in the migrations.  pg_locks shows its two halves.
constexpr int64_t kLock = 0x7a346a0000000002;
constexpr int64_t kLockHigh = kLock >> 32, kLockLow = kLock & 0xffffffff;

// Of one statement; well below the lease, so that a hanging database costs the term, not more.
constexpr absl::Duration kStatementMax = absl::Seconds(1);

// A server that is away or starting is not asked more often.
constexpr absl::Duration kReconnectPause = absl::Milliseconds(200);

pq::ConnectionOptions ConnectionOptionsOf(const PostgresElector::Options& options) {
  return {options.conninfo, absl::StrCat("z4j:elect:", options.node),
          "SET statement_timeout = '900ms'; SET lock_timeout = '900ms'; SET TimeZone = 'UTC'",
          kStatementMax};
}

}  // namespace

PostgresElector::PostgresElector(Options options, Clock& clock)
    : options_(std::move(options)), clock_(clock), connection_(ConnectionOptionsOf(options_)) {}

PostgresElector::~PostgresElector() { Stop(); }

absl::Status PostgresElector::Start(absl::AnyInvocable<void()> on_change) {
  on_change_ = std::move(on_change);
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void PostgresElector::Run() {
  for (;;) {
    {
      absl::MutexLock lock(&mu_);
      if (stopping_) break;
    }
    wake_up_.Clear();
    Wait(Step());
  }
  Release().IgnoreError();  // If it fails, then closing the connection gives the lock back.
  connection_.Close();
}

absl::Duration PostgresElector::Step() {
  bool resigned = false;
  absl::Duration pause;
  {
    absl::MutexLock lock(&mu_);
    resigned = std::exchange(resigned_, false);
    pause = paused_until_ - clock_.MonoNow();
  }
  absl::Status status;
  if (resigned) status = Release();
  if (status.ok() && lease_) {
    options_.before_renewal();
    status = Renew(*lease_);
  } else if (status.ok() && pause <= absl::ZeroDuration()) {
    status = Campaign();
  }
  if (!status.ok()) {
    // Not knowing is not leading.  Without the connection the lock is free for others.
    connection_.Close();
    lease_.reset();
    StepDown();
  }
  if (lease_) return options_.renew_every;
  return std::max(pause, status.ok() ? options_.campaign_every : kReconnectPause);
}

void PostgresElector::Wait(absl::Duration timeout) {
  if (!connection_.is_open()) {
    wake_up_.Await(timeout);
    return;
  }
  // A connection that ends takes the lock with it: better to know it now than at the renewal.
  if (!connection_.AwaitNotification(timeout, wake_up_.fd()).ok()) {
    lease_.reset();
    StepDown();
  }
}

absl::Status PostgresElector::Campaign() {
  // Lock and lease in one statement, so that nobody finds a new holder with an old lease.
  static const auto* const take = new pq::Statement{
      "take",
      "UPDATE lease l SET token = greatest(l.token, f.token) + 1, holder = $1,"
      "  expires_at = clock_timestamp() + $2 * interval '1 us' "
      "FROM fence f WHERE l.scope = 'tick' AND f.scope = 'tick' AND pg_try_advisory_lock($3) "
      "RETURNING l.token"};
  const int64_t before = connection_.generation();
  RETURN_IF_ERROR(connection_.Ensure());
  if (connection_.generation() != before) {
    RETURN_IF_ERROR(connection_.Script("LISTEN z4j_leader"));
  }
  const MonoTime asked = clock_.MonoNow();
  ASSIGN_OR_RETURN(const pq::Result taken,
                   connection_.Run(*take, Params()
                                              .Text(options_.node)
                                              .Int8(absl::ToInt64Microseconds(options_.lease))
                                              .Int8(kLock)));
  if (taken.rows() == 0) return Watch();
  lease_ = FencingToken{taken.Int(0, 0)};
  Lead(*lease_, asked);
  return absl::OkStatus();
}

absl::Status PostgresElector::Watch() {
  static const auto* const look =
      new pq::Statement{"look",
                        "SELECT token, holder, expires_at < clock_timestamp() FROM lease "
                        "WHERE scope = 'tick'"};
  static const auto* const end = new pq::Statement{
      "end_holder",
      "SELECT pg_terminate_backend(pid, 300) FROM pg_locks WHERE locktype = 'advisory' AND granted"
      "  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
      "  AND classid = $1::bigint::oid AND objid = $2::bigint::oid AND objsubid = 1"
      "  AND pid <> pg_backend_pid()"};
  ASSIGN_OR_RETURN(const pq::Result row, connection_.Run(*look, {}));
  if (row.rows() != 1) return absl::DataLossError("the table lease has lost its row");
  const bool expired = row.Bool(0, 2);
  {
    absl::MutexLock lock(&mu_);
    leader_ = expired ? LeaderInfo{} : LeaderInfo{row.Text(0, 1), {row.Int(0, 0)}};
  }
  if (!expired) return absl::OkStatus();
  ASSIGN_OR_RETURN(const pq::Result ended,
                   connection_.Run(*end, Params().Int8(kLockHigh).Int8(kLockLow)));
  if (ended.rows() == 0 || ended.Bool(0, 0)) wake_up_.Notify();  // The lock is free: try again.
  return absl::OkStatus();
}

absl::Status PostgresElector::Renew(FencingToken token) {
  static const auto* const renew =
      new pq::Statement{"renew",
                        "UPDATE lease SET expires_at = clock_timestamp() + $2 * interval '1 us' "
                        "WHERE scope = 'tick' AND token = $1"};
  const MonoTime asked = clock_.MonoNow();
  ASSIGN_OR_RETURN(
      const pq::Result renewed,
      connection_.Run(*renew,
                      Params().Int8(token.value).Int8(absl::ToInt64Microseconds(options_.lease))));
  if (renewed.affected() != 1) return absl::AbortedError("another node took the lease");
  Lead(token, asked);
  return absl::OkStatus();
}

absl::Status PostgresElector::Release() {
  static const auto* const expire = new pq::Statement{
      "expire", "UPDATE lease SET expires_at = '-infinity' WHERE scope = 'tick' AND token = $1"};
  static const auto* const unlock = new pq::Statement{"unlock", "SELECT pg_advisory_unlock_all()"};
  static const auto* const tell = new pq::Statement{"tell", "NOTIFY z4j_leader"};
  if (!lease_) return absl::OkStatus();
  const FencingToken token = *std::exchange(lease_, std::nullopt);
  StepDown();
  // The notification goes out when the pipeline commits, and the lock is free by then.
  return connection_.Pipeline({{expire, Params().Int8(token.value)}, {unlock, {}}, {tell, {}}})
      .status();
}

void PostgresElector::Lead(FencingToken token, MonoTime asked) {
  {
    absl::MutexLock lock(&mu_);
    if (resigned_ || stopping_) return;  // Resign() came while we asked; the next step releases.
    const bool news = !term_ || term_->token != token;
    term_ = LeaderTerm{token, asked + (options_.lease - kLeaseMargin)};
    leader_ = {options_.node, token};
    if (!news) return;
  }
  on_change_();
}

void PostgresElector::StepDown() {
  {
    absl::MutexLock lock(&mu_);
    if (leader_.holder == options_.node) leader_ = {};
    if (!term_) return;
    term_.reset();
  }
  on_change_();
}

std::optional<LeaderTerm> PostgresElector::Current(MonoTime now) {
  absl::MutexLock lock(&mu_);
  return term_ && now < term_->trusted_until ? term_ : std::nullopt;
}

LeaderInfo PostgresElector::Leader() {
  absl::MutexLock lock(&mu_);
  return leader_;
}

void PostgresElector::Resign(absl::Duration pause) {
  {
    absl::MutexLock lock(&mu_);
    term_.reset();
    leader_ = {};
    resigned_ = true;
    paused_until_ = clock_.MonoNow() + pause;
  }
  wake_up_.Notify();
}

void PostgresElector::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    term_.reset();
  }
  wake_up_.Notify();
  if (thread_.joinable()) thread_.join();
}

}  // namespace z4j::scheduler
