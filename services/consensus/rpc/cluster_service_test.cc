#include "services/consensus/rpc/testing/rpc_cluster.h"
#include "services/consensus/storage/backup.h"

namespace z4j::consensus {
namespace {

class ClusterServiceTest : public ThreeNodesTest {
 protected:
  v1::ListMembersResponse Members(NodeId at) {
    v1::ListMembersResponse response;
    Context context;
    EXPECT_THAT(served(at).cluster->ListMembers(context, {}, &response), IsGood());
    return response;
  }
  v1::MemberRole RoleAt(NodeId at, NodeId member) {
    const v1::ListMembersResponse members = Members(at);
    for (const v1::Member& found : members.members()) {
      if (found.node_id() == member.value) return found.role();
    }
    return v1::MEMBER_ROLE_UNSPECIFIED;
  }
  // Asks whoever leads until it is done, for a leader may be busy with a change of its own.
  template <typename Request, typename Response>
  void Do(grpc::Status (v1::ClusterService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
          const std::common_type_t<Request>& request, Response* response) {
    Await([&] {
      Context context;
      const grpc::Status status = (leader().cluster.get()->*method)(context, request, response);
      const v1::FailureReason reason = FailureIn(status).reason();
      EXPECT_TRUE(status.ok() || reason == v1::FAILURE_REASON_CHANGE_IN_PROGRESS ||
                  reason == v1::FAILURE_REASON_LAGGING || reason == v1::FAILURE_REASON_NOT_LEADER)
          << status.error_message();
      return status.ok();
    });
  }
  grpc::Status Remove(uint64_t id) {
    v1::RemoveMemberRequest request;
    request.set_node_id(id);
    v1::RemoveMemberResponse response;
    Context context;
    return leader().cluster->RemoveMember(context, request, &response);
  }
};

TEST_F(ClusterServiceTest, EveryNodeKnowsTheMembersAndTheLeader) {
  const NodeId leads = cluster_.AwaitLeader(), follows = AwaitFollower();
  for (NodeId at : {leads, follows}) {
    const v1::ListMembersResponse members = Members(at);
    ASSERT_EQ(members.members_size(), 3);
    EXPECT_EQ(members.leader_id(), leads.value);
    EXPECT_EQ(members.header().node_id(), at.value);
    EXPECT_EQ(members.members(0).node_id(), 1u);
    EXPECT_EQ(members.members(0).peer_address(), "in-process:1");
    EXPECT_EQ(members.members(0).client_address(), "in-process:1");
    EXPECT_EQ(members.members(0).incarnation(), 1001u);
    EXPECT_EQ(members.members(0).role(), v1::MEMBER_ROLE_VOTER);
  }
}

TEST_F(ClusterServiceTest, ANodeIsAddedPromotedAndRemoved) {
  const NodeId leads = cluster_.AwaitLeader();
  ASSERT_THAT(Put("key", "value"), IsGood());
  v1::AddLearnerRequest add;
  add.set_node_id(4);
  add.set_peer_address("in-process:4");
  v1::AddLearnerResponse added;
  Do(&v1::ClusterService::Stub::AddLearner, add, &added);
  EXPECT_EQ(RoleAt(leads, NodeId{4}), v1::MEMBER_ROLE_LEARNER);
  Context again;
  EXPECT_THAT(leader().cluster->AddLearner(again, add, &added),
              FailsWith(grpc::StatusCode::ALREADY_EXISTS, v1::FAILURE_REASON_ALREADY_EXISTS));

  v1::PromoteMemberRequest promote;
  promote.set_node_id(4);
  v1::PromoteMemberResponse promoted;
  Context early;  // Nobody has heard of it yet.
  EXPECT_THAT(leader().cluster->PromoteMember(early, promote, &promoted),
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, v1::FAILURE_REASON_LAGGING));
  StartAnother(4);
  Do(&v1::ClusterService::Stub::PromoteMember, promote, &promoted);
  Await([&] { return RoleAt(NodeId{4}, NodeId{4}) == v1::MEMBER_ROLE_VOTER; });

