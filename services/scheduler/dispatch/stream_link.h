#ifndef Z4J_SCHEDULER_DISPATCH_STREAM_LINK_H_
#define Z4J_SCHEDULER_DISPATCH_STREAM_LINK_H_

#include <grpcpp/support/status.h>

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "services/base/clock.h"
#include "services/scheduler/dispatch/adapter_link.h"
#include "services/scheduler/dispatch/awaited_answers.h"
#include "z4j/scheduler/v1/adapter.pb.h"

namespace z4j::scheduler {

// What a link needs of its gRPC call.  Called with the link's lock held; none of them calls back
// on the same thread.
class StreamCall {
 public:
  virtual ~StreamCall() = default;
  virtual void Write(const v1::ConnectResponse& message) = 0;  // Until StreamLink::OnWritten.
  virtual void End(const grpc::Status& status) = 0;            // Once; nothing is written after it.
  virtual void Abort() = 0;  // What is being read or written fails soon.
};

// The sending half of one adapter's stream: an ordered queue of messages with one being written.
// It may outlive the call.  Thread-safe.
class StreamLink final : public AdapterLink {
 public:
  StreamLink(AdapterInfo info, StreamCall* call, MonoTime now);

  // --- AdapterLink ---
  AdapterInfo Info() const override ABSL_LOCKS_EXCLUDED(mu_);
  bool Send(std::vector<DispatchItem> items) override ABSL_LOCKS_EXCLUDED(mu_);
  void Cancel(const FireKey& key, FireId id, bool terminate) override ABSL_LOCKS_EXCLUDED(mu_);
  void LookUp(const std::vector<FireRef>& fires) override ABSL_LOCKS_EXCLUDED(mu_);
  void Ask(const AdapterQuestion& question, MonoTime deadline, OnAnswer done) override
      ABSL_LOCKS_EXCLUDED(mu_);

  // --- The server's side ---
  void Welcome(const std::string& node) ABSL_LOCKS_EXCLUDED(mu_);
  // Tells whether this node leads; outcomes are numbered anew after each change.
  void SetRole(bool leader) ABSL_LOCKS_EXCLUDED(mu_);
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);
  // Ends the stream with `status` once what is queued is written.
  void Close(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  // Ends it although the peer may not be reading.
  void Abort(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  bool closed() const ABSL_LOCKS_EXCLUDED(mu_);
  // Answers for the adapter what it should have answered by now.
  void GiveUpLateAsks(MonoTime now) ABSL_LOCKS_EXCLUDED(mu_);

  // --- The call's side ---
  void OnWritten(bool ok) ABSL_LOCKS_EXCLUDED(mu_);
  // The call is gone; it is not used again.  Whoever awaits an answer has it.
  void Detach() ABSL_LOCKS_EXCLUDED(mu_);
  void Heard(MonoTime now) ABSL_LOCKS_EXCLUDED(mu_);
  void SetCapabilities(AdapterCapabilities capabilities) ABSL_LOCKS_EXCLUDED(mu_);
  // The peer does not know a template: all are sent anew.
  void ForgetTemplates() ABSL_LOCKS_EXCLUDED(mu_);
  // Outcomes `sequence` came; the answer is what to call Settled with.
  int64_t BeginOutcomes(int64_t sequence) ABSL_LOCKS_EXCLUDED(mu_);
  // They are durable, or will not be: acknowledges up to the first that is not yet.
  void Settled(int64_t role_epoch, int64_t sequence, bool durable, MonoTime now)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Passes the answer to who asked; does nothing if nobody did, or it was too late.
  void Answered(const v1::ControlReply& reply) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether control request `id` was a look-up.
  bool IsLookUp(int64_t id) const ABSL_LOCKS_EXCLUDED(mu_);

  MonoTime last_heard() const ABSL_LOCKS_EXCLUDED(mu_);
  // Since when outcomes stand that will never be acknowledged; none: there are none.
  std::optional<MonoTime> stuck_since() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Push(v1::ConnectResponse message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable absl::Mutex mu_;
  AdapterInfo info_ ABSL_GUARDED_BY(mu_);
  StreamCall* call_ ABSL_GUARDED_BY(mu_);  // Null: gone.
  std::deque<v1::ConnectResponse> queue_ ABSL_GUARDED_BY(mu_);
  v1::ConnectResponse writing_ ABSL_GUARDED_BY(mu_);
  bool is_writing_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<grpc::Status> closing_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<uint64_t> templates_ ABSL_GUARDED_BY(mu_);  // That the peer holds.
  bool reset_templates_ ABSL_GUARDED_BY(mu_) = false;
  int64_t role_epoch_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<int64_t, bool> outcomes_ ABSL_GUARDED_BY(mu_);  // Not acknowledged: durable?
  std::optional<MonoTime> stuck_since_ ABSL_GUARDED_BY(mu_);
  int64_t ack_ ABSL_GUARDED_BY(mu_) = 0;  // To be written; 0: none.
  int64_t next_control_ ABSL_GUARDED_BY(mu_) = 1;
  AwaitedAnswers asks_ ABSL_GUARDED_BY(mu_);  // By control id.
  int64_t look_up_ ABSL_GUARDED_BY(mu_) = 0;  // Control id of the last look-up.
  MonoTime last_heard_ ABSL_GUARDED_BY(mu_);
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_STREAM_LINK_H_
