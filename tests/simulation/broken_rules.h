#ifndef Z4J_TESTS_SIMULATION_BROKEN_RULES_H_
#define Z4J_TESTS_SIMULATION_BROKEN_RULES_H_

#include "services/consensus/raft/mutants.h"
#include "services/scheduler/mutants.h"

// What a build with a broken rule does, by the names that people give it, and what is to be
// expected of the simulator.
namespace z4j::simulation {

struct BrokenRule {
  template <typename Rule>  // Of either mutants.h.
  constexpr BrokenRule(Rule broken, const char* called, const char* why_hidden)
      : rule(static_cast<int>(broken)), name(called), hidden(why_hidden) {}

  int rule;
  const char* name;
  const char* hidden;  // Why no run can show it; null: it must be noticed.
};

using consensus::Rule;
using FireRule = scheduler::Rule;

inline constexpr BrokenRule kBrokenRules[] = {
    {Rule::kVoteAfterSync, "skip fsync before vote", nullptr},
    {Rule::kAcknowledgeAfterSync, "acknowledge entries before fsync", nullptr},
    {Rule::kLeaderCountsAfterSync, "leader counts itself before fsync", nullptr},
    {Rule::kRequestAfterSync, "ask for votes before the own vote is synced", nullptr},
    {Rule::kPreVoteComparesLogs, "pre-vote without log check", nullptr},
    {Rule::kVoteComparesLogs, "vote without log check", nullptr},
    {Rule::kOneVotePerTerm, "two votes in one term", nullptr},
    {Rule::kPreVoteIsNoVote, "pre-vote reply counted as vote", nullptr},
    {Rule::kWithholdAfterHeartbeat, "no vote withholding", nullptr},
    {Rule::kWithholdAfterBoot, "no boot withholding", nullptr},
    {Rule::kCheckQuorum, "no check-quorum", nullptr},
    {Rule::kCommitOwnTermOnly, "commit of an old term by counting", nullptr},
    {Rule::kClampCommit, "follower's commit not clamped to the message", nullptr},
    {Rule::kHeartbeatClaimsOnlyDisk, "heartbeat reply claims unsynced entries", nullptr},
    {Rule::kTruncateOnlyAtConflict, "old shorter append cuts the log", nullptr},
    {Rule::kLeaseFromSendTime, "lease from ack time", nullptr},
    {Rule::kLeaseEndsWithTransfer, "lease kept while handing over", nullptr},
    {Rule::kNoLeaseAfterTimeoutNow, "lease won again after TimeoutNow", nullptr},
    {Rule::kLeaseNeedsOwnCommit, "lease before the own term committed",
     "the node asks for its own first entry applied before it uses a lease"},
    {Rule::kReadNeedsOwnCommit, "read index before the own term committed", nullptr},
    {Rule::kReadNeedsRound, "read without asking a quorum", nullptr},
    {Rule::kMajorityIsMoreThanHalf, "half is a quorum", nullptr},
    {Rule::kJointNeedsBothMajorities, "joint phase decided by the new majority", nullptr},
    {Rule::kOneChangeAtATime, "two membership changes at once", nullptr},
    {Rule::kChangeNeedsOwnCommit, "membership change before the own term committed", nullptr},
    {Rule::kConfigRollsBack, "truncated configuration stays in force", nullptr},
    {Rule::kForgetUnsyncedOnTruncate, "late completion for overwritten entries (ABA)", nullptr},
    {Rule::kRejectsMayBeStray, "late rejection moves match back", nullptr},
    {Rule::kDamagedNeverVotes, "node with a rotten log votes", nullptr},
    {Rule::kIncarnationMustMatch, "wiped node keeps its identity", nullptr},
    {Rule::kOldSnapshotIsIgnored, "old snapshot replaces the log", nullptr},
    {Rule::kApplyOnlyWhatIsOnDisk, "apply before the own disk has it", nullptr},
    {Rule::kTransferWaitsForMatch, "TimeoutNow to a target that lacks entries", nullptr},
    {Rule::kLostElectionsBackOff, "lost elections follow each other without end",
     "it breaks no promise: the next election only comes sooner"},
    {Rule::kTurnWaitsForTimeout, "campaign as soon as the leader's stream breaks", nullptr},
    {Rule::kCampaignInTurn, "all campaign at once when the leader's stream breaks",
     "it breaks no promise: candidates only meet"},
    {Rule::kSlowDiskNeedsOthers, "slow disk handed over to no quorum",
     "it breaks no promise: the next leader waits for the same disk"},

    {Rule::kSyncBeforeAppendReturns, "append returns before fsync", nullptr},
    {Rule::kSyncFailureIsFinal, "failed fsync is forgotten",
     "the node ends at the first error, so nobody uses the log afterwards"},
    {Rule::kWitnessTellsRot, "rot taken for a torn write", nullptr},
    {Rule::kOnlyAWitnessTellsRot, "torn write taken for rot", nullptr},
    {Rule::kSegmentsAreLinked, "segments not linked",
     "what stands behind a gap does not follow from what is before it, and is refused for that; "
     "the "
     "link tells only of a gap that nothing is behind yet"},
    {Rule::kNameDurableBeforeUse, "segment used before its name is synced", nullptr},
    {Rule::kSegmentRepeatsHardState, "new segment without term and vote", nullptr},
    {Rule::kReopenedIsWrittenAgain, "page cache after a failed fsync believed", nullptr},
    {Rule::kReopenedNamesAreSynced, "unsynced names believed at start", nullptr},
    {Rule::kVotesHaveAReserve, "no disk reserve for votes",
     "entries that wait for room hold up the votes behind them; only a lone vote needs the "
     "reserve"},
    {Rule::kSnapshotSyncedBeforeName, "snapshot named before fsync", nullptr},
    {Rule::kDamagedIsOnlyRead, "rotten log written to", nullptr},
    {Rule::kHintAfterEntries, "commit hint before its entries",
     "only a write that also cuts entries off, torn just behind its hint, commits what it was to "
     "replace; WalFaultTest tears it"},

    {Rule::kTokenInSnapshot, "token not in snapshot", nullptr},
    {Rule::kTokensGrow, "one token for two grants", nullptr},
    {Rule::kExpiryIsDecidedInLog, "session expiry by the leader's clock alone",
     "a leader proposes no expiry of whom it heard, and hears nobody whose expiry is in the log"},
    {Rule::kNewLeaderRenewsSessions, "sessions not renewed by a new leader",
     "a new leader counts all sessions as heard when it began, whatever the log says"},
    {Rule::kMutationsAreDoneOnce, "retried mutation done twice", nullptr},
    {Rule::kAnswersInSnapshot, "answers not in snapshot", nullptr},
    {Rule::kSessionEndFreesNames, "ended session keeps its locks", nullptr},
    {Rule::kReleaseNeedsToken, "release without the token", nullptr},
    {Rule::kFirstComeFirstServed, "lock queue not FIFO", nullptr},
    {Rule::kAliveOnlyIfDecided, "session called alive while its expiry is undecided", nullptr},
    {Rule::kReadsWaitForApply, "read before its index is applied", nullptr},
    {Rule::kNewestSnapshotCounts, "older snapshot after a newer one is stored",
     "two leaders must send theirs around one election: one seed of 20,000 does; ReplicaTest does"},

    {FireRule::kWritesAreFenced, "leader's write without a look at the fence", nullptr},
    {FireRule::kWritesHoldTheFence, "fence looked at FOR KEY SHARE", nullptr},
    {FireRule::kWatermarkMovesForward, "watermark moves back", nullptr},
    {FireRule::kPlanFromThisWatermark, "plan written from another watermark", nullptr},
    {FireRule::kUnknownIsNotDone, "unknown commit taken for done", nullptr},
    {FireRule::kFenceIsRaisedFirst, "schedules read before the fence is raised",
     "a plan is written only from the very watermark that the store has"},
    {FireRule::kRefusedStepsDown, "leader goes on after a refused write", nullptr},
    {FireRule::kTakeOverReadsAnew, "take-over with what is in memory",
     "the same; and changes are read before every plan"},
    {FireRule::kTakeOverReadsPending, "take-over without the PENDING fires", nullptr},
    {FireRule::kLeaseOutlastsCommit, "commit after the lease",
     "the fence refuses what comes after another's; before that it does no harm"},
    {FireRule::kOutagesAreWrittenDown, "outage not written down", nullptr},
    {FireRule::kChangesAreRead, "leader does not read changes", nullptr},
    {FireRule::kStockEndsAtOwnFires, "take-over that waits for an end of the fires",
     "before long some turn has nothing due; TakeOverTest has a fire in every one"},
    {FireRule::kTakeOverReadsRuns, "take-over without the open runs", nullptr},
    {FireRule::kRepeatedHasNotEnded, "repeated run taken for ended", nullptr},

    {FireRule::kChangesLeavePlansBehind, "change leaves the plans made before it", nullptr},
    {FireRule::kRetryWithItsEnd, "end of a run written without its retry", nullptr},

    {FireRule::kLeaverAwaitsAnswers, "leaves without the answers of adapters", nullptr},
    {FireRule::kLeaverWritesAll, "leaves without writing what adapters answered", nullptr},
    {FireRule::kLeaverHandsOver, "leaves and hands leadership to nobody", nullptr},
};

}  // namespace z4j::simulation

#endif  // Z4J_TESTS_SIMULATION_BROKEN_RULES_H_
