#ifndef Z4J_CONSENSUS_TRANSPORT_LIMITS_H_
#define Z4J_CONSENSUS_TRANSPORT_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "services/consensus/limits.h"

// The bounds of the transport, each with its reason.
namespace z4j::consensus {

inline constexpr int kPeerMessageBytesMax = 4 * 1024 * 1024;    // gRPC's own default, said aloud.
static_assert(2 * kAppendBytesMax < kPeerMessageBytesMax / 2);  // Entries' own fields included.
// Queued for one peer: what the core lets be on its way to it, and as much again of answers.
inline constexpr size_t kPeerQueueMessagesMax = 2 * kInflightMessagesMax;
inline constexpr size_t kPeerQueueBytesMax = 2 * kInflightBytesMax;
inline constexpr absl::Duration kReconnectMin = absl::Milliseconds(20);
inline constexpr absl::Duration kReconnectMax = absl::Milliseconds(200);
// To connect and to say Hello; then the next try sends a new SYN, which TCP would do after 1 s.
inline constexpr absl::Duration kPeerHelloTimeout = absl::Milliseconds(500);
// Requests without an answer for so many election timeouts: the connection is dead, and TCP, which
// doubles its patience, would find it again only long after the network healed.
inline constexpr int kPeerSilentTimeouts = 4;
// Of others to this node; members need one each, and half-open ones go within kPeerHelloTimeout.
inline constexpr size_t kPeerStreamsMax = 4 * kMembersMax;
inline constexpr size_t kSnapshotCallsMax = kMembersMax;  // Each holds one chunk in memory.
inline constexpr absl::Duration kSnapshotCallTime = absl::Seconds(10);  // Then resumed by another.
inline constexpr int kSnapshotTries = 5;                                // Calls without headway.
inline constexpr size_t kSnapshotSourceBytesMax = 128;

// --- Who is who -----------------------------------------------------------------------------
inline constexpr size_t kPeerVersionBytesMax = 128;  // It is hashed before anybody is known.
inline constexpr size_t kPeerSecretsMax = 2;  // The one in use, and the one before or after it.
inline constexpr size_t kPeerSecretBytesMin = 32;  // As strong as the MAC that it makes.
inline constexpr size_t kPeerSecretIdCharsMax = 64;
inline constexpr size_t kPeerSecretFileBytesMax = 64 * 1024;  // Anything longer is none.
inline constexpr size_t kPeerPemBytesMax = 1024 * 1024;       // A bundle of authorities fits.
inline constexpr size_t kNonceBytes = 32;  // Never drawn twice, however often one dials.
inline constexpr absl::Duration kPeerTlsRefreshEvery = absl::Seconds(10);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_LIMITS_H_
