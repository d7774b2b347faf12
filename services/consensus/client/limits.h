#ifndef Z4J_CONSENSUS_CLIENT_LIMITS_H_
#define Z4J_CONSENSUS_CLIENT_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"
#include "services/consensus/limits.h"

// The bounds of the client, each with its reason.
namespace z4j::consensus::client {

// Between tries: shorter would load nodes that are just electing, longer would outlast them.
inline constexpr absl::Duration kBackoffMin = absl::Milliseconds(20);
inline constexpr absl::Duration kBackoffMax = absl::Milliseconds(200);
// Of one attempt of a call that need not wait: some elections, but no patience of TCP's.
inline constexpr absl::Duration kAttemptTimeout = absl::Seconds(1);
// To connect: then the next try sends a new SYN, which TCP would do after 1 s.
inline constexpr absl::Duration kConnectTimeout = absl::Milliseconds(500);
// How much less than its TTL a session is trusted, for clocks that run at different speeds.
inline constexpr int kTrustMarginPercent = 10;
inline constexpr absl::Duration kTrustMarginMin = absl::Milliseconds(20);
// A sign of life every quarter of a TTL: two may be lost.
inline constexpr int kSignsPerTtl = 4;
// Without an answer for half a TTL another node is dialed: an answer could come after the next
// sign, but trust would have ended before the one after that.
inline constexpr int kSilentPartOfTtl = 2;
// A client without a session that was idle so long takes another number: the cluster forgets the
// old one after kClientIdle, ten minutes.
inline constexpr absl::Duration kClientIdTrusted = absl::Minutes(5);
// Of an answer: the largest page and gRPC's own frame.
inline constexpr int kAnswerBytesMax = 4 * 1024 * 1024;

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_LIMITS_H_
