#include "services/consensus/rpc/convert.h"
#include "services/consensus/rpc/testing/rpc_cluster.h"

namespace z4j::consensus {
namespace {

class ElectionServiceTest : public RpcClusterTest {
 protected:
  grpc::Status Campaign(const v1::CampaignRequest& request, v1::CampaignResponse* response) {
    Context context;
    return leader().elections->Campaign(context, request, response);
  }
  grpc::Status GetLeader(const std::string& name, v1::GetLeaderResponse* response) {
    v1::GetLeaderRequest request;
    request.set_name(name);
    Context context;
    return leader().elections->GetLeader(context, request, response);
  }
  grpc::Status Proclaim(uint64_t session, const v1::Leader& leads, const std::string& value) {
    v1::ProclaimRequest request;
    *request.mutable_request_id() = NextRequest(session);
    request.set_name(leads.name());
    request.set_token(leads.token());
    request.set_value(value);
    v1::ProclaimResponse response;
    Context context;
    return leader().elections->Proclaim(context, request, &response);
  }
};

TEST_F(ElectionServiceTest, WhoeverComesFirstIsNext) {
  const uint64_t a = Open(), b = Open(), c = Open();
  const v1::Leader first = Lead(a, "tick");
  auto second = BeginCampaign(Candidate(b, "tick", "host-b"));
  AwaitWaiting("tick", {b});
  auto third = BeginCampaign(Candidate(c, "tick"));
  AwaitWaiting("tick", {b, c});

  ASSERT_THAT(Resign(a, first), IsGood());
  ASSERT_THAT(second.status.get(), IsGood());
  const v1::Leader leads = second.response->leader();
  EXPECT_EQ(leads.session_id(), b);
  EXPECT_EQ(leads.value(), "host-b");
  EXPECT_EQ(leads.name(), "tick");
  EXPECT_GT(leads.token(), first.token());
  EXPECT_GE(second.response->header().revision(), leads.token());
  EXPECT_GT(second.response->header().term(), 0u);

  ASSERT_THAT(Resign(b, leads), IsGood());
  ASSERT_THAT(third.status.get(), IsGood());
  EXPECT_GT(third.response->leader().token(), leads.token());
}

TEST_F(ElectionServiceTest, TheSameRequestTwiceIsOneLeadership) {
  const uint64_t a = Open();
  const v1::CampaignRequest request = Candidate(a, "tick");
  v1::CampaignResponse first, second, third;
  ASSERT_THAT(Campaign(request, &first), IsGood());
  ASSERT_THAT(Campaign(request, &second), IsGood());
  ASSERT_THAT(Campaign(Candidate(a, "tick"), &third), IsGood());
  EXPECT_EQ(first.leader().token(), second.leader().token());
  EXPECT_EQ(first.leader().token(), third.leader().token());
}

TEST_F(ElectionServiceTest, TheSameRequestTwiceIsOnePlaceInTheQueue) {
  const uint64_t a = Open(), b = Open();
  const v1::Leader first = Lead(a, "tick");
  const v1::CampaignRequest request = Candidate(b, "tick");
  auto one = BeginCampaign(request);
  AwaitWaiting("tick", {b});
  auto two = BeginCampaign(request);
  auto three = BeginCampaign(Candidate(b, "tick"));  // Another call for the same place.
  AwaitWaiting("tick", {b});
  ASSERT_THAT(Resign(a, first), IsGood());
  ASSERT_THAT(one.status.get(), IsGood());
  ASSERT_THAT(two.status.get(), IsGood());
  ASSERT_THAT(three.status.get(), IsGood());
  EXPECT_EQ(one.response->leader().token(), two.response->leader().token());
  EXPECT_EQ(one.response->leader().token(), three.response->leader().token());
}

TEST_F(ElectionServiceTest, ASuccessorIsNextAheadOfTheQueue) {
  const uint64_t a = Open(), b = Open(), c = Open();
  const v1::Leader first = Lead(a, "tick");
  auto waits = BeginCampaign(Candidate(b, "tick"));
  AwaitWaiting("tick", {b});
  auto succeeds = BeginCampaign(Candidate(c, "tick"));
  AwaitWaiting("tick", {b, c});
  ASSERT_THAT(Resign(a, first, c), IsGood());
  ASSERT_THAT(succeeds.status.get(), IsGood());
  AwaitWaiting("tick", {b});
  waits.context->TryCancel();
  EXPECT_EQ(waits.status.get().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ElectionServiceTest, ACancelledCallGivesItsPlaceUp) {
  const uint64_t a = Open(), b = Open(), c = Open();
  const v1::Leader first = Lead(a, "tick");
  auto gone = BeginCampaign(Candidate(b, "tick"));
  AwaitWaiting("tick", {b});
  auto stays = BeginCampaign(Candidate(c, "tick"));
  AwaitWaiting("tick", {b, c});
  gone.context->TryCancel();
  EXPECT_EQ(gone.status.get().error_code(), grpc::StatusCode::CANCELLED);
  AwaitWaiting("tick", {c});
  ASSERT_THAT(Resign(a, first), IsGood());
  EXPECT_THAT(stays.status.get(), IsGood());
}

TEST_F(ElectionServiceTest, APlaceThatAnotherCallWaitsForOutlivesACancelledOne) {
  const uint64_t a = Open(), b = Open();
  const v1::Leader first = Lead(a, "tick");
  const v1::CampaignRequest request = Candidate(b, "tick");
  auto broken = BeginCampaign(request);
  AwaitWaiting("tick", {b});
  v1::GetLeaderResponse before, now;
  ASSERT_THAT(GetLeader("tick", &before), IsGood());
  auto again = BeginCampaign(request);  // As by a client whose connection broke.
  Await([&] {                           // Nothing else writes: its entry is applied, so it waits.
    return GetLeader("tick", &now).ok() && now.header().revision() > before.header().revision();
  });
  broken.context->TryCancel();
  EXPECT_EQ(broken.status.get().error_code(), grpc::StatusCode::CANCELLED);
  ASSERT_THAT(Resign(a, first), IsGood());
  ASSERT_THAT(again.status.get(), IsGood());
  EXPECT_EQ(again.response->leader().session_id(), b);
  ASSERT_THAT(Proclaim(b, again.response->leader(), "it leads on"), IsGood());
}

TEST_F(ElectionServiceTest, AWaitEndsWhenItsTimeIsOver) {
  const uint64_t a = Open(), b = Open();
  Lead(a, "tick");
  v1::CampaignRequest request = Candidate(b, "tick");
  request.mutable_wait();  // Zero: not at all.
  v1::CampaignResponse response;
  grpc::Status status = Campaign(request, &response);
  EXPECT_THAT(status,
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, v1::FAILURE_REASON_NOT_GRANTED));
  EXPECT_EQ(FailureIn(status).outcome(), v1::OUTCOME_REFUSED);

  request = Candidate(b, "tick");
  SetDuration(absl::Milliseconds(50), request.mutable_wait());
  status = Campaign(request, &response);
  EXPECT_THAT(status,
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, v1::FAILURE_REASON_NOT_GRANTED));
}

TEST_F(ElectionServiceTest, WhoeverWaitsIsToldThatItsSessionEnded) {
  const uint64_t a = Open(), b = Open();
  Lead(a, "tick");
  auto waits = BeginCampaign(Candidate(b, "tick"));
  AwaitWaiting("tick", {b});
  ASSERT_THAT(Close(b), IsGood());
  EXPECT_THAT(waits.status.get(),
              FailsWith(grpc::StatusCode::ABORTED, v1::FAILURE_REASON_SESSION_LOST));
  v1::CampaignResponse response;
  EXPECT_THAT(Campaign(Candidate(b, "tick"), &response),
              FailsWith(grpc::StatusCode::ABORTED, v1::FAILURE_REASON_SESSION_LOST));
}

TEST_F(ElectionServiceTest, ADeadSessionsLeadershipPassesOn) {
  const uint64_t a = Open(), b = Open();
  Lead(a, "tick");
  auto next = BeginCampaign(Candidate(b, "tick"));
  AwaitWaiting("tick", {b});
  ASSERT_THAT(Close(a), IsGood());
  EXPECT_THAT(next.status.get(), IsGood());
}

TEST_F(ElectionServiceTest, OnlyThePresentTokenAnnouncesAndResigns) {
  const uint64_t a = Open();
  v1::Leader leads = Lead(a, "tick");
  ASSERT_THAT(Proclaim(a, leads, "host-a"), IsGood());
  v1::GetLeaderResponse seen;
  ASSERT_THAT(GetLeader("tick", &seen), IsGood());
  EXPECT_EQ(seen.leader().value(), "host-a");
  EXPECT_EQ(seen.leader().token(), leads.token());
  leads.set_token(leads.token() + 1);
  EXPECT_THAT(Proclaim(a, leads, "x"),
              FailsWith(grpc::StatusCode::ABORTED, v1::FAILURE_REASON_TOKEN_MISMATCH));
  EXPECT_THAT(Resign(a, leads),
              FailsWith(grpc::StatusCode::ABORTED, v1::FAILURE_REASON_TOKEN_MISMATCH));
  EXPECT_THAT(GetLeader("nobody", &seen),
              FailsWith(grpc::StatusCode::NOT_FOUND, v1::FAILURE_REASON_NOT_FOUND));
}

TEST_F(ElectionServiceTest, AnotherRequestUnderTheSameSequenceIsRefused) {
  const uint64_t a = Open();
  v1::CampaignRequest request = Candidate(a, "tick");
  v1::CampaignResponse response;
  ASSERT_THAT(Campaign(request, &response), IsGood());
  request.set_name("other");
  EXPECT_THAT(Campaign(request, &response),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, v1::FAILURE_REASON_INVALID));
  request.mutable_request_id()->set_sequence(0);
  EXPECT_THAT(Campaign(request, &response),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, v1::FAILURE_REASON_INVALID));
}

