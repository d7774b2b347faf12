#ifndef Z4J_CONSENSUS_ADMISSION_LIMITS_H_
#define Z4J_CONSENSUS_ADMISSION_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

// How often others may ask something of a node, each with its reason.
namespace z4j::consensus {

// --- Who dials the peer port ------------------------------------------------------------------
// Of one source, attempts that did not end with a node that proved who it is.  Nodes make none,
// but for a wrong configuration; and a dead one dials at most every kReconnectMax.
inline constexpr int kFailedGreetingsPerMinute = 60;
inline constexpr absl::Duration kSourceBan = absl::Minutes(5);
// A banned source may try again so often, and is free when it succeeds: a node whose secret was
// corrected is back soon, and whoever guesses has 30 guesses in a ban.
inline constexpr absl::Duration kBannedTryEvery = absl::Seconds(10);
// Of all sources that nobody came from lately who proved to be a node.
inline constexpr int kStrangersPerMinute = 1000;
inline constexpr absl::Duration kSourceTrustedFor = absl::Minutes(10);  // Longer than any restart.
inline constexpr size_t kSourcesMax = 4096;                             // Some 500 KiB.

// --- Who calls the API ------------------------------------------------------------------------
// Of one connection and either lane; a session needs a few, a client that has one call under way
// after the other some hundred.
inline constexpr int kRequestsPerSecond = 1000;
inline constexpr int kRequestsPerSecondMax = 1'000'000;  // More than any node does; 0 is no limit.
inline constexpr int kConnectionsWorthOfRequests = 10;   // Of one source, in connections.
inline constexpr size_t kConnectionsMax = 10'000;        // Remembered apart; some MiB.

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_ADMISSION_LIMITS_H_
