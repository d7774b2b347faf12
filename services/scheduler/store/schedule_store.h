#ifndef Z4J_SCHEDULER_STORE_SCHEDULE_STORE_H_
#define Z4J_SCHEDULER_STORE_SCHEDULE_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/scheduler/core/fire.h"
#include "services/scheduler/core/outage.h"
#include "services/scheduler/core/schedule.h"

// The seam to durable state: schedules, cursors, fires, audit entries, the fence.  Memory, SQLite
// and PostgreSQL pass one contract suite (schedule_store_contract.h).
//
// Codes: UNAVAILABLE means "outcome unknown, send again" for every call that writes; ABORTED from
// a leader write means "fenced: a newer token exists, step down at once"; DATA_LOSS means the
// stored bytes are wrong; RESOURCE_EXHAUSTED that the disk is full.  Every write is atomic.
// Thread-safe; calls block on I/O (deadline kStoreTimeout), so never call from a gRPC callback.
namespace z4j::scheduler {

// A strictly increasing number that the elector hands to a leader: law 3.
struct FencingToken {
  int64_t value = 0;
  friend auto operator<=>(const FencingToken&, const FencingToken&) = default;
};

struct ScheduleKey {
  std::string project, name;
  friend auto operator<=>(const ScheduleKey&, const ScheduleKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const ScheduleKey& k) {
    return H::combine(std::move(h), k.project, k.name);
  }
};

struct StoredSchedule {
  Schedule schedule;
  Cursor cursor;
  friend bool operator==(const StoredSchedule&, const StoredSchedule&) = default;
};

// One link of the audit chain, as stored.  The meaning of the MACs is audit/chain.h's.
struct AuditEntry {
  int64_t seq = 0;  // 1, 2, 3 … without a gap.  The revision of what it changed.
  absl::Time at;
  std::string actor, source, action;  // "cli:root", "127.0.0.1:5000", "schedule.update"
  std::string resource;               // "projects/default/schedules/nightly"
  ScheduleId schedule;                // Zero if it is about no schedule.
  std::string before, after;          // Canonical JSON; empty: did not exist.
  std::string request_id;
  std::string key_id;
  std::string previous_mac, mac;  // Raw bytes.
  friend bool operator==(const AuditEntry&, const AuditEntry&) = default;
};

// The authenticated end of the chain.
struct AuditHead {
  int64_t seq = 0;   // Entries written so far.
  std::string mac;   // Of entry `seq`; empty for an empty chain.
  std::string seal;  // MAC over (seq, mac), so that truncation is found.
  std::string key_id;
  friend bool operator==(const AuditHead&, const AuditHead&) = default;
};

// An answered mutation, or batch of them, kept so that a repeated request id gets the same answer.
struct StoredRequest {
  std::string id;       // "<project>/<request id>", with " batch" behind it of a whole batch.
  std::string hash;     // SHA-256 of the request: another request under the same id is refused.
  std::string outcome;  // What the committer needs to repeat the answer; opaque here.
  absl::Time at;
  friend bool operator==(const StoredRequest&, const StoredRequest&) = default;
};

// What a transaction reads before it decides.  Rows are locked until it ends.
struct ReadSet {
  std::map<ScheduleKey, StoredSchedule> schedules;  // Those of `keys` that exist.
  std::map<std::string, StoredRequest> requests;    // Those of `request_ids` that exist.
  AuditHead head;
};

// What a transaction writes.  Deletions are done first, so that their names can be taken anew.
struct WriteSet {
  std::vector<StoredSchedule> inserted;
  std::vector<Schedule> updated;  // By id.  Project, name and id never change.
  // Forward-only moves of the watermark, by schedule id.
  std::vector<std::pair<ScheduleId, absl::Time>> watermarks;
  // Its PENDING fires become CANCELLED(kScheduleDeleted); its other fires stay readable.
  std::vector<ScheduleKey> deleted;
  // Manual triggers and retries, SKIPPED rows; existing keys are left.
  std::vector<Fire> fires;
  // Cancellations by users: PENDING fires become CANCELLED; others are left (their engine is
  // asked).
  std::vector<FireKey> cancelled;
  std::vector<AuditEntry> audit;  // Consecutive from head.seq + 1.
  std::vector<StoredRequest> requests;
  AuditHead head;  // With head.seq that of the last entry.  Without entries the old head stays.
};

// One audit entry that concerns a schedule, with the schedule as it is now.
struct ScheduleChange {
  int64_t revision = 0;  // The entry's seq.
  ScheduleId id;
  ScheduleKey key;                       // Also of a deleted schedule.
  std::string action, resource;          // The entry's: "fire.cancel", "projects/…/fires/…".
  std::optional<StoredSchedule> stored;  // As it is now; none: deleted.
};

enum class ScheduleOrder : uint8_t { kName = 1, kCreated = 2, kUpdated = 3 };

struct ScheduleQuery {
  std::string project;
  std::optional<ScheduleState> state;
  std::string engine, name_prefix;
  std::string kind;  // "cron", "interval", …, as KindOf (codec.h) says; empty: all.
  std::map<std::string, std::string> labels;  // All must match.
  // Of Schedule::source; empty: any, also none.
  std::string source_kind, source_locator;
  ScheduleOrder order = ScheduleOrder::kName;
  bool descending = false;
  int limit = 50;
  std::string after;  // `next` of the page before; empty: the first page.
};
struct SchedulePage {
  std::vector<StoredSchedule> schedules;
  std::string next;  // Empty: the last page.  Opaque.
};

struct FireQuery {
  std::string project;                     // Fires of its deleted schedules are found too.
  std::optional<ScheduleId> schedule;      // Narrows to one; it must be of `project`.
  std::vector<FireState> states;           // Empty: all.
  absl::Time from = absl::InfinitePast();  // due_at >= from
  absl::Time to = absl::InfiniteFuture();  // due_at < to
  bool ascending = false;                  // Default: newest due first.
  int limit = 50;
  std::string after;
};
struct NamedFire {
  Fire fire;
  ScheduleKey schedule;  // The name it has, or had when it was deleted: a resource name is stable.
};
struct FirePage {
  std::vector<NamedFire> fires;
  std::string next;
};

// Fires that transactions wrote: decided, moved to another state, cancelled; by whomever.
struct WrittenFires {
  std::vector<FireKey> keys;  // May repeat; some may be as they were before, or not exist.
  std::string next;           // The position after them.  Opaque.
};

// --- The leader's writes --------------------------------------------------------------------

// Fires and cursors decided together.  `fires` of one schedule stand in due order; `cursors` holds
// one entry for each schedule in the batch, also for those without a fire.
struct FireBatch {
  struct CursorMove {
    ScheduleId schedule;
    Cursor cursor;
    // The watermark that the plan started from: if another stands there, then an edit or pause was
    // decided after the plan, and the plan's fires must not be written.  InfinitePast: any.
    absl::Time planned_from = absl::InfinitePast();
  };
  std::vector<Fire> fires;
  std::vector<CursorMove> cursors;
};

struct CommitResult {
  // Groups the PENDING fires of the batch until all are handed over; see UpdateFires.  Grows from
  // commit to commit.
  int64_t batch_id = 0;
  // For each of batch.cursors: whether this commit moved the watermark and wrote the fires.
  // False: an edit or an earlier try was first; reread the cursor and the pending fires.
  std::vector<bool> advanced;
};

struct PendingFire {
  Fire fire;
  int64_t batch_id = 0;
};

// Fires that are DISPATCHED or RUNNING, and where to go on.
struct UnendedPage {
  std::vector<Fire> fires;
  std::optional<FireKey> next;  // None: there are no more.
};

// A change of a fire after it was decided.
struct FireUpdate {
  FireKey key;
  FireId id;  // Finds the row when `key.schedule` is zero (the adapter no longer knew the key).
  FireState state = FireState::kDispatched;
  FireReason reason = FireReason::kNone;
  absl::Time at;        // Stored as dispatched_at, started_at or finished_at, as the state says.
  int attempts = 0;     // 0: leave.
  std::string error;    // Replaces the old one, also if empty; so does `reason`.
  std::string adapter;  // Empty: leave.
  // Only where `state` is final and `key` is given: the PENDING fire that repeats this one.  It is
  // written together with this end, in a new batch, so that neither is there without the other: not
  // if the fire had ended before, or its schedule is gone, or the retry exists.
  std::shared_ptr<const Fire> retry;
};

struct FenceRow {
  FencingToken token;
  std::string holder;
  absl::Time live_at = absl::InfinitePast();  // Until when a leader is known to have been live.
  std::vector<Outage> outages;                // See SetOutages.
  int64_t revision = 0;  // Of the newest change there is, about a schedule or not.
  absl::Time read_at;    // When this was read, by the store's own clock.
};

class ScheduleStore {
 public:
  virtual ~ScheduleStore() = default;

