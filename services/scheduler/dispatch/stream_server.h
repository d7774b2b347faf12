#ifndef Z4J_SCHEDULER_DISPATCH_STREAM_SERVER_H_
#define Z4J_SCHEDULER_DISPATCH_STREAM_SERVER_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "services/base/clock.h"
#include "services/scheduler/dispatch/adapter_link.h"

namespace grpc {
class Service;
}

namespace z4j::scheduler {

// AdapterService over gRPC: accepts the adapters' streams and makes each an AdapterLink for
// `events`.  A stream that is silent for kHeartbeatsMissedMax intervals is dead.  Thread-safe.
class StreamServer {
 public:
  // Both outlive this; so does this the gRPC server that `service` is registered with.
  StreamServer(AdapterEvents& events, Clock& clock, std::string node);
  ~StreamServer();  // Stops.

  grpc::Service& service();

  // Tells every adapter whether this node leads, now and when it connects.
  void SetLeader(bool leader);

  // Ends streams that are dead, and those whose outcomes could not be stored; and gives up
  // questions that were not answered in time.  The thread calls it every second; tests may instead.
  void CheckStreams();
  void Start();

  // Announces that the node goes away and refuses new streams.
  void Drain();
  // Drains, ends all streams with UNAVAILABLE, waits until they are gone.  Idempotent.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_STREAM_SERVER_H_
