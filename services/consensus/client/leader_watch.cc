#include "services/consensus/client/leader_watch.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "services/consensus/client/backoff.h"
#include "services/consensus/client/failure.h"
#include "z4j/consensus/v1/election.grpc.pb.h"

namespace z4j::consensus::client {

LeaderWatch::LeaderWatch(Connection& connection, std::string name,
                         std::function<void(const Leading& leading)> on_change)
    : connection_(connection),
      name_(std::move(name)),
      on_change_(std::move(on_change)),
      thread_([this] { Run(); }) {}

LeaderWatch::~LeaderWatch() { Stop(); }

void LeaderWatch::Stop() {
  stopping_.Cancel();
  if (thread_.joinable()) thread_.join();
}

void LeaderWatch::Run() {
  Backoff backoff(connection_.nodes(), connection_.NextSeed());
  size_t in_vain = 0;
  while (!stopping_.cancelled()) {
    const Connection::Target target = connection_.target();
    Failure failure;
    const bool spoke = Follow(&failure, target);
    if (stopping_.cancelled()) return;
    if (spoke) {
      backoff.Reset();
      in_vain = 0;
    }
    const bool hinted = connection_.Failed(target.endpoint, failure);
    // A single node that goes away says nothing about who leads.
    if (++in_vain == connection_.nodes() + 1) on_change_(Leading{});
    // Never at once: a node that ends each stream after its first message is not asked all the
    // time.
    stopping_.Sleep(hinted ? kBackoffMin : std::max(backoff.AskNext(), kBackoffMin));
  }
}

bool LeaderWatch::Follow(Failure* failure, const Connection::Target& target) {
  grpc::ClientContext context;
  const Cancellation::Scope cancellation(&stopping_, &context);
  const Connection::FollowsLeader follows(connection_, target.endpoint, &context);
  v1::ObserveRequest request;
  request.set_name(name_);
  request.set_after_revision(revision_);
  v1::ElectionService::Stub stub(target.channel);
  const auto stream = stub.Observe(&context, request);
  bool spoke = false;
  v1::ObserveResponse state;
  while (stream->Read(&state)) {
    spoke = true;
    revision_ = state.revision();
    const v1::Leader& leader = state.leader();  // The empty one if unset.
    on_change_({leader.token(), leader.session_id(), leader.value()});
  }
  *failure = FailureOf(stream->Finish());
  return spoke;
}

}  // namespace z4j::consensus::client
