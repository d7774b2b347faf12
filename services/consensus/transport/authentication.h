#ifndef Z4J_CONSENSUS_TRANSPORT_AUTHENTICATION_H_
#define Z4J_CONSENSUS_TRANSPORT_AUTHENTICATION_H_

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/consensus/transport/limits.h"
#include "services/consensus/transport/peer_name.h"
#include "services/consensus/transport/peer_secrets.h"

// How the nodes of a cluster prove to each other who they are (docs/security.md).  Whoever puts a
// node together does this with its flags:
//
//   PeerAuthenticationFiles files{.tls_certificate = flags.peer_tls_cert, …};
//   ASSIGN_OR_RETURN(PeerAuthentication authentication, LoadPeerAuthentication(files));
//   RETURN_IF_ERROR(CheckPeerListener(flags.listen, authentication.any(), flags.insecure));
//   GrpcTransportOptions options{…, .authentication = std::move(authentication)};
namespace z4j::consensus {

// Paths; empty ones are not given.  The violations name them by these flags.
struct PeerAuthenticationFiles {
  std::string tls_certificate = {};  // --peer-tls-cert: this node's, PEM; it names the node.
  std::string tls_key = {};          // --peer-tls-key
  std::string tls_ca = {};  // --peer-tls-ca: who signs the nodes' certificates, and no others'.
  std::string secret = {};  // --peer-secret-file: peer_secrets.h
};

// Mutual TLS, by paths that were readable at the start.  The files are read again every
// `refresh_every` (whole seconds), so that a certificate is renewed without a restart.
struct PeerTls {
  std::string certificate = {}, key = {}, ca = {};
  PeerNames own_names = {};  // Of the certificate as it was at the start.
  absl::Duration refresh_every = kPeerTlsRefreshEvery;
};

// Either, both, or none.
struct PeerAuthentication {
  std::optional<PeerTls> tls = {};
  std::shared_ptr<const PeerSecrets> secrets = nullptr;  // Null: none.

  bool any() const { return tls.has_value() || secrets != nullptr; }
};

// Reads and checks the files.
//   INVALID_ARGUMENT  with a violation for the flag at fault: a file is missing, unreadable, too
//                     open, or not what it should be; certificate and key do not belong together.
absl::StatusOr<PeerAuthentication> LoadPeerAuthentication(const PeerAuthenticationFiles& files);

// INVALID_ARGUMENT (--listen) if everybody who reaches `address` could speak as a node:
// neither certificates nor a secret, not on loopback, and not wanted so (`insecure`).
absl::Status CheckPeerListener(const std::string& address, bool authenticated, bool insecure);

// What gRPC is given for both directions; plaintext without `tls`.  Names of hosts are not
// compared: a peer's name is its number, which CheckPeerName judges once it has said it.
struct PeerCredentials {
  std::shared_ptr<grpc::ServerCredentials> server;
  std::shared_ptr<grpc::ChannelCredentials> channel;
};
PeerCredentials MakePeerCredentials(const PeerAuthentication& authentication);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_AUTHENTICATION_H_
