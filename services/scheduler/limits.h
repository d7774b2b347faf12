#ifndef Z4J_SCHEDULER_LIMITS_H_
#define Z4J_SCHEDULER_LIMITS_H_

#include <cstdint>

#include "absl/time/time.h"

// Every bound of the scheduler, each with its reason.  A request over a bound is refused with the
// field, the value and the bound; an internal queue over its bound pushes back.
namespace z4j::scheduler {

// --- What a schedule may hold ---------------------------------------------------------------
inline constexpr int kNameCharsMax = 200;           // Fits a log line and an index page.
inline constexpr int kTaskCharsMax = 500;           // Dotted paths of deep packages.
inline constexpr int kDescriptionCharsMax = 4000;   // A screen of prose.
inline constexpr int kPayloadBytesMax = 64 * 1024;  // args and kwargs each: a message, no file.
inline constexpr int kLabelsMax = 32;
inline constexpr int kLabelCharsMax = 200;
inline constexpr int kEngineOptionsMax = 32;
inline constexpr int kSourceKindCharsMax = 50;     // As kEngineCharsMax.
inline constexpr int kSourceVersionCharsMax = 50;  // Of a library: "5.7.0rc1".
inline constexpr int kSourceTextCharsMax = 1000;   // A path or an address; a name of elsewhere.
inline constexpr int kCronTextCharsMax = 1000;     // Bounds parsing; the longest real one has ~300.
inline constexpr int kZoneNameCharsMax = 64;       // The longest IANA name has 32.
// Nothing comes due outside these years (of the schedule's wall clock).  Every kind of year (its
// first weekday, leap or not, and its predecessor's) is among them, so a cron that does not match
// there never does; and the offsets of a zone take a few kilobytes.
inline constexpr int kCalendarYearMin = 1970;
inline constexpr int kCalendarYearMax = 2199;
inline constexpr absl::Duration kPeriodMin = absl::Seconds(1);
inline constexpr absl::Duration kPeriodMax = absl::Hours(24 * 3653);  // Ten years.
inline constexpr absl::Duration kJitterMax = absl::Hours(24);
inline constexpr absl::Duration kSolarOffsetMax = absl::Hours(12);
inline constexpr absl::Duration kExpiresMax = absl::Hours(24 * 366);
inline constexpr absl::Duration kCatchUpWindowMax = absl::Hours(24 * 366);
inline constexpr int kCatchUpMax = 1000;  // FIRE_ALL after a long outage: a burst, no flood.
inline constexpr int kPreviewMax = 1000;
inline constexpr int kProjectCharsMax = 63;  // A DNS label: projects become parts of host names.
inline constexpr int kEngineCharsMax = 50;   // An identifier such as "celery".
inline constexpr int kPriorityMax = 100;     // -100..100: adapters scale it to their broker's.
inline constexpr int kJsonDepthMax = 64;     // Readers in other languages recurse.
inline constexpr int kEngineOptionBytesMax = 8 * 1024;  // Headers and the like; 32 of them.
inline constexpr int kRetryAttemptsMax = 1000;          // 0 means "until it expires".
inline constexpr absl::Duration kRetryBackoffMin = absl::Milliseconds(10);  // No busy loop.
inline constexpr absl::Duration kRetryBackoffMax = absl::Hours(1);
inline constexpr int kRunAttemptsMax = 100;  // Runs of one due time: each is a row and a hand-over.
inline constexpr double kRunBackoffMultiplierMax = 10;
inline constexpr absl::Duration kRunBackoffMin = absl::Milliseconds(10);  // As kRetryBackoffMin.
inline constexpr absl::Duration kRunBackoffMax = absl::Hours(24 * 7);     // Like kOpenRunMax.

// --- The tick -------------------------------------------------------------------------------
inline constexpr int kFiresPerCommitMax = 1000;   // ~12 ms on PostgreSQL; more only adds latency.
inline constexpr int kFiresPerFirstCommit = 128;  // The first of a burst leaves soon.
inline constexpr int kPendingInMemoryMax = 200'000;  // Per engine; the rest waits in the store.
inline constexpr int kTargetsCachedMax = 50'000;     // Built dispatch targets kept; ~1 KB each.
// Batch ids are handed out before they commit, so that one a little lower may turn up later.
inline constexpr int64_t kBatchIdSlack = 64;
// Outages remembered that are not caught up: so many leaders died, each more than kOnTimeGrace
// after the one before it, and none came through.
inline constexpr int kOutagesMax = 16;
// A follower reads the cursors of schedules that came due under the leader, so many a second at
// most: more would cost the database as much as the fires themselves.  A new leader reads the rest.
inline constexpr int kCursorsPerCall = 1000;
inline constexpr absl::Duration kFollowLag = absl::Seconds(1);  // The leader's time to decide.
inline constexpr int kChangesPerPoll = 1000;  // Read at once; ~10 ms on PostgreSQL.
inline constexpr absl::Duration kReadyPeriod = absl::Seconds(10);  // Of a standby's connections.
// While a new leader reads what the last one left: a schedule that waits for that is looked at
// again, and after a failure the store asked again.
inline constexpr absl::Duration kStockPause = absl::Milliseconds(10);
inline constexpr absl::Duration kReadOnPause = absl::Milliseconds(100);
inline constexpr absl::Duration kReloadPeriod = absl::Minutes(1);  // Of PENDING rows, in idle time.
inline constexpr absl::Duration kPrunePeriod = absl::Minutes(1);
inline constexpr absl::Duration kChangePollPeriod = absl::Seconds(1);     // If no wake-up came.
inline constexpr absl::Duration kLeaseLeftMin = absl::Milliseconds(20);   // To begin a commit.
inline constexpr absl::Duration kClockAheadMax = absl::Milliseconds(50);  // Over the database's.

// --- Election -------------------------------------------------------------------------------
// How often a standby tries, in case the leader died without a word: two small statements.
inline constexpr absl::Duration kCampaignPeriod = absl::Milliseconds(50);
// Who gave its term up, or was fenced, lets others try first for so long.
inline constexpr absl::Duration kResignPause = absl::Seconds(2);
// With a consensus cluster elsewhere: a dead leader is replaced after so long.  The least that the
// service takes.
inline constexpr absl::Duration kRemoteSessionTtl = absl::Milliseconds(300);
// Longer than an election there; who cannot be told by then sees the session end.
inline constexpr absl::Duration kRemoteTellMax = absl::Seconds(1);
inline constexpr absl::Duration kRemoteRetryPause = absl::Milliseconds(200);  // It refuses us.
// A leader that has not reached the store for so long lets others try.  Longer than a restart of
// PostgreSQL: then nobody reaches it.
inline constexpr absl::Duration kStoreLostMax = absl::Seconds(5);
// A leader that is stopped waits so long for answers on their way and for its last writes, and
// nobody fires meanwhile.  Adapters answer within 20 ms as a rule; the next leader sends the rest
// again with the same ids.
inline constexpr absl::Duration kHandOverMax = absl::Milliseconds(100);
// Until another node leads the consensus cluster; some election timeouts.  Then the leader goes on,
// or stops and is replaced.
inline constexpr absl::Duration kTransferMax = absl::Seconds(1);
// A change of its members: some elections; whoever waits longer had better look.
inline constexpr absl::Duration kMembersChangeMax = absl::Seconds(10);
// The consensus among the schedulers.  More voters make every decision slower, not safer.
inline constexpr int kConsensusPeersMax = 9;
// Below, a busy machine is taken for a dead one; above, nothing fires for too long.
inline constexpr absl::Duration kElectionTimeoutMin = absl::Milliseconds(50);
inline constexpr absl::Duration kElectionTimeoutMax = absl::Seconds(10);
// A frozen leader is replaced after so long; a shorter one would mistake a slow disk for that.
inline constexpr absl::Duration kLease = absl::Seconds(2);
inline constexpr absl::Duration kLeaseRenewPeriod = absl::Milliseconds(500);
// The leader stops trusting its lease so much earlier than the database: clocks drift.
inline constexpr absl::Duration kLeaseMargin = absl::Milliseconds(200);

// --- Dispatch -------------------------------------------------------------------------------
inline constexpr int kFiresPerDispatchBatch = 500;
inline constexpr int kInFlightPerAdapterMax = 10'000;  // Whatever an adapter asks for.
inline constexpr int kErrorBytesMax = 4096;            // Of an engine's message, per fire.
inline constexpr int kTemplatesPerStreamMax = 50'000;  // Then reset_templates; ~30 MB an adapter.
inline constexpr int kStreamMessagesQueuedMax = 1000;  // To one adapter; then it does not read.
inline constexpr int kUpdatesPerFlushMax = 1000;       // As kFiresPerCommitMax, for outcomes.
inline constexpr int kUpdatesQueuedMax = 100'000;  // Then outcomes are refused until it is flushed.
// With so many unwritten nothing more is sent: well before outcomes would be refused.
inline constexpr int kUpdatesQueuedToSend = kUpdatesQueuedMax / 5;
inline constexpr absl::Duration kUpdatesFlushAfter = absl::Milliseconds(5);
inline constexpr absl::Duration kHeartbeatInterval = absl::Seconds(5);
inline constexpr int kHeartbeatsMissedMax = 3;  // Then the stream is dead.
inline constexpr absl::Duration kAnswerMax =
    absl::Minutes(2);  // To a dispatch; then it is retried.
// After gaining leadership or losing the last adapter, before "no adapter" ends a fire: adapters
// reconnect within a second, people restart them within half a minute.
inline constexpr absl::Duration kNoAdapterGrace = absl::Seconds(30);
// Fires that the broker has and whose end was not heard are looked up where the engine keeps
// results: first after a minute (what ends sooner is reported as a rule), then at doubled intervals
// up to an hour, for a day (result backends forget after that by default).
inline constexpr absl::Duration kFirstLookUpAfter = absl::Minutes(1);
inline constexpr absl::Duration kLookUpEvery = absl::Hours(1);
inline constexpr absl::Duration kLookUpFor = absl::Hours(24);
inline constexpr int kFiresPerLookUp = 500;       // One look-up takes well under a second.
inline constexpr int kAwaitedMax = 200'000;       // In memory, ~40 MB; the rest is in the store.
inline constexpr int kRowsPerUnendedPage = 2000;  // Some milliseconds on the loop's thread.
// After so long without a report a fire says that its outcome is unknown.
inline constexpr absl::Duration kReportAwaited = absl::Minutes(10);
// What people ask of an engine: a broker that has not answered by then will hardly do.
inline constexpr absl::Duration kAskMax = absl::Seconds(10);
inline constexpr int kAsksPerAdapterMax = 16;  // Not answered; each may cost its broker a scan.
// Between being told what a purge would remove and doing it: time to read and ask someone.
inline constexpr absl::Duration kPurgeTokenTtl = absl::Minutes(5);
inline constexpr int kEngineLabelsMax = 32;  // Distinct `engine` labels of a metric, then "other".

// --- Mutations and reads --------------------------------------------------------------------
inline constexpr int kMutationsPerCommitMax = 512;
inline constexpr int kMutationsQueuedMax = 10'000;  // Then RESOURCE_EXHAUSTED.
inline constexpr int kBatchCreateMax = 1000;
inline constexpr int kPageSizeDefault = 50;
inline constexpr int kPageSizeMax = 1000;
inline constexpr int kRequestIdCharsMax = 100;
inline constexpr absl::Duration kRequestIdKept = absl::Hours(24);
// Of one call of a store: a stuck one must not hang the tick; it is sent again.
inline constexpr absl::Duration kStoreTimeout = absl::Seconds(2);
inline constexpr int kSqliteReadersMax = 8;  // Connections; each caches up to 2 MiB of pages.
// How far back PostgreSQL looks for runs that have not ended (overlap policy).
inline constexpr int kEndedRunsSeen = 20;  // More runs than overlap or overtake each other.
inline constexpr absl::Duration kOpenRunMax = absl::Hours(24 * 7);  // Longer than any run.
inline constexpr int kActorCharsMax = 200;
inline constexpr int kResourceNameCharsMax = 400;  // Project, schedule, fire and what is between.
inline constexpr int kRpcThreads = 16;        // They wait for the store more than they compute.
inline constexpr int kCallsQueuedMax = 4096;  // Beyond that a call would outlive its deadline.
inline constexpr absl::Duration kCallsDrainMax = absl::Seconds(5);  // For open calls, at the end.
// To the server.  gRPC's default of 4 MiB would end the stream of an adapter that reports 1000
// outcomes, each with the longest error (kErrorBytesMax), ids and times.
inline constexpr int kMessageBytesMax = 8 * 1024 * 1024;
// From the server: what clients take by default is 4 MiB, and an answer has a frame around its
// rows.
inline constexpr int kAnswerBytesMax = 3 * 1024 * 1024;
inline constexpr int kRowsPerRead = 100;  // Of a page; each may hold 128 KiB of arguments and more.
// Of one BatchCreate: its answer repeats all of it, and adds up to 0.7 KB of defaults to each of
// kBatchCreateMax schedules.
inline constexpr int kBatchCreateBytesMax = kAnswerBytesMax;
inline constexpr int kWatchersMax = 1000;      // Open watch streams; each costs a query per change.
inline constexpr int kEventsPerMessage = 200;  // Of a watch; fewer if they are large.
inline constexpr absl::Duration kWatchPollEvery = absl::Milliseconds(500);
inline constexpr int kWatchedFiresMax = 10'000;  // Whose state a fire watch remembers: ~1 MB.
inline constexpr int kWatchedPerRead = 500;      // Of the unended, whose note it looks at in turn,
inline constexpr absl::Duration kWatchedNotesEvery = absl::Seconds(5);  // so often.
// A quiet watch says how far it is, so that a client's token does not grow old.
inline constexpr absl::Duration kWatchTokenEvery = absl::Seconds(30);
// A client that lost its connection resumes within that; 40 bytes for each write of a fire are kept
// for at most twice as long and a minute.
inline constexpr absl::Duration kWrittenKept = absl::Minutes(2);
inline constexpr int kWrittenPerRead = 20'000;    // Keys: ~1 MB.
inline constexpr int kWrittenPrunedMax = 50'000;  // Transactions; there are fewer in a minute.
inline constexpr int kFeedKeysMax = 200'000;      // Shared by the watches of a node: ~8 MB.
inline constexpr int kAuditScanMax = 10'000;      // Entries that one filtered page looks through.
inline constexpr int kPruneRowsPerBatch = 1000;
inline constexpr absl::Duration kFireRetentionDefault = absl::Hours(24 * 30);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_LIMITS_H_
