#ifndef Z4J_SCHEDULER_NODE_CALL_H_
#define Z4J_SCHEDULER_NODE_CALL_H_

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "services/base/status_macros.h"
#include "services/consensus/node/node.h"

namespace z4j::scheduler {

// Begins a call of the consensus node, `begin` being absl::Status(Node::OnDone), and waits for its
// result.
template <typename Begin>
absl::StatusOr<consensus::CallResult> AwaitCall(Begin begin) {
  absl::Notification answered;
  consensus::CallResult result;
  RETURN_IF_ERROR(begin([&](const consensus::CallResult& it, const consensus::Replica&) {
    result = it;
    answered.Notify();
  }));
  answered.WaitForNotification();  // Calls have deadlines, and end when the node stops.
  return result;
}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_NODE_CALL_H_
