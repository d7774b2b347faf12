// Fires, watches, health: what is read while things happen.
#include <set>

#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/testing/rpc_world.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::ElementsAre;

class WatchTest : public RpcTest {
 protected:
  v1::Fire Triggered(const std::string& id) {
    v1::TriggerScheduleRequest request;
    request.set_name(NameOf(id));
    auto response = TriggerSchedule(request);
    EXPECT_OK(response);
    return response.ok() ? response->fire() : v1::Fire();
  }
  static constexpr FencingToken kToken{1};
  ScheduleId IdOf(const std::string& name) { return {*Uuid::Parse(Created(name).uid())}; }
  // The leader decides so many fires, each due a microsecond after the one before.
  std::vector<Fire> Commit(ScheduleId id, absl::Duration first, int count) {
    FireBatch batch;
    for (int i = 0; i < count; ++i) {
      Fire fire;
      fire.key = {id, clock_.Now() + first + absl::Microseconds(i), {}};
      fire.id = MakeFireId(fire.key);
      batch.fires.push_back(fire);
    }
    batch.cursors.push_back({id, Cursor{batch.fires.back().key.due_at, count}});
    EXPECT_OK(store_.CommitFires(kToken, batch));
    server_->OnCommit();
    return batch.fires;
  }
  std::unique_ptr<grpc::ClientReader<v1::WatchFiresResponse>> WatchFires(
      grpc::ClientContext& context, const v1::WatchFiresRequest& request) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return fires_->WatchFires(&context, request);
  }
  std::unique_ptr<grpc::ClientReader<v1::WatchSchedulesResponse>> Watch(
      grpc::ClientContext& context, const v1::WatchSchedulesRequest& request) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return schedules_->WatchSchedules(&context, request);
  }
};

TEST_F(WatchTest, ScheduleWatchSendsWhatThereIsThenEveryChange) {
  Created("one");
  grpc::ClientContext context;
  v1::WatchSchedulesRequest request;
  request.set_parent("projects/default");
  auto stream = Watch(context, request);
  v1::WatchSchedulesResponse message;
  ASSERT_TRUE(stream->Read(&message));
  ASSERT_EQ(message.events_size(), 1);
  EXPECT_EQ(message.events(0).schedule().name(), NameOf("one"));
  EXPECT_EQ(message.revision(), 1);

  Created("two");
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.events(0).name(), NameOf("two"));
  EXPECT_EQ(message.events(0).type(), v1::ScheduleEvent::TYPE_PRESENT);
  const int64_t revision = message.revision();

  v1::DeleteScheduleRequest remove;
  remove.set_name(NameOf("one"));
  ASSERT_OK(DeleteSchedule(remove));
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.events(0).type(), v1::ScheduleEvent::TYPE_REMOVED);

  // From a revision on there is no snapshot.
  grpc::ClientContext again;
  request.set_after_revision(revision);
  auto second = Watch(again, request);
  ASSERT_TRUE(second->Read(&message));
  ASSERT_EQ(message.events_size(), 1);
  EXPECT_EQ(message.events(0).name(), NameOf("one"));
  context.TryCancel();
  again.TryCancel();
}

TEST_F(WatchTest, AnEmptySnapshotIsStillSaidToBeComplete) {
  grpc::ClientContext context;
  v1::WatchSchedulesRequest request;
  request.set_parent("projects/default");
  auto stream = Watch(context, request);
  v1::WatchSchedulesResponse message;
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.events_size(), 0);
  context.TryCancel();
}