  // Brings the schema up to date under a lock.  FAILED_PRECONDITION if it is newer than this
  // program.  Idempotent.
  virtual absl::Status Migrate() = 0;

  // --- Mutations.  Any node; one at a time in the whole cluster (the audit head is locked). ---

  // In one transaction: locks the audit head, reads what `keys` and `request_ids` name, calls
  // `decide` once, writes what it returns.  An error from `decide` rolls back and is returned.
  // `decide` runs on the calling thread and must not call the store.  ALREADY_EXISTS if an inserted
  // schedule's key or id exists, NOT_FOUND if an updated, moved or deleted one does not,
  // INVALID_ARGUMENT if the audit entries would leave a gap; nothing is written then.
  // Fires in the write set that are PENDING join a new batch (see LoadPending).  The store's own
  // clock says when a cancelled fire finished.
  virtual absl::Status Transact(
      absl::Span<const ScheduleKey> keys, absl::Span<const std::string> request_ids,
      absl::FunctionRef<absl::StatusOr<WriteSet>(const ReadSet&)> decide) = 0;

  // --- Reads. ---

  virtual absl::StatusOr<StoredSchedule> GetSchedule(const ScheduleKey& key) = 0;  // NOT_FOUND
  // Names are ordered by their bytes; equal times by name.  Here and in ListFires a page begins
  // after the row that ended the page before, wherever that stands now: what did not change comes
  // exactly once.  INVALID_ARGUMENT, field "page_token", if `after` is not one of this query's.
  virtual absl::StatusOr<SchedulePage> ListSchedules(const ScheduleQuery& query) = 0;
  // Calls `visit` for every schedule, in no order, as of one instant; returns the revision of that
  // instant, from which ListChanges goes on.
  virtual absl::StatusOr<int64_t> LoadSchedules(absl::FunctionRef<void(StoredSchedule)> visit) = 0;
  // Changes with revision > `after`, oldest first.  Entries about no schedule are passed over, so
  // that revisions may have gaps.
  virtual absl::StatusOr<std::vector<ScheduleChange>> ListChanges(int64_t after, int limit) = 0;
  virtual absl::StatusOr<std::vector<std::pair<ScheduleId, Cursor>>> GetCursors(
      absl::Span<const ScheduleId> ids) = 0;  // Those that exist.