TEST_F(ElectionServiceTest, AWaitingCampaignEndsWhenTheNodeGoesAway) {
  const uint64_t a = Open(), b = Open();
  Lead(a, "tick");
  auto waits = BeginCampaign(Candidate(b, "tick"));
  AwaitWaiting("tick", {b});
  leader().services.Shutdown();
  const grpc::Status status = waits.status.get();
  EXPECT_THAT(status, FailsWith(grpc::StatusCode::UNAVAILABLE, v1::FAILURE_REASON_INTERRUPTED));
  EXPECT_EQ(FailureIn(status).outcome(), v1::OUTCOME_UNKNOWN);
}

class ObserveTest : public ElectionServiceTest {
 protected:
  std::unique_ptr<grpc::ClientReader<v1::ObserveResponse>> Observe(grpc::ClientContext* context,
                                                                   uint64_t after = 0) {
    v1::ObserveRequest request;
    request.set_name("tick");
    request.set_after_revision(after);
    return leader().elections->Observe(context, request);
  }
};

TEST_F(ObserveTest, BeginsWithThePresentStateAndLeavesNothingOut) {
  const uint64_t a = Open(), b = Open();
  Context context;
  const auto stream = Observe(context);
  v1::ObserveResponse seen;
  ASSERT_TRUE(stream->Read(&seen));
  EXPECT_FALSE(seen.has_leader());
  uint64_t revision = seen.revision();

  const v1::Leader first = Lead(a, "tick");
  ASSERT_TRUE(stream->Read(&seen));
  EXPECT_EQ(seen.leader().session_id(), a);
  EXPECT_EQ(seen.leader().token(), first.token());
  EXPECT_GT(seen.revision(), revision);
  revision = seen.revision();
  for (int i = 0; i < 50; ++i) ASSERT_THAT(Proclaim(a, first, std::to_string(i)), IsGood());
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(stream->Read(&seen));
    EXPECT_EQ(seen.leader().value(), std::to_string(i));
    EXPECT_GT(seen.revision(), revision);
    revision = seen.revision();
  }
  auto next = BeginCampaign(Candidate(b, "tick"));
  AwaitWaiting("tick", {b});
  ASSERT_THAT(Resign(a, first), IsGood());
  ASSERT_TRUE(stream->Read(&seen));
  EXPECT_EQ(seen.leader().session_id(), b);
  ASSERT_THAT(next.status.get(), IsGood());
  ASSERT_THAT(Resign(b, next.response->leader()), IsGood());
  ASSERT_TRUE(stream->Read(&seen));
  EXPECT_FALSE(seen.has_leader());
  context.get()->TryCancel();
}