TEST_F(WatchTest, StreamsEndWithUnavailableWhenTheNodeGoesAway) {
  grpc::ClientContext context;
  v1::WatchSchedulesRequest request;
  request.set_parent("projects/default");
  auto stream = Watch(context, request);
  v1::WatchSchedulesResponse message;
  ASSERT_TRUE(stream->Read(&message));
  server_->Stop(absl::Seconds(10));
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(WatchTest, AWatchOfNothingIsRefused) {
  grpc::ClientContext context;
  auto stream = Watch(context, {});
  v1::WatchSchedulesResponse message;
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(WatchTest, FireWatchSendsEachStateOnce) {
  Created("nightly");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  v1::WatchFiresRequest request;
  request.set_parent(NameOf("nightly"));
  auto stream = fires_->WatchFires(&context, request);
  v1::WatchFiresResponse message;
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.fires_size(), 0) << "there are none";
  const v1::Fire fire = Triggered("nightly");
  ASSERT_TRUE(stream->Read(&message));
  ASSERT_EQ(message.fires_size(), 1);
  EXPECT_EQ(message.fires(0).uid(), fire.uid());
  EXPECT_EQ(message.fires(0).state(), v1::Fire::STATE_PENDING);

  v1::CancelFireRequest cancel;
  cancel.set_name(fire.name());
  ASSERT_OK(CancelFire(cancel));
  ASSERT_TRUE(stream->Read(&message));
  ASSERT_EQ(message.fires_size(), 1);
  EXPECT_EQ(message.fires(0).state(), v1::Fire::STATE_CANCELLED);
  context.TryCancel();
}

TEST_F(WatchTest, FireWatchSendsTheEndOfAFireThatMuchNewerOnesHaveFollowed) {
  const ScheduleId id = IdOf("nightly");
  ASSERT_OK(store_.RaiseFence(kToken, "n1"));
  constexpr int kFires = 1500;
  const std::vector<Fire> fires = Commit(id, absl::ZeroDuration(), kFires);

  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  v1::WatchFiresRequest request;
  request.set_parent(NameOf("nightly"));
  auto stream = fires_->WatchFires(&context, request);
  v1::WatchFiresResponse message;
  for (int seen = 0; seen < kFires; seen += message.fires_size()) {
    ASSERT_TRUE(stream->Read(&message)) << seen;
    ASSERT_LE(seen + message.fires_size(), kFires) << "none comes twice";
  }
  for (const int i : {0, kFires / 2}) {
    FireUpdate update;
    update.key = fires[i].key;
    update.state = FireState::kSucceeded;
    update.at = clock_.Now();
    ASSERT_OK(store_.UpdateFires(kToken, {update}, {}));
    server_->OnCommit();
    ASSERT_TRUE(stream->Read(&message));
    ASSERT_EQ(message.fires_size(), 1);
    EXPECT_EQ(message.fires(0).uid(), fires[i].id.ToString());
    EXPECT_EQ(message.fires(0).state(), v1::Fire::STATE_SUCCEEDED);
  }
  context.TryCancel();
}

TEST_F(WatchTest, FireWatchSendsAFireThatIsDecidedAfterManyDueLater) {
  const ScheduleId many = IdOf("many"), late = IdOf("late");
  ASSERT_OK(store_.RaiseFence(kToken, "n1"));
  grpc::ClientContext context;
  v1::WatchFiresRequest request;
  request.set_parent("projects/default/schedules/-");
  auto stream = WatchFires(context, request);
  v1::WatchFiresResponse message;
  ASSERT_TRUE(stream->Read(&message));
  constexpr int kFires = 600;
  Commit(many, absl::Milliseconds(2), kFires);
  for (int seen = 0; seen < kFires; seen += message.fires_size()) {
    ASSERT_TRUE(stream->Read(&message)) << seen;
  }
  const std::vector<Fire> fires = Commit(late, absl::Milliseconds(1), 1);
  do {
    ASSERT_TRUE(stream->Read(&message)) << stream->Finish().error_message();
  } while (message.fires_size() == 0);
  EXPECT_EQ(message.fires(0).uid(), fires[0].id.ToString());
  context.TryCancel();
}

TEST_F(WatchTest, AFireWatchThatResumesMissesNothing) {
  const ScheduleId id = IdOf("nightly");
  ASSERT_OK(store_.RaiseFence(kToken, "n1"));
  v1::WatchFiresRequest request;
  request.set_parent(NameOf("nightly"));
  v1::WatchFiresResponse message;
  {
    grpc::ClientContext context;
    auto stream = WatchFires(context, request);
    ASSERT_TRUE(stream->Read(&message));
    ASSERT_NE(message.resume_token(), "");
    context.TryCancel();
  }
  const std::vector<Fire> decided = Commit(id, absl::ZeroDuration(), 300);
  const v1::Fire triggered = Triggered("nightly");
  Created("another");
  Triggered("another");
  std::set<std::string> wanted = {triggered.uid()}, seen;
  for (const Fire& fire : decided) wanted.insert(fire.id.ToString());
  grpc::ClientContext context;
  request.set_resume_token(message.resume_token());
  auto stream = WatchFires(context, request);
  while (seen.size() < wanted.size()) {
    ASSERT_TRUE(stream->Read(&message));
    for (const v1::Fire& fire : message.fires()) seen.insert(fire.uid());
    EXPECT_NE(message.resume_token(), "");
  }
  EXPECT_EQ(seen, wanted);
  context.TryCancel();
}

TEST_F(WatchTest, AFireWatchEndsWhereSomethingMayBeMissing) {
  IdOf("nightly");
  ASSERT_OK(store_.RaiseFence(kToken, "n1"));
  ASSERT_OK_AND_ASSIGN(const WrittenFires old, store_.ListWritten("", "", 1));
  Triggered("nightly");
  clock_.Advance(kWrittenKept + absl::Seconds(1));
  ASSERT_OK(store_.Prune(kToken, absl::InfinitePast(), 1));
  v1::WatchFiresRequest request;
  request.set_parent(NameOf("nightly"));
  v1::WatchFiresResponse message;
  const auto end = [&](const std::string& resume_token) {
    grpc::ClientContext context;
    request.set_resume_token(resume_token);
    auto stream = WatchFires(context, request);
    EXPECT_FALSE(stream->Read(&message));
    return stream->Finish().error_code();
  };
  EXPECT_EQ(end(old.next), grpc::StatusCode::ABORTED);
  EXPECT_EQ(end("yesterday"), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(WatchTest, AQuietFireWatchBringsNewTokens) {
  Created("quiet");
  Created("busy");
  grpc::ClientContext context;
  v1::WatchFiresRequest request;
  request.set_parent(NameOf("quiet"));
  auto stream = WatchFires(context, request);
  v1::WatchFiresResponse message;
  ASSERT_TRUE(stream->Read(&message));
  const std::string first = message.resume_token();
  Triggered("busy");
  clock_.Advance(kWatchTokenEvery);
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.fires_size(), 0);
  EXPECT_NE(message.resume_token(), first);
  context.TryCancel();
}

TEST_F(WatchTest, TriggerMakesOneFireForOneRequestIdAndListFindsIt) {
  Created("nightly");
  v1::TriggerScheduleRequest request;
  request.set_name(NameOf("nightly"));
  request.set_args_json("[7]");
  request.set_request_id("t-1");
  ASSERT_OK_AND_ASSIGN(const v1::TriggerScheduleResponse first, TriggerSchedule(request));
  ASSERT_OK_AND_ASSIGN(const v1::TriggerScheduleResponse second, TriggerSchedule(request));
  EXPECT_EQ(first.fire().uid(), second.fire().uid());
  EXPECT_EQ(first.fire().kind(), v1::Fire::KIND_MANUAL);
  EXPECT_EQ(first.fire().args_json(), "[7]");
  v1::ListFiresRequest list;
  list.set_parent(NameOf("nightly"));
  list.add_states(v1::Fire::STATE_PENDING);
  ASSERT_OK_AND_ASSIGN(const v1::ListFiresResponse page, ListFires(list));
  ASSERT_EQ(page.fires_size(), 1);
  EXPECT_EQ(page.fires(0).name(), first.fire().name());
  v1::GetFireRequest get;
  get.set_name(absl::StrCat("projects/-/schedules/-/fires/", first.fire().uid()));
  EXPECT_OK(GetFire(get));
  get.set_name(absl::StrCat("projects/default/schedules/other/fires/", first.fire().uid()));
  EXPECT_THAT(GetFire(get), StatusIs(StatusCode::kNotFound));
}

TEST_F(WatchTest, CancelOfACancelledFireIsDoneAlready) {
  Created("nightly");
  v1::CancelFireRequest request;
  request.set_name(Triggered("nightly").name());
  ASSERT_OK_AND_ASSIGN(const v1::CancelFireResponse first, CancelFire(request));
  EXPECT_EQ(first.fire().state(), v1::Fire::STATE_CANCELLED);
  EXPECT_EQ(first.fire().reason(), v1::Fire::REASON_USER_CANCELLED);
  EXPECT_OK(CancelFire(request));
  EXPECT_EQ(cluster_.cancelled.size(), 1);
}

TEST_F(WatchTest, APendingFireSaysWhyItWaits) {
  Created("nightly");
  v1::GetFireRequest get;
  get.set_name(Triggered("nightly").name());
  const std::string why = "no connected adapter for celery has the label region=eu";
  cluster_.wait_cause = {FireReason::kNoAdapter, why};
  ASSERT_OK_AND_ASSIGN(const v1::GetFireResponse waiting, GetFire(get));
  EXPECT_EQ(waiting.fire().state(), v1::Fire::STATE_PENDING);
  EXPECT_EQ(waiting.fire().reason(), v1::Fire::REASON_NO_ADAPTER);
  EXPECT_EQ(waiting.fire().outcome_note(), why);
  v1::ListFiresRequest list;
  list.set_parent("projects/default/schedules/-");
  ASSERT_OK_AND_ASSIGN(const v1::ListFiresResponse listed, ListFires(list));
  ASSERT_EQ(listed.fires_size(), 1);
  EXPECT_EQ(listed.fires(0).reason(), v1::Fire::REASON_NO_ADAPTER);
}

TEST_F(WatchTest, ReflectionCanDescribeEveryServiceAlsoHealth) {
  // What the reflection service answers from.
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  for (const char* service : {"z4j.scheduler.v1.ScheduleService", "z4j.scheduler.v1.FireService",
                              "z4j.scheduler.v1.AuditService", "z4j.scheduler.v1.ClusterService",
                              "grpc.health.v1.Health"}) {
    EXPECT_NE(pool->FindServiceByName(service), nullptr) << service;
  }
}

TEST_F(WatchTest, StatusIsWhatTheNodeKnows) {
  cluster_.status.node = "n1";
  cluster_.status.leader = {"n2", {7}};
  cluster_.status.schedules = {{ScheduleState::kEnabled, 3}, {ScheduleState::kPaused, 1}};
  cluster_.status.engines = {{"celery", 5, 2, 0, "no adapter for celery is connected"}};
  ASSERT_OK_AND_ASSIGN(const v1::GetStatusResponse status, GetStatus({}));
  EXPECT_EQ(status.node(), "n1");
  EXPECT_EQ(status.leader(), "n2");
  EXPECT_EQ(status.token(), 7);
  EXPECT_EQ(status.schedules().total(), 4);
  EXPECT_EQ(status.engines(0).reason(), "no adapter for celery is connected");
}

}  // namespace
}  // namespace z4j::scheduler