  // The engines of those of `ids` that are deleted, and were since this is kept: their last runs
  // may not have ended.
  virtual absl::StatusOr<std::vector<std::pair<ScheduleId, std::string>>> GetDeletedEngines(
      absl::Span<const ScheduleId> ids) = 0;

  // Schedules of all projects by state; states without any may be missing.  For people: O(n).
  virtual absl::StatusOr<std::map<ScheduleState, int64_t>> CountSchedules() = 0;

  virtual absl::StatusOr<NamedFire> GetFire(FireId id) = 0;  // NOT_FOUND
  // Those that exist, in no order.
  virtual absl::StatusOr<std::vector<NamedFire>> GetFires(absl::Span<const FireKey> keys) = 0;
  virtual absl::StatusOr<FirePage> ListFires(const FireQuery& query) = 0;
  // The fires that were written after position `after` and not after `until` (empty: now), about
  // `limit` at once.  Without a gap: whatever a reader could not see at the one position and can
  // see at the other is among them, in whatever order the writers began and ended.  No keys: that
  // is all, and `next` is `until`.  Retention is no write.  Empty `after`: no keys, and the
  // position of now.  Positions hold for kWrittenKept, also on other nodes and after a restart.
  //   ABORTED           `after` is too old, or the database was restored to an older state.
  //   INVALID_ARGUMENT  (field "resume_token") one of them is no position.
  virtual absl::StatusOr<WrittenFires> ListWritten(const std::string& after,
                                                   const std::string& until, int limit) = 0;

