#ifndef Z4J_CONSENSUS_TRANSPORT_PEER_SECRETS_H_
#define Z4J_CONSENSUS_TRANSPORT_PEER_SECRETS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

// The secret that the nodes of a cluster share where there are no certificates: a text file,
// readable by its owner alone.
//
//   # Comments and blank lines are allowed.
//   2026-11:q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=
//   2026-05:…
//
// One or two lines "id:base64": an id of [A-Za-z0-9._-]{1,64} and 32 bytes or more.  The first is
// the one that a node speaks with; both are understood.  No message of these functions holds one.
namespace z4j::consensus {

struct PeerSecret {
  std::string id;
  std::string key;
};

class PeerSecrets {
 public:
  // INVALID_ARGUMENT: none, more than kPeerSecretsMax, one that is too short, an id twice.
  static absl::StatusOr<PeerSecrets> Create(std::vector<PeerSecret> secrets);

  const PeerSecret& current() const { return secrets_.front(); }
  // Null: it is not known here.
  const PeerSecret* Find(std::string_view id) const;

 private:
  std::vector<PeerSecret> secrets_;
};

// INVALID_ARGUMENT, naming the line, if `text` is not as above.
absl::StatusOr<PeerSecrets> ParsePeerSecrets(std::string_view text);

// As ParsePeerSecrets; NOT_FOUND, FAILED_PRECONDITION: as ReadPrivateFile (base/private_file.h).
absl::StatusOr<PeerSecrets> LoadPeerSecrets(const std::string& path);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_PEER_SECRETS_H_
