#ifndef Z4J_CONSENSUS_CLIENT_KEEPER_H_
#define Z4J_CONSENSUS_CLIENT_KEEPER_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "services/base/mono_time.h"
#include "services/consensus/client/connection.h"
#include "services/consensus/client/keep_alive.h"
#include "services/consensus/client/sign_stream.h"

namespace z4j::consensus::client {

// The thread that does what KeepAlive says.  Thread-safe.
class Keeper {
 public:
  struct Options {
    uint64_t session_id = 0;
    absl::Duration ttl;
    // Called on the keeper's thread, without a lock, when trust begins, or ends before its time,
    // and when the session is lost.
    std::function<void(bool lost)> on_change;
    // Called there before each sign of life; tests freeze it.
    std::function<void()> before_sign;
  };
  // `connection` outlives this.
  Keeper(Connection& connection, Options options);
  ~Keeper();  // Stops.

  std::optional<MonoTime> trusted_until() const;
  bool lost() const;
  // The cluster said elsewhere that the session is no more.
  void Lost();
  // No more signs of life; joins.  Nothing is trusted any more.  Idempotent, not thread-safe.
  void Stop();

 private:
  void Run();
  // Does one step, or waits for the next.  False: it is over.
  bool Step(std::unique_lock<std::mutex>& lock);
  void Dial(std::unique_lock<std::mutex>& lock);
  void Sign(std::unique_lock<std::mutex>& lock);
  void Cancel(std::unique_lock<std::mutex>& lock);
  void TakeEnd(std::unique_lock<std::mutex>& lock);
  void OnAnswer(const v1::KeepAliveResponse& answer);

  Connection& connection_;
  const Options options_;

  mutable std::mutex mu_;
  std::condition_variable changed_;
  KeepAlive keep_alive_;
  bool answered_ = false;         // By the present stream, and not yet noticed.
  std::optional<Failure> ended_;  // Of the stream, not yet noticed.
  bool stopping_ = false;

  std::unique_ptr<SignStream> stream_;  // The thread's.
  std::pair<bool, bool> told_;          // Trusted and lost, as of the last on_change; likewise.
  std::thread thread_;
};

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_KEEPER_H_
