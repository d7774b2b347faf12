#ifndef Z4J_CONSENSUS_CLIENT_KEEP_ALIVE_H_
#define Z4J_CONSENSUS_CLIENT_KEEP_ALIVE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "absl/time/time.h"
#include "services/base/mono_time.h"
#include "services/consensus/client/backoff.h"

namespace z4j::consensus::client {

// How long a session is trusted whose sign of life, sent at `sent`, was answered: no longer than
// the cluster keeps it, however unevenly clocks run within the margin.
MonoTime TrustedUntil(MonoTime sent, absl::Duration ttl);

// Keeps one session alive: is told what happened to the stream of its signs of life, and says what
// to do and how far the session can be trusted.  Pure; not thread-safe.
class KeepAlive {
 public:
  KeepAlive(absl::Duration ttl, size_t nodes, uint64_t seed);

  enum class Act {
    kDial,  // Open a stream to whoever leads; then Dialed().
    kSign,  // Send a sign of life on it; Signed() comes first.
    kDrop,  // The node is silent: end the stream; Ended() follows.
    kWait,  // Nothing before `at`.
    kRest,  // Nothing any more: the session is lost.
  };
  struct Step {
    Act act;
    MonoTime at;  // Of kWait.
  };
  Step Next(MonoTime now) const;

  // --- What happened ------------------------------------------------------------------------
  void Dialed(MonoTime now);
  // A sign of life leaves on the stream now.  Told before it is sent: the trust is reckoned from
  // here.
  void Signed(MonoTime now);
  // The oldest sign without an answer has one.
  void Answered(bool lost, absl::Duration ttl);
  void Dropped() { dropped_ = true; }
  // The stream is over.  `hinted`: it was said who leads.
  void Ended(MonoTime now, bool hinted);
  // The cluster said elsewhere that the session is no more.
  void Lost();

  // --- What holds ---------------------------------------------------------------------------
  // Until when the session surely lives.  None: nothing is certain, for no sign of life of the
  // present stream has been answered yet, or the session is lost.
  std::optional<MonoTime> trusted_until() const { return trusted_until_; }
  bool lost() const { return lost_; }

 private:
  absl::Duration ttl_;
  Backoff backoff_;
  bool connected_ = false;  // There is a stream.
  bool dropped_ = false;    // And it is being ended.
  bool lost_ = false;
  MonoTime dial_at_;
  MonoTime sign_at_;
  int answers_ = 0;                  // Of the present stream.
  std::deque<MonoTime> unanswered_;  // When the signs were sent.
  std::optional<MonoTime> trusted_until_;
};

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_KEEP_ALIVE_H_
