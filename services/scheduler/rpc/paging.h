#ifndef Z4J_SCHEDULER_RPC_PAGING_H_
#define Z4J_SCHEDULER_RPC_PAGING_H_

#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

// Page sizes and page tokens of every list.
namespace z4j::scheduler {

// kPageSizeDefault for 0, at most kPageSizeMax; INVALID_ARGUMENT for "page_size" if negative.
absl::StatusOr<int> PageSize(int requested);

// A token binds the position `after` to the rest of the request, so that it cannot be used with
// another filter or order.  `request` has fields page_size and page_token.
std::string MakePageToken(const google::protobuf::Message& request, const std::string& after);
// The position; empty for the first page.  INVALID_ARGUMENT for "page_token".
absl::StatusOr<std::string> ReadPageToken(const google::protobuf::Message& request);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_RPC_PAGING_H_
