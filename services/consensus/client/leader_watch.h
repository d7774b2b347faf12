#ifndef Z4J_CONSENSUS_CLIENT_LEADER_WATCH_H_
#define Z4J_CONSENSUS_CLIENT_LEADER_WATCH_H_

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "services/consensus/client/connection.h"

namespace z4j::consensus::client {

// Who leads an election, as far as known.
struct Leading {
  uint64_t token = 0;  // 0: nobody, or it is not known.
  uint64_t session_id = 0;
  std::string value;  // What the leader announces.
  friend bool operator==(const Leading&, const Leading&) = default;
};

// Follows one election: first who leads, then every change in its order, across nodes that come and
// go.
class LeaderWatch {
 public:
  // `on_change` is called on the watch's thread with each state, and with an empty one when no node
  // could be asked; must not block for long.  `connection` outlives this.
  LeaderWatch(Connection& connection, std::string name,
              std::function<void(const Leading& leading)> on_change);
  ~LeaderWatch();  // Stops.

  // Idempotent, not thread-safe.
  void Stop();

 private:
  void Run();
  // Reads one stream to its end.  Whether it said anything.
  bool Follow(Failure* failure, const Connection::Target& target);

  Connection& connection_;
  const std::string name_;
  const std::function<void(const Leading&)> on_change_;
  Cancellation stopping_;
  uint64_t revision_ = 0;  // The last seen; the thread's.
  std::thread thread_;
};

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_LEADER_WATCH_H_
