#ifndef Z4J_SCHEDULER_MUTANTS_H_
#define Z4J_SCHEDULER_MUTANTS_H_

#include "services/base/broken_rule.h"

namespace z4j::scheduler {

// The scheduler's rules that a build can break; what the broken build does instead stands beside
// each.  See services/base/broken_rule.h.
enum class Rule : int {
  // Of the store.
  kWritesAreFenced = 100,        // A leader's write does not look at the fence.
  kWritesHoldTheFence = 101,     // It looks, but the fence can be raised before it commits.
  kWatermarkMovesForward = 102,  // A commit sets the watermark to whatever it says.
  kPlanFromThisWatermark = 103,  // A commit moves the watermark forward, from wherever it stands.
  kUnknownIsNotDone = 104,       // A commit without an answer is taken for done.

  // Of the fire loop.
  kFenceIsRaisedFirst = 110,     // A new leader reads the store, and then raises the fence.
  kRefusedStepsDown = 111,       // A leader whose write was refused goes on.
  kTakeOverReadsAnew = 112,      // A new leader goes on with what it has in memory.
  kTakeOverReadsPending = 113,   // … and hands over only what it decides itself.
  kLeaseOutlastsCommit = 114,    // A commit begins although the lease has run out.
  kOutagesAreWrittenDown = 115,  // A new leader keeps an outage in its memory alone.
  kChangesAreRead = 116,         // A leader goes on with the schedules as it first read them.
  kStockEndsAtOwnFires = 117,    // A new leader reads PENDING fires until there are no more.
  kTakeOverReadsRuns = 118,      // … and counts no runs that the last one left.
  kRepeatedHasNotEnded = 119,    // A run whose retry waits is taken for ended.

  // Of mutations.
  kChangesLeavePlansBehind = 120,  // One leaves a watermark that is ahead of its clock.

  // Of dispatching.
  kRetryWithItsEnd = 130,  // The end of a run is written without its retry.

  // Of leaving in good order.
  kLeaverAwaitsAnswers = 140,  // Who lets go does not wait for what adapters are answering.
  kLeaverWritesAll = 141,      // … nor until what they answered is written.
  kLeaverHandsOver = 142,      // The leadership is left to run out.
};

inline bool Broken(Rule rule) { return IsBroken(static_cast<int>(rule)); }

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_MUTANTS_H_
