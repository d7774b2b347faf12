#ifndef Z4J_CONSENSUS_LIMITS_H_
#define Z4J_CONSENSUS_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

// Every bound of the consensus service, each with its reason.
namespace z4j::consensus {

// --- Log and replication --------------------------------------------------------------------
inline constexpr size_t kEntryBytesMax = 256 * 1024;   // A small-kv value and its command fit.
inline constexpr size_t kAppendBytesMax = 256 * 1024;  // A message stays well under gRPC's 4 MiB.
inline constexpr size_t kAppendEntriesMax = 1024;
// Window of one peer: bandwidth times round trip (Little's law), 4 MiB at 1 GB/s and 4 ms.
inline constexpr size_t kInflightMessagesMax = 256;
inline constexpr size_t kInflightBytesMax = 4 * 1024 * 1024;
inline constexpr size_t kUncommittedBytesMax =
    64 * 1024 * 1024;  // Without quorum, memory ends here.
inline constexpr size_t kUncommittedEntriesMax = 10'000;
inline constexpr size_t kSendsTrackedMax = 2 * kInflightMessagesMax;  // Of one peer, for the lease.
inline constexpr size_t kPendingReadsMax = 10'000;  // As many as proposals; more are asked again.
inline constexpr size_t kApplyEntriesMax = 4096;    // Of one output: the loop must tick in between.
inline constexpr uint64_t kTailEntries = 10'000;  // Kept behind a snapshot for followers that lag.
// A live follower holds compaction back up to here; one that lags more gets a snapshot.
inline constexpr uint64_t kLagEntriesMax = 5 * kTailEntries;
inline constexpr uint64_t kSnapshotEvery = 50'000;  // Entries, +-20 % drawn per node.
inline constexpr size_t kSnapshotLogBytes = 64 * 1024 * 1024;
inline constexpr size_t kMembersMax = 9;  // More voters make every decision slower, not safer.

// --- State machine --------------------------------------------------------------------------
// All of the state is in memory and in every snapshot; these bound it to some 250 MiB.
inline constexpr absl::Duration kSessionTtlMin = absl::Milliseconds(300);  // Two election timeouts.
inline constexpr absl::Duration kSessionTtlMax =
    absl::Seconds(60);  // A dead holder blocks as long.
inline constexpr size_t kSessionsMax = 10'000;
inline constexpr size_t kSessionOwnerBytesMax = 256;
// Mutations of one owner whose answers are kept; a client with more in flight gains nothing.
inline constexpr size_t kOutstandingMax = 64;
inline constexpr size_t kReplyBytesMax = 256 * 1024;              // Of one owner.
inline constexpr size_t kReplyBytesTotalMax = 64 * 1024 * 1024;   // Of all.
inline constexpr size_t kReplyBytesAlways = 1024;                 // Those above it give way.
inline constexpr size_t kClientsMax = 10'000;                     // Clients without a session.
inline constexpr absl::Duration kClientIdle = absl::Minutes(10);  // Longer than any retry.
inline constexpr size_t kNameBytesMax = 512;                      // Of elections, locks and keys.
inline constexpr size_t kAnnouncementBytesMax = 4096;             // An address and some labels.
inline constexpr absl::Duration kLockWaitMax = absl::Seconds(60);
inline constexpr size_t kWaitersMax = 1000;   // Of one name: dropping one walks the queue.
inline constexpr size_t kPlacesMax = 20'000;  // Holders and waiters; each may announce 4 KiB.
inline constexpr size_t kKvValueBytesMax = 64 * 1024;
inline constexpr size_t kKvBytesMax = 64 * 1024 * 1024;
inline constexpr size_t kKvRecordBytes = 64;  // What a key costs besides itself and its value.
inline constexpr size_t kTxnPartsMax = 32;    // Compares, and operations of either branch.
inline constexpr size_t kTxnReadBytesMax = 128 * 1024;  // Fits kReplyBytesMax.
inline constexpr size_t kHistoryChangesMax = 10'000;    // Minutes of an outage of a watcher.
inline constexpr size_t kHistoryBytesMax = 8 * 1024 * 1024;
inline constexpr size_t kEventsMax = 100'000;  // Not taken by anybody; then StateReplaced.

// --- Time -----------------------------------------------------------------------------------
inline constexpr int kLeasePercent = 85;  // Of the election timeout: clocks may differ by 8 % each.
inline constexpr absl::Duration kSessionSweepEvery = absl::Milliseconds(20);  // Of TTLs >= 300 ms.
inline constexpr absl::Duration kCheckpointEvery =
    absl::Seconds(1);  // Of signs of life, in the log.
inline constexpr absl::Duration kElectionTimeoutMin = absl::Milliseconds(50);
inline constexpr absl::Duration kElectionTimeoutMax = absl::Seconds(10);
// Voters whose stream to the leader broke campaign so far apart.
inline constexpr int kTurnsPerTimeout = 10;
// Elections that a node loses without anybody leading in between: so many follow each other at once
// (split votes; each has half a chance or more), then it waits twice as long each time, up to
// kElectionBackOffMax.  Twelve a minute remain.
inline constexpr int kElectionsAtOnce = 5;
inline constexpr absl::Duration kElectionBackOffMax = absl::Seconds(5);

// --- Calls ----------------------------------------------------------------------------------
inline constexpr size_t kWaitingCallsMax = 20'000;  // Proposals, reads and changes of one node.
// Beyond them, one sign of life of each session: no crowd of callers must end sessions.
inline constexpr size_t kWaitingSignsMax = kSessionsMax;
// What waits for the node's next turn: calls are refused beyond the first bound, messages of peers
// lost beyond the second, as a network may lose them.  The difference is the windows of eight peers
// and their answers, which no crowd of callers must displace.
inline constexpr size_t kInboxCallsMax = kWaitingCallsMax;
inline constexpr size_t kInboxSignsMax = kInboxCallsMax + kWaitingSignsMax;  // As above.
inline constexpr size_t kInboxMessagesMax =
    kInboxSignsMax + 2 * (kMembersMax - 1) * kInflightMessagesMax;

// Of a hand-over before the process ends: many election timeouts, and less than what ends processes
// waits for before it kills them (10 s and more).
inline constexpr absl::Duration kStepDownMax = absl::Seconds(3);
// No call waits longer for a majority, whatever its deadline; it is sent again then.
inline constexpr absl::Duration kCallTimeMax = absl::Seconds(60);
inline constexpr size_t kGrantWaitsMax = kPlacesMax;  // Calls of one node that wait to hold.
inline constexpr size_t kWatchersMax = 1000;  // Streams of either kind: each change looks at all.
// Changes of leader that a stream has not taken yet; each may announce 4 KiB.
inline constexpr size_t kObserveBufferMax = 100;
// A watch stream that is behind reads so much of the history at a time; more follows when it is
// sent.  The history is the bound of how far it may fall behind.
inline constexpr size_t kWatchReadChangesMax = 256;
inline constexpr size_t kWatchReadBytesMax = 256 * 1024;
inline constexpr size_t kKeepAlivesInFlightMax =
    1000;  // Of one stream; then it is read no further.
inline constexpr int kPageSizeDefault = 50;
inline constexpr int kPageSizeMax = 1000;
inline constexpr size_t kPageBytesMax = 1024 * 1024;  // Well under gRPC's 4 MiB.
// A learner that lacks more would, as a voter, hold up what needs its vote.
inline constexpr uint64_t kPromoteLagEntriesMax = 1000;
// Not applied yet, though decided: some tenths of a second's work.  More is not ready.
inline constexpr uint64_t kApplyLagEntriesMax = 5000;
inline constexpr uint64_t kDiskFreeBytesMin = 256 * 1024 * 1024;  // A snapshot and some segments.

// --- Disk -----------------------------------------------------------------------------------
inline constexpr size_t kSegmentBytes = 16 * 1024 * 1024;
inline constexpr size_t kSegmentBytesMin = 4096;     // Of tests and simulations: a few records fit.
static_assert(kSegmentBytes >= 2 * kEntryBytesMax);  // A segment holds any entry.
inline constexpr absl::Duration kDiskRetryEvery = absl::Milliseconds(50);  // While it is full.
// Longer than the gap between two appends under load: segments are made ready in between bursts.
inline constexpr absl::Duration kPrepareAfterIdle = absl::Milliseconds(100);
inline constexpr size_t kSpareSliceBytes = 1024 * 1024;  // Its sync delays one append by some ms.
inline constexpr absl::Duration kSnapshotRetryEvery = absl::Seconds(1);  // Writes the whole state.
inline constexpr int kSpareSegments = 2;  // Written ahead, so that an append never extends a file.
inline constexpr size_t kSnapshotChunkBytes = 256 * 1024;
// It holds one configuration and a name; a wrong size must not make a reader ask for all memory.
inline constexpr size_t kSnapshotHeaderBytesMax = 1024 * 1024;

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_LIMITS_H_
