#include "services/consensus/server/join.h"

#include <grpcpp/grpcpp.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "services/consensus/transport/dialer.h"
#include "z4j/consensus/v1/cluster.grpc.pb.h"

namespace z4j::consensus {
namespace {

constexpr std::chrono::seconds kAnswerMax(5);  // A node answers without any other's help.

}  // namespace

absl::StatusOr<ClusterId> AskForCluster(
    const std::vector<std::string>& members,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  std::string reasons;
  for (const std::string& member : members) {
    const auto stub = v1::ClusterService::NewStub(MakePeerChannel(member, credentials));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kAnswerMax);
    v1::ListMembersResponse response;
    const grpc::Status status = stub->ListMembers(&context, v1::ListMembersRequest(), &response);
    if (status.ok() && response.header().cluster_id() != 0) {
      return ClusterId{response.header().cluster_id()};
    }
    absl::StrAppend(&reasons, reasons.empty() ? "" : "; ", member, ": ",
                    status.ok() ? "it names no cluster" : status.error_message());
  }
  return absl::UnavailableError(
      absl::StrCat("no member of the cluster to join answers (", reasons, ")"));
}

}  // namespace z4j::consensus
