#ifndef Z4J_CONSENSUS_TRANSPORT_OUTBOX_H_
#define Z4J_CONSENSUS_TRANSPORT_OUTBOX_H_

#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/base/clock.h"
#include "services/consensus/transport/peer_queue.h"
#include "z4j/raft/v1/raft.pb.h"

namespace z4j::consensus {

namespace pb = ::z4j::raft::v1;

// The writing half of a stream.  Called with the outbox's lock held; does not call back on the same
// thread.
class FrameWriter {
 public:
  virtual ~FrameWriter() = default;
  // One at a time: the next one after Outbox::Written.
  virtual void Write(pb::PeerFrame frame) = 0;
};

// The messages for one peer, and the stream that takes them, if there is one.  Thread-safe.
class Outbox {
 public:
  // What waits longer than `stale` for a stream is not sent any more.
  Outbox(Clock& clock, absl::Duration stale);

  void Push(Message message) ABSL_LOCKS_EXCLUDED(mu_);

  // From now on `writer` is given what is queued; if it is `busy` with something else, after
  // Written().
  void Attach(FrameWriter* writer, bool busy) ABSL_LOCKS_EXCLUDED(mu_);
  // `writer` has written what it was given, and gets the next.
  void Written(FrameWriter* writer) ABSL_LOCKS_EXCLUDED(mu_);
  // `writer` is not called again.  What was queued for it is lost.
  void Detach(FrameWriter* writer) ABSL_LOCKS_EXCLUDED(mu_);

  // The peer was heard of, by whichever way.
  void Heard() ABSL_LOCKS_EXCLUDED(mu_);
  // When the first of the requests that await an answer was given to the stream.
  std::optional<MonoTime> unanswered_since() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Clock& clock_;
  const absl::Duration stale_;

  mutable absl::Mutex mu_;
  PeerQueue queue_ ABSL_GUARDED_BY(mu_);
  FrameWriter* writer_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<MonoTime> unanswered_since_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_OUTBOX_H_