  Await([&] {
    const grpc::Status status = Remove(4);
    return status.ok() || status.error_code() == grpc::StatusCode::NOT_FOUND;
  });
  EXPECT_THAT(Remove(4), FailsWith(grpc::StatusCode::NOT_FOUND, v1::FAILURE_REASON_NOT_FOUND));
  EXPECT_THAT(Remove(0), FailsWith(grpc::StatusCode::INVALID_ARGUMENT, v1::FAILURE_REASON_INVALID));
}

TEST_F(ClusterServiceTest, ANodeIsNotRemovedIfNoMajorityWouldAnswerWithoutIt) {
  const NodeId dead = AwaitFollower();
  StopNode(dead);
  NodeId leads;
  Await([&] {
    leads = cluster_.AwaitLeader();  // On a busy machine it may become another one.
    v1::GetStatusResponse status;
    Context context;
    EXPECT_THAT(served(leads).cluster->GetStatus(context, {}, &status), IsGood());
    for (const v1::PeerStatus& peer : status.peers()) {
      if (peer.node_id() == dead.value) return peer.last_contact().seconds() >= 2;
    }
    return false;
  });
  const NodeId alive{6 - leads.value - dead.value};
  EXPECT_THAT(Remove(alive.value), FailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                                             v1::FAILURE_REASON_QUORUM_WOULD_BE_LOST));
  EXPECT_THAT(Remove(dead.value), IsGood());
}

TEST_F(ClusterServiceTest, TokensAreRaisedAboveAnyThatWasSeenElsewhereAndNoFurther) {
  v1::RaiseTokensRequest raise;
  v1::RaiseTokensResponse raised;
  Do(&v1::ClusterService::Stub::RaiseTokens, raise, &raised);
  EXPECT_EQ(raised.epoch(), 1u);
  const uint64_t seen = (uint64_t{7} << kEpochShift) + 12345;
  raise.set_above(seen);
  for (int i = 0; i < 2; ++i) {
    Do(&v1::ClusterService::Stub::RaiseTokens, raise, &raised);
    EXPECT_EQ(raised.epoch(), 8u);
    EXPECT_GT(raised.header().revision(), seen);
  }
  raise.set_above(kEpochMax << kEpochShift);
  Context context;
  EXPECT_THAT(leader().cluster->RaiseTokens(context, raise, &raised),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, v1::FAILURE_REASON_INVALID));
}

TEST_F(ClusterServiceTest, WhoeverDoesNotLeadSaysWhoDoes) {
  const NodeId leads = cluster_.AwaitLeader(), follows = AwaitFollower();
  v1::OpenSessionRequest request;
  request.set_nonce(9);
  v1::OpenSessionResponse response;
  Context one;
  const grpc::Status status = served(follows).sessions->OpenSession(one, request, &response);
  ASSERT_THAT(status,
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, v1::FAILURE_REASON_NOT_LEADER));
  const v1::Failure failure = FailureIn(status);
  EXPECT_EQ(failure.outcome(), v1::OUTCOME_NOT_DONE);
  EXPECT_EQ(failure.not_leader().leader_id(), leads.value);
  EXPECT_EQ(failure.not_leader().leader_address(), "in-process:" + std::to_string(leads.value));
  EXPECT_GT(failure.not_leader().term(), 0u);
  Context two;
  const auto stream = served(follows).sessions->KeepAlive(two);
  v1::KeepAliveResponse unused;
  EXPECT_FALSE(stream->Read(&unused));
  EXPECT_THAT(stream->Finish(),
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, v1::FAILURE_REASON_NOT_LEADER));
  Context three;
  v1::RemoveMemberRequest remove;
  remove.set_node_id(1);
  v1::RemoveMemberResponse removed;
  EXPECT_THAT(served(follows).cluster->RemoveMember(three, remove, &removed),
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, v1::FAILURE_REASON_NOT_LEADER));
}

TEST_F(ClusterServiceTest, AFollowerAnswersReadsLinearizablyOrSaysHowOldTheyAre) {
  cluster_.AwaitLeader();
  const NodeId follows = AwaitFollower();
  v1::PutResponse put;
  ASSERT_THAT(Put("key", "value", &put), IsGood());
  v1::GetRequest request;
  request.set_key("key");
  v1::GetResponse response;
  Context one, two;
  ASSERT_THAT(served(follows).kv->Get(one, request, &response), IsGood());
  EXPECT_EQ(response.kv().value(), "value");
  EXPECT_GE(response.header().revision(), put.header().revision());
  EXPECT_EQ(response.header().staleness().nanos(), 0);
  request.set_allow_stale(true);
  ASSERT_THAT(served(follows).kv->Get(two, request, &response), IsGood());
  EXPECT_EQ(response.kv().value(), "value");
  EXPECT_GT(response.header().staleness().nanos() + response.header().staleness().seconds(), 0);
}

