#ifndef Z4J_CONSENSUS_RPC_CONVERT_H_
#define Z4J_CONSENSUS_RPC_CONVERT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "services/consensus/machine/command.h"
#include "services/consensus/rpc/context.h"
#include "z4j/consensus/v1/common.pb.h"

// Between the proto and the machine's own values.
namespace z4j::consensus {

void SetDuration(absl::Duration duration, google::protobuf::Duration* out);
// INVALID_ARGUMENT for `field`: it is no duration, or negative.
absl::StatusOr<absl::Duration> DurationOf(absl::string_view field,
                                          const google::protobuf::Duration& duration);

// Whether it may be used is for CheckEnvelope to say.
RequestId RequestIdOf(const v1::RequestId& id);
// OK if `name` has 1..512 bytes.
absl::Status CheckName(absl::string_view field, const std::string& name);
template <typename Request>
std::optional<RequestId> RequestIdIn(const Request& request) {
  if (!request.has_request_id()) return std::nullopt;
  return RequestIdOf(request.request_id());
}

// `revision`: of the node's state, or of the entry that did what was asked.
void SetHeader(const RpcContext& rpc, Term term, Revision revision, v1::ResponseHeader* out);
// How old a stale read's answer may be: the time since the node was in touch with the others.
void SetStaleness(const RpcContext& rpc, const Replica& replica, v1::ResponseHeader* out);

// A page's size, and the last key of the page before; empty: the first page.
struct PageStart {
  size_t size = 0;
  std::string after;
};
// INVALID_ARGUMENT for page_size or page_token.
absl::StatusOr<PageStart> PageStartOf(int32_t page_size, const std::string& page_token);
std::string PageTokenAfter(const std::string& last);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_RPC_CONVERT_H_