TEST_F(ObserveTest, WaitsForARevisionThatTheNodeDoesNotHaveYet) {
  const uint64_t a = Open();
  v1::PutResponse now;
  ASSERT_THAT(Put("key", "value", &now), IsGood());
  Context context;
  const auto stream = Observe(context, now.header().revision() + 2);
  Lead(a, "tick");  // Revision + 1: too old to be sent.
  ASSERT_THAT(Put("key", "other", &now), IsGood());
  v1::ObserveResponse seen;
  ASSERT_TRUE(stream->Read(&seen));
  EXPECT_GE(seen.revision(), now.header().revision());
  EXPECT_EQ(seen.leader().session_id(), a);
  context.get()->TryCancel();
}

TEST_F(ObserveTest, AReaderThatIsTooSlowIsEnded) {
  const uint64_t a = Open();
  const v1::Leader leads = Lead(a, "tick");
  Context context;
  const auto stream = Observe(context);
  v1::ObserveResponse seen;
  ASSERT_TRUE(stream->Read(&seen));
  for (int i = 0; i < 200; ++i) ASSERT_THAT(Proclaim(a, leads, "value"), IsGood());
  int read = 0;
  while (stream->Read(&seen)) ++read;
  EXPECT_LT(read, 200);
  EXPECT_THAT(stream->Finish(),
              FailsWith(grpc::StatusCode::UNAVAILABLE, v1::FAILURE_REASON_SLOW_WATCHER));
}

}  // namespace
}  // namespace z4j::consensus