TEST_F(ClusterServiceTest, LeadershipIsHandedOver) {
  const NodeId first = cluster_.AwaitLeader();
  const NodeId target{first.value % 3 + 1};
  v1::TransferLeaderRequest request;
  request.set_node_id(99);
  v1::TransferLeaderResponse response;
  Context one;
  EXPECT_THAT(served(first).cluster->TransferLeader(one, request, &response),
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, v1::FAILURE_REASON_NOT_A_VOTER));
  request.set_node_id(first.value);
  Context two;
  ASSERT_THAT(served(first).cluster->TransferLeader(two, request, &response), IsGood());
  EXPECT_EQ(response.leader_id(), first.value);
  request.set_node_id(target.value);
  Await([&] {  // On a busy machine the target may need more than one try.
    Context context;
    const grpc::Status status = served(first).cluster->TransferLeader(context, request, &response);
    if (status.ok()) {
      EXPECT_EQ(response.leader_id(), target.value);
    }
    return status.ok() || FailureIn(status).reason() == v1::FAILURE_REASON_NOT_LEADER;
  });
  EXPECT_EQ(cluster_.AwaitLeader(first), target);
}

TEST_F(ClusterServiceTest, ALeadersStatusSpeaksOfItsPeers) {
  const NodeId leads = cluster_.AwaitLeader();
  ASSERT_THAT(Put("key", "value"), IsGood());
  v1::GetStatusResponse status;
  Await([&] {
    status.Clear();
    Context context;
    EXPECT_THAT(served(leads).cluster->GetStatus(context, {}, &status), IsGood());
    if (status.peers_size() != 2) return false;
    const auto knows = [](const v1::PeerStatus& peer) {
      return peer.lag_entries() == 0 && peer.has_round_trip() && peer.has_last_contact();
    };
    return knows(status.peers(0)) && knows(status.peers(1));
  });
  EXPECT_EQ(status.role(), v1::NODE_ROLE_LEADER);
  EXPECT_EQ(status.leader_id(), leads.value);
  EXPECT_EQ(status.version(), "test");
  EXPECT_EQ(status.epoch(), 1u);
  EXPECT_GE(status.last_index(), status.commit_index());
  EXPECT_GE(status.commit_index(), status.applied_index());
  EXPECT_EQ(status.peers(0).match_index(), status.last_index());
  v1::GetStatusResponse follower;
  Context context;
  ASSERT_THAT(served(AwaitFollower()).cluster->GetStatus(context, {}, &follower), IsGood());
  EXPECT_EQ(follower.role(), v1::NODE_ROLE_FOLLOWER);
  EXPECT_EQ(follower.peers_size(), 0);
}

TEST_F(ClusterServiceTest, NodesThatHaveComeEquallyFarHaveEqualHashes) {
  ASSERT_THAT(Put("key", "value"), IsGood());
  std::map<uint64_t, uint64_t> hashes;
  Await([&] {
    std::set<uint64_t> places;
    for (const auto& [id, node] : served_) {
      v1::CheckHashResponse response;
      Context context;
      EXPECT_THAT(node->cluster->CheckHash(context, {}, &response), IsGood());
      places.insert(response.applied_index());
      const auto [known, first] = hashes.try_emplace(response.applied_index(), response.hash());
      EXPECT_EQ(known->second, response.hash());
    }
    return places.size() == 1;
  });
}

TEST_F(ClusterServiceTest, ANodeIsReadyAndSaysWhenItIsCutOff) {
  cluster_.AwaitLeader();
  const NodeId follows = AwaitFollower();
  const auto health = [&](NodeId id) {
    v1::GetHealthResponse response;
    Context context;
    EXPECT_THAT(served(id).cluster->GetHealth(context, {}, &response), IsGood());
    return response;
  };
  Await([&] { return health(follows).ready() && served(follows).services.NotReady().empty(); });
  cluster_.network().Cut(follows, true);
  Await([&] { return !health(follows).ready(); });
  EXPECT_FALSE(health(follows).alarms().empty());
  EXPECT_NE(served(follows).services.NotReady(), "");
  cluster_.network().Cut(follows, false);
  Await([&] { return health(follows).ready(); });
}

