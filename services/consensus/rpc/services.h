#ifndef Z4J_CONSENSUS_RPC_SERVICES_H_
#define Z4J_CONSENSUS_RPC_SERVICES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "services/base/clock.h"
#include "services/consensus/node/node.h"
#include "services/consensus/storage/log_storage.h"

namespace grpc {
class Service;
}

namespace z4j::consensus {

struct ServicesOptions {
  NodeIdentity identity;
  std::string version;  // Of the program, for people.
  // Of the disk that the storage is on.  Must not wait; empty: health knows nothing about it.
  std::function<uint64_t()> disk_free_bytes;
  int requests_per_second = 0;       // As Admission takes it; 0: no limit.
  std::function<void()> on_refused;  // A call was one too many.  Must not wait; may be empty.
};

// The services of z4j.consensus.v1 over one node, whose clients come to the same port as its peers.
// Whoever puts a server together does this:
//
//   ConsensusServices services(options, clock);
//   auto node = Node::Create(…, services.listeners(), …);     // on_fatal is the caller's to set
//   services.Attach(**node);
//   node->Start();
//   for (grpc::Service* service : services.services()) builder.RegisterService(service);
//   …
//   services.Shutdown();        // open streams and waiting calls end, so that clients move on
//   node->StepDown(deadline);
//   node->Stop();               // every call under way is answered
//   server->Shutdown(deadline); server->Wait();
//
// and lets the server die first, then the node, then this.  Thread-safe.
class ConsensusServices {
 public:
  // `clock` outlives this.
  ConsensusServices(ServicesOptions options, Clock& clock);
  ~ConsensusServices();

  // What the node must tell: on_leadership and on_events.
  NodeListeners listeners();
  // Once, before the node and the server start.  `node` outlives the server.
  void Attach(Node& node);

  std::vector<grpc::Service*> services();

  // What keeps the node from serving, the worst first, as GetHealth says it; empty: nothing.
  std::string NotReady() const;
  // What these services are called, together and each, where gRPC's health service is asked.
  static std::vector<std::string> names();

  // Ends all streams and all calls that wait for a grant, and takes no new ones.  Calls that only
  // wait for the node go on.  Idempotent.
  void Shutdown();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_SERVICES_H_
