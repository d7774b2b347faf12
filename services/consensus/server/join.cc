#include "services/consensus/server/join.h"

#include <grpcpp/grpcpp.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "services/consensus/transport/dialer.h"
#include "z4j/consensus/v1/cluster.grpc.pb.h"

namespace z4j::consensus {
namespace {

// A question under way.
struct Question {
  std::string address;
  std::unique_ptr<v1::ClusterService::Stub> stub;
  grpc::ClientContext context;
  v1::ListMembersResponse response;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::ListMembersResponse>> call;
};

KnownCluster KnownBy(const std::string& address, const v1::ListMembersResponse& response) {
  KnownCluster known;
  known.address = address;
  known.cluster = {response.header().cluster_id()};
  known.term = response.header().term();
  known.revision = response.header().revision();
  for (const v1::Member& member : response.members()) {
    known.members[NodeId{member.node_id()}] = {
        .votes = member.role() != v1::MEMBER_ROLE_LEARNER,
        .incarnation = {member.incarnation()},
    };
  }
  return known;
}

}  // namespace

AskedMembers AskMembers(const std::vector<std::string>& addresses,
                        const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                        absl::Duration wait) {
  grpc::CompletionQueue answered;
  std::vector<std::unique_ptr<Question>> questions;
  const auto deadline = std::chrono::system_clock::now() + absl::ToChronoMilliseconds(wait);
  for (const std::string& address : addresses) {
    auto question = std::make_unique<Question>();
    question->address = address;
    question->stub = v1::ClusterService::NewStub(MakePeerChannel(address, credentials));
    question->context.set_deadline(deadline);
    question->call =
        question->stub->AsyncListMembers(&question->context, v1::ListMembersRequest(), &answered);
    question->call->Finish(&question->response, &question->status, question.get());
    questions.push_back(std::move(question));
  }
  void* tag = nullptr;
  bool good = false;
  for (size_t i = 0; i < questions.size(); ++i) answered.Next(&tag, &good);
  answered.Shutdown();
  while (answered.Next(&tag, &good)) continue;

  AskedMembers asked;
  for (const auto& question : questions) {
    const bool named = question->response.header().cluster_id() != 0;
    if (question->status.ok() && named) {
      asked.answers.push_back(KnownBy(question->address, question->response));
      continue;
    }
    absl::StrAppend(
        &asked.silent, asked.silent.empty() ? "" : "; ", question->address, ": ",
        question->status.ok() ? "it names no cluster" : question->status.error_message());
  }
  return asked;
}

}  // namespace z4j::consensus
