#ifndef Z4J_CONSENSUS_RAFT_MUTANTS_H_
#define Z4J_CONSENSUS_RAFT_MUTANTS_H_

#include "services/base/broken_rule.h"

namespace z4j::consensus {

// The rules that a build can break (services/base/broken_rule.h); what the broken build does
// instead stands beside each.
enum class Rule : int {
  kNone = 0,
  kVoteAfterSync = 1,              // A vote leaves before it is on the disk.
  kAcknowledgeAfterSync = 2,       // An append is acknowledged before it is on the disk.
  kLeaderCountsAfterSync = 3,      // The leader counts its own entries before its disk has them.
  kRequestAfterSync = 4,           // A candidate asks before its own vote is on the disk.
  kPreVoteComparesLogs = 5,        // A pre-vote is granted to a candidate with an older log.
  kVoteComparesLogs = 6,           // So is a vote.
  kOneVotePerTerm = 7,             // A second candidate gets a vote in the same term.
  kPreVoteIsNoVote = 8,            // The answer to a pre-vote counts as a vote.
  kWithholdAfterHeartbeat = 9,     // A vote is given while a leader is alive.
  kWithholdAfterBoot = 10,         // A restarted node votes at once.
  kCheckQuorum = 11,               // A leader without a quorum stays one.
  kCommitOwnTermOnly = 12,         // Entries of old terms commit by counting (figure 8).
  kClampCommit = 13,               // A follower takes the leader's commit index unclamped.
  kHeartbeatClaimsOnlyDisk = 14,   // A heartbeat's answer claims entries that are not on the disk.
  kTruncateOnlyAtConflict = 15,    // An older, shorter append cuts the log.
  kLeaseFromSendTime = 16,         // The lease counts from the acknowledgement's arrival.
  kLeaseEndsWithTransfer = 17,     // The lease lives on while leadership is handed over.
  kNoLeaseAfterTimeoutNow = 18,    // … and is won again after the hand-over was aborted.
  kLeaseNeedsOwnCommit = 19,       // A lease is claimed before the own term committed.
  kReadNeedsOwnCommit = 20,        // So is a read index.
  kReadNeedsRound = 21,            // A read is answered without asking a quorum.
  kMajorityIsMoreThanHalf = 22,    // Half of an even number is a quorum.
  kJointNeedsBothMajorities = 23,  // While joint, the new majority decides alone.
  kOneChangeAtATime = 24,          // A second change of membership begins before the first ended.
  kChangeNeedsOwnCommit = 25,      // A new leader changes the membership at once.
  kConfigRollsBack = 26,           // A truncated configuration stays in force.
  kForgetUnsyncedOnTruncate = 27,  // A late completion marks overwritten entries durable (ABA).
  kRejectsMayBeStray = 28,         // A late rejection moves a follower's match back.
  kDamagedNeverVotes = 29,         // A node that lost synced data votes.
  kIncarnationMustMatch = 30,      // Answers of a wiped node under the old number count.
  kOldSnapshotIsIgnored = 31,      // A snapshot behind the commit index replaces the log.
  kApplyOnlyWhatIsOnDisk = 32,     // Entries are applied before this node's disk has them.
  kTransferWaitsForMatch = 33,     // TimeoutNow goes to a target that lacks entries.
  kLostElectionsBackOff = 34,      // Elections that nobody wins follow each other for ever.
  kTurnWaitsForTimeout = 35,       // Who loses its stream to the leader campaigns at once.
  kCampaignInTurn = 36,            // … or all who lost it at the same time.
  kSlowDiskNeedsOthers = 37,       // A slow disk hands over though the others are no quorum.
  kCount,                          // Of the rules of the core.

  // Of the storage.
  kSyncBeforeAppendReturns = 50,   // Append answers while the bytes are in the machine's cache.
  kSyncFailureIsFinal = 51,        // A failed sync is forgotten, and the next one believed.
  kWitnessTellsRot = 52,           // What had been synced and is wrong is cut off as torn.
  kOnlyAWitnessTellsRot = 53,      // Any whole record behind a torn one counts as rot.
  kSegmentsAreLinked = 54,         // A segment that lost its end is followed by the next one.
  kNameDurableBeforeUse = 55,      // A new segment is used before its name is on the disk.
  kSegmentRepeatsHardState = 56,   // A new segment begins without term and vote.
  kReopenedIsWrittenAgain = 57,    // What was read from the cache is taken for durable.
  kReopenedNamesAreSynced = 58,    // So are the names.
  kVotesHaveAReserve = 59,         // Entries use the last spare segment.
  kSnapshotSyncedBeforeName = 60,  // A snapshot gets its name before its bytes are durable.
  kDamagedIsOnlyRead = 61,         // A damaged log is written to.
  kHintAfterEntries = 62,          // A commit hint is written before the entries it is about.

  // Of the state machine, and of the node around it.
  kTokenInSnapshot = 70,          // Whoever starts from a snapshot has forgotten the newest token.
  kTokensGrow = 71,               // All names that one entry grants get the same token.
  kExpiryIsDecidedInLog = 72,     // The leader's own clock alone ends a session.
  kNewLeaderRenewsSessions = 73,  // Signs of life that an old leader heard are lost with it.
  kMutationsAreDoneOnce = 74,     // A mutation that is sent again is done again.
  kAnswersInSnapshot = 75,        // … after a snapshot alone.
  kSessionEndFreesNames = 76,     // What an ended session held stays held.
  kReleaseNeedsToken = 77,        // Anybody's release frees a name.
  kFirstComeFirstServed = 78,     // Who came last is next.
  kAliveOnlyIfDecided = 79,       // A session is called alive while its expiry is in the log.
  kReadsWaitForApply = 80,        // Reads are answered before what they must see is applied.
  kNewestSnapshotCounts = 81,     // An older snapshot than one that is stored ends the node.
};

inline bool Broken(Rule rule) { return IsBroken(static_cast<int>(rule)); }

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_MUTANTS_H_
