#ifndef Z4J_CONSENSUS_RAFT_MARKS_H_
#define Z4J_CONSENSUS_RAFT_MARKS_H_

#include <array>
#include <cstdint>
#include <string_view>

// Rare events that a test run must have met, or it has proven nothing about them.
namespace z4j::consensus {

enum class Mark : int {
  kFigure8Blocked,     // A quorum has entries of an old term, which therefore do not commit.
  kVoteWithheld,       // A leader, or the time after boot, kept a vote back.
  kVoteSplit,          // An election, or a pre-vote, was lost.
  kVoteRepeated,       // The same candidate got its vote a second time.
  kElectionBackedOff,  // Several were lost in a row.
  kElectionHastened,   // The stream to the leader broke.
  kPreVoteRefused,     // The candidate's log was older.
  kLowerTermAnswered,  // A message of an old term was answered with the newer one.
  kTruncated,          // A conflict cut the log.
  kConfigRolledBack,   // … together with a configuration.
  kDurableRolledBack,  // … together with writes on their way to the disk.
  kStrayReject,        // A late rejection was told apart.
  kHintSkippedTerm,    // A rejection's hint skipped several entries at once.
  kOldAppend,          // Entries came that were committed here already.
  kWindowFull,         // Replication waited for acknowledgements.
  kWindowProbed,       // … and an empty append asked whether they were lost.
  kBecameProbe,        // Pipelining ended by a rejection or a lost stream.
  kSnapshotNeeded,     // A follower lacked what the log no longer has.
  kSnapshotInstalled,
  kSnapshotFastForward,  // The log had the snapshot's last entry already.
  kSnapshotOld,          // It stood behind the commit index.
  kQuorumLost,           // Check-quorum ended a leadership, and with it its lease.
  kTransferDone,         // TimeoutNow left.
  kTransferAborted,
  kTransferVote,   // A vote was given that would have been withheld otherwise.
  kReadPostponed,  // A read waited for the own term's first commit.
  kReadLost,       // A read went down with a leadership or timed out.
  kAutoLeave,      // The leader left a joint configuration by itself.
  kLeaderRemoved,  // A leader stepped down after its removal was committed.
  kIncarnationLearned,
  kIncarnationRefused,
  kUncommittedFull,  // A proposal was refused for want of room.
  kDiskStalled,      // Leadership was offered to others because of a slow disk.
  kDamagedSilent,    // A damaged node kept quiet.
  kAppliedHeldBack,  // Committed entries waited for this node's own disk.
  kCount,
};

void Hit(Mark mark);
uint64_t HitsOf(Mark mark);
std::string_view NameOf(Mark mark);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RAFT_MARKS_H_
