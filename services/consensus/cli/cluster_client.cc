#include "services/consensus/cli/cluster_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"

namespace z4j::consensus {
namespace {

// What to do about it, where nobody answers.
absl::Status Explain(const client::Result<client::Done>& result, absl::string_view address) {
  if (result.ok()) return absl::OkStatus();
  const client::Failure& failure = result.failure();
  if (failure.reason != client::Reason::kNoAnswer) return failure.status;
  return absl::UnavailableError(
      absl::StrCat("no consensus node answers at ", address,
                   "; start one with 'z4j-consensus serve' or name another with --server (",
                   failure.status.message(), ")"));
}

}  // namespace

void AddClusterOptions(CLI::App& verb, ClusterOptions& options) {
  AddConnectionOptions(verb, options, "Z4J_CONSENSUS_",
                       "Address of a node; or several, separated by commas");
}

absl::StatusOr<std::unique_ptr<ClusterClient>> ClusterClient::Create(
    const ClusterOptions& options) {
  std::unique_ptr<ClusterClient> cluster(new ClusterClient(options));
  client::ConnectionOptions connection;
  connection.endpoints = absl::StrSplit(options.server, ',', absl::SkipWhitespace());
  if (connection.endpoints.empty()) return FieldError("--server", "names no node");
  ASSIGN_OR_RETURN(const TlsTexts tls, ReadTlsFiles(options));
  if (!tls.ca.empty()) connection.tls = client::Tls{tls.ca, tls.certificate, tls.key};
  ASSIGN_OR_RETURN(cluster->connection_,
                   client::Connection::Create(std::move(connection), cluster->clock_));
  return cluster;
}

client::CallOptions ClusterClient::Waits() {
  return {.deadline = clock_.MonoNow() + timeout_, .cancellation = nullptr};
}

absl::Status ClusterClient::AskLeader(Call call) {
  // A change may be sent again only if it is known that it was not done.
  const client::CallPlan plan = {
      .repeat = client::Repeat::kIfNotDone, .leader_only = true, .waits = true, .options = Waits()};
  return Explain(connection_->Call(plan,
                                   [&](const std::shared_ptr<grpc::Channel>& channel,
                                       grpc::ClientContext* context) {
                                     Stub stub(channel);
                                     return call(stub, context);
                                   }),
                 absl::StrJoin(addresses(), ", "));
}

absl::Status ClusterClient::AskNode(const std::string& address, Call call) {
  return Explain(connection_->CallNode(address, Waits(),
                                       [&](const std::shared_ptr<grpc::Channel>& channel,
                                           grpc::ClientContext* context) {
                                         Stub stub(channel);
                                         return call(stub, context);
                                       }),
                 address);
}

absl::Status ClusterClient::AskAny(Call call) {
  absl::Status status;
  for (const std::string& address : addresses()) {
    status = AskNode(address, call);
    if (!absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status)) break;
  }
  return status;
}

}  // namespace z4j::consensus
