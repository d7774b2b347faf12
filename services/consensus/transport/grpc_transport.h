#ifndef Z4J_CONSENSUS_TRANSPORT_GRPC_TRANSPORT_H_
#define Z4J_CONSENSUS_TRANSPORT_GRPC_TRANSPORT_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "services/base/clock.h"
#include "services/consensus/transport/authentication.h"
#include "services/consensus/transport/transport.h"

namespace grpc {
class HealthCheckServiceInterface;
class Service;
}  // namespace grpc

namespace z4j::consensus {

struct GrpcTransportOptions {
  NodeIdentity identity;
  absl::Duration election_timeout;  // Peers must have the same.
  std::string version;              // Of the program, for people.
  std::string listen_address;       // "host:port"; port 0: any, see port().
  // How this node and its peers prove who they are; none: whoever says to be one is believed.
  PeerAuthentication authentication;
  // Of each snapshot that this node sends, so that it leaves room for others; 0: no limit.
  uint64_t snapshot_bytes_per_second = 0;
  // Served on the same port, for clients.  They outlive the transport, and Stop() waits until their
  // calls, which it cancels, are finished.
  std::vector<grpc::Service*> services;
};

// Transport over gRPC.  Each node dials a stream to each peer and sends by it; a node that is
// dialed by one who is no peer of its own (it was just added, or lags) answers on that stream.  A
// stream that dies is dialed anew within kReconnectMax, by a new connection; so is one on which
// requests find no answer.  Snapshots go by connections of their own.
class GrpcTransport final : public Transport {
 public:
  // `clock` outlives this.  It must run by itself.
  GrpcTransport(GrpcTransportOptions options, Clock& clock);
  ~GrpcTransport() override;  // Stops.

  // --- Transport ---
  absl::Status Start(TransportEvents& events) override;
  void SetPeers(const std::map<NodeId, std::string>& addresses) override;
  void Send(std::vector<Message> messages) override;
  void SendSnapshot(Message install, std::unique_ptr<SnapshotReader> snapshot) override;
  void Stop() override;

  // Which one is listened on, once started.
  int port() const;
  // The server's own, once started; null unless health is enabled in this process.  As long as
  // this.
  grpc::HealthCheckServiceInterface* health() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_GRPC_TRANSPORT_H_