TEST_F(ClusterServiceTest, ASnapshotIsTheStateOfTheNodeAsAFile) {
  const std::string value(60 * 1024, 'v');
  for (int i = 0; i < 10; ++i) {
    ASSERT_THAT(Put("key" + std::to_string(i), value), IsGood());
  }
  Context context;
  const auto stream = leader().cluster->SaveSnapshot(context, {});
  std::string file;
  uint64_t size = 0;
  v1::SaveSnapshotResponse piece;
  while (stream->Read(&piece)) {
    if (file.empty()) size = piece.size_bytes();
    EXPECT_LE(piece.data().size(), 256u * 1024);
    file += piece.data();
  }
  ASSERT_THAT(stream->Finish(), IsGood());
  EXPECT_EQ(file.size(), size);

  ASSERT_OK_AND_ASSIGN(const Backup backup, DecodeBackup(file));
  EXPECT_EQ(backup.identity.cluster.value, 77u);
  EXPECT_EQ(backup.meta.config.voters.size(), 3u);
  CoordinationMachine machine;
  ASSERT_OK(machine.Load(backup.state));
  EXPECT_EQ(machine.kv().Get("key9")->value, value);
}

// --- What happens to those who wait when the leader changes -------------------------------------

TEST_F(ClusterServiceTest, WhoeverWaitsKeepsItsPlaceWhenTheLeaderChanges) {
  const NodeId first = cluster_.AwaitLeader();
  const uint64_t a = Open(), b = Open(), c = Open();
  const v1::Leader leads = Lead(a, "tick");
  const v1::CampaignRequest request = Candidate(b, "tick"), other = Candidate(c, "tick");
  auto waits = BeginCampaign(request);
  AwaitWaiting("tick", {b});
  auto behind = BeginCampaign(other);
  AwaitWaiting("tick", {b, c});
  Context context;
  const auto stream = served(first).sessions->KeepAlive(context);
  v1::KeepAliveRequest sign;
  sign.set_session_id(a);
  v1::KeepAliveResponse answer;
  ASSERT_TRUE(stream->Write(sign));
  ASSERT_TRUE(stream->Read(&answer));

  ASSERT_OK(cluster_.node(first).StepDown(cluster_.In(absl::Minutes(1))));
  const grpc::Status ended = waits.status.get();
  EXPECT_THAT(ended, FailsWith(grpc::StatusCode::UNAVAILABLE, v1::FAILURE_REASON_INTERRUPTED));
  EXPECT_EQ(FailureIn(ended).outcome(), v1::OUTCOME_UNKNOWN);
  EXPECT_FALSE(behind.status.get().ok());
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_THAT(stream->Finish(),
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, v1::FAILURE_REASON_NOT_LEADER));

  const NodeId second = cluster_.AwaitLeader(first);
  ASSERT_NE(second, first);
  AwaitWaiting("tick", {b, c});
  auto again = Begin(*served(second).elections, &v1::ElectionService::Stub::Campaign, request);
  ASSERT_THAT(Resign(a, leads), IsGood());
  ASSERT_THAT(again.status.get(), IsGood());
  EXPECT_EQ(again.response->leader().session_id(), b);
}

TEST_F(ClusterServiceTest, WhatAMinorityLeaderCouldNotCommitWasNotDone) {
  const NodeId first = cluster_.AwaitLeader();
  ASSERT_THAT(Put("key", "value"), IsGood());
  cluster_.network().Cut(first, true);
  v1::PutRequest request;
  *request.mutable_request_id() = ClientRequest();
  request.set_key("key");
  request.set_value("lost");
  auto pending = Begin(*served(first).kv, &v1::KvService::Stub::Put, request);
  cluster_.AwaitLeader(first);
  cluster_.network().Cut(first, false);
  // Either the log lost the entry to the new leader's, or it was never taken into it.
  const grpc::Status status = pending.status.get();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(FailureIn(status).outcome(), v1::OUTCOME_NOT_DONE)
      << FailureIn(status).ShortDebugString();
  EXPECT_TRUE(FailureIn(status).has_not_leader());
}

}  // namespace
}  // namespace z4j::consensus