  virtual absl::StatusOr<AuditHead> GetAuditHead() = 0;
  // Entries with seq > `after`, in order.
  virtual absl::StatusOr<std::vector<AuditEntry>> ListAudit(int64_t after, int limit) = 0;

  // Blocks until another process changed a schedule or triggered a fire, or `timeout` passed; may
  // wake early.  SQLite and memory are single-node: they wait for this process's own writes.  A
  // change since the last call returned ends the wait at once, so that one waiter a process misses
  // none.
  virtual absl::Status AwaitChange(absl::Duration timeout) = 0;

  // --- Leadership: law 3. ---

  virtual absl::StatusOr<FenceRow> ReadFence() = 0;
  // Gets ready what the first calls of a leader need, so that they do not wait for it: a standby
  // does so now and then.  Changes nothing; what does not succeed is made up for then.
  virtual void MakeReady() {}
  // Makes `token` the only one whose writes succeed, and returns the row it replaced.  ABORTED if
  // a token >= `token` (other than this holder's own) stands there.
  virtual absl::StatusOr<FenceRow> RaiseFence(FencingToken token, const std::string& holder) = 0;
  // Notes that the leader was live at `at`, or now by the store's clock if that is sooner; every
  // leader write does so too by the store's clock (PostgreSQL: at most a few times a second).
  // ABORTED if fenced.
  virtual absl::Status MarkLive(FencingToken token, absl::Time at) = 0;
  // Replaces the outages that are not caught up yet, and notes as MarkLive does that the leader was
  // live at `at`, at once: a leader says so before its first write, so that its successor knows of
  // them although that write ended them.  They are kept until the next call.  ABORTED if fenced.
  virtual absl::Status SetOutages(FencingToken token, absl::Span<const Outage> outages,
                                  absl::Time at) = 0;

  // --- The leader's writes, each fenced: ABORTED and nothing written if `token` is stale. ---

  // Laws 1 and 2.  FAILED_PRECONDITION if a PENDING or SKIPPED(SHADOW) fire is due more than
  // kClockAheadMax after the store's own clock (the embedded stores share this process's clock).
  // INVALID_ARGUMENT if a fire's schedule has no cursor in the batch.  Sending the same batch again
  // is harmless.
  virtual absl::StatusOr<CommitResult> CommitFires(FencingToken token, const FireBatch& batch) = 0;
  // Moves fires forward through their states; an update that would move one backwards (a late
  // DISPATCHED after SUCCEEDED), touch a final one or find none is left out.  The same state again
  // is written: a PENDING fire gets its reason and attempts so.  Batches in `closed` hold no
  // PENDING fire any more.  With an end that is written goes the retry that it brings.
  virtual absl::Status UpdateFires(FencingToken token, absl::Span<const FireUpdate> updates,
                                   absl::Span<const int64_t> closed) = 0;

  // PENDING fires of open batches with id > `after_batch`, by batch and in it oldest due first, at
  // most about `limit` rows (whole batches).  Empty: no more.
  virtual absl::StatusOr<std::vector<PendingFire>> LoadPending(int64_t after_batch, int limit) = 0;
  // Fires of `schedules` that are not final, for the overlap policy.  PostgreSQL looks back over
  // kEndedRunsSeen ended runs and kOpenRunMax before the watermark, not over the whole history.
  virtual absl::StatusOr<std::vector<Fire>> LoadOpen(absl::Span<const ScheduleId> schedules) = 0;

  // Looks at the `rows` newest fires that stand before `before` in the order of due time, schedule,
  // trigger, and are due at `since` or later; returns those that are DISPATCHED or RUNNING, newest
  // first.  No index knows the state, so a page may be empty although more pages follow.
  virtual absl::StatusOr<UnendedPage> LoadUnended(const FireKey& before, absl::Time since,
                                                  int rows) = 0;

  // Deletes up to `limit` fires due before `before`, oldest first, and request records older than
  // kRequestIdKept by the store's clock; may drop whole partitions.  PENDING fires stay, since they
  // are still to be handed over; DISPATCHED and RUNNING ones go as final ones do: their outcome was
  // never reported, and after so long it never will be.  Returns how many rows it deleted; 0: done.
  // Forgets positions of ListWritten, too.
  virtual absl::StatusOr<int64_t> Prune(FencingToken token, absl::Time before, int limit) = 0;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_SCHEDULE_STORE_H_
