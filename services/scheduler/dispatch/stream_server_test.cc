#include "services/scheduler/dispatch/stream_server.h"

#include "services/base/field_error.h"
#include "services/base/grpc_status.h"
#include "services/scheduler/dispatch/stream_convert.h"
#include "services/scheduler/dispatch/testing/stream_world.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST_F(StreamServerTest, WelcomesAnAdapterAndTellsItWhoLeads) {
  Client client(channel_);
  client.Hello("one");
  const v1::ConnectResponse welcome = client.Read();
  EXPECT_EQ(welcome.welcome().max_in_flight(), 1000);
  EXPECT_EQ(welcome.welcome().heartbeat_interval().seconds(), 5);
  EXPECT_FALSE(client.Read().role().leader());
  streams_.SetLeader(true);
  EXPECT_TRUE(client.Read().role().leader());
  ASSERT_TRUE(events_.Await([&] { return !events_.links.empty(); }));
  EXPECT_EQ(events_.links.front()->Info().instance, "one");
  client.stream->WritesDone();
  EXPECT_TRUE(client.stream->Finish().ok());
  EXPECT_TRUE(events_.Await([&] { return events_.gone == 1; }));
}

TEST_F(StreamServerTest, RefusesAStreamThatDoesNotBeginWithHello) {
  Client client(channel_);
  v1::ConnectRequest request;
  request.mutable_heartbeat();
  client.stream->Write(request);
  EXPECT_EQ(client.End().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(StreamServerTest, NamesTheFieldsOfABadHello) {
  Client client(channel_);
  client.Hello("", "Celery!");
  const absl::Status status = FromGrpcStatus(client.End());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_THAT(FieldViolationsOf(status), SizeIs(2));
  EXPECT_EQ(FieldViolationsOf(status)[0].field, "hello.engine");
  EXPECT_EQ(FieldViolationsOf(status)[1].field, "hello.instance");
}

TEST_F(StreamServerTest, TheLabelsOfAnAdapterAreItsOwnWithinBounds) {
  v1::Hello hello;
  hello.set_engine("celery");
  hello.set_instance("one");
  (*hello.mutable_labels())["region"] = "eu";
  ASSERT_OK_AND_ASSIGN(const AdapterInfo info, ToAdapterInfo(hello, kNow));
  EXPECT_THAT(info.labels, ElementsAre(std::pair("region", "eu")));

  v1::Hello bad = hello;
  (*bad.mutable_labels())["a=b"] = "";
  (*bad.mutable_labels())["region"] = std::string(201, 'x');
  const absl::Status refused = ToAdapterInfo(bad, kNow).status();
  std::vector<std::string> fields;
  for (const auto& violation : FieldViolationsOf(refused)) fields.push_back(violation.field);
  EXPECT_THAT(fields, UnorderedElementsAre("hello.labels[\"a=b\"]", "hello.labels[\"region\"]"));
  for (int i = 0; i < kLabelsMax; ++i) (*hello.mutable_labels())[absl::StrCat("l", i)] = "";
  EXPECT_THAT(ToAdapterInfo(hello, kNow),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("33; at most 32")));
}

TEST_F(StreamServerTest, AnAdapterThatIsBeingStoppedSaysSoAndWhatItDidNotTry) {
  const auto client = Connected("one");
  AdapterLink& link = *events_.links.front();
  link.Send({Item(1, 7)});
  const v1::DispatchFire fire = client->Read().dispatch().fires(0);
  v1::ConnectRequest request;
  request.mutable_heartbeat()->set_leaving(true);
  client->stream->Write(request);
  v1::DispatchResult* result = request.mutable_results()->add_results();
  result->set_fire_id(fire.fire_id());
  result->set_fire_ref(fire.fire_ref());
  result->set_code(v1::DispatchResult::CODE_UNAVAILABLE);
  result->set_untried(true);
  client->stream->Write(request);
  ASSERT_TRUE(events_.Await([&] { return events_.results.size() == 1; }));
  EXPECT_EQ(events_.results[0].code, DispatchCode::kReturned);
  EXPECT_TRUE(events_.Await([&] { return events_.leaving == 1; }));
}

TEST_F(StreamServerTest, OneNameIsForOneLiveStream) {
  const auto first = Connected("one");
  Client second(channel_);
  second.Hello("one");
  EXPECT_EQ(second.End().error_code(), grpc::StatusCode::ALREADY_EXISTS);
  clock_.Advance(kHeartbeatInterval * 2 + absl::Seconds(1));  // The first is silent.
  const auto third = Connected("one");
  EXPECT_EQ(first->End().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(StreamServerTest, ATemplateCrossesTheStreamOnce) {
  const auto client = Connected("one");
  AdapterLink& link = *events_.links.front();
  link.Send({Item(1, 7), Item(2, 7), Item(3, 8)});
  v1::DispatchBatch batch = client->Read().dispatch();
  EXPECT_THAT(batch.templates(), SizeIs(2));
  ASSERT_THAT(batch.fires(), SizeIs(3));
  EXPECT_EQ(batch.templates(0).expires().nanos(), 500'000'000);
  EXPECT_EQ(batch.fires(0).due_us(), absl::ToUnixMicros(kNow + absl::Seconds(1)));
  link.Send({Item(4, 7)});
  batch = client->Read().dispatch();
  EXPECT_THAT(batch.templates(), SizeIs(0));

  v1::ConnectRequest request;
  v1::DispatchResult* result = request.mutable_results()->add_results();
  result->set_fire_id(batch.fires(0).fire_id());
  result->set_fire_ref(batch.fires(0).fire_ref());
  result->set_code(v1::DispatchResult::CODE_UNKNOWN_TEMPLATE);
  client->stream->Write(request);
  ASSERT_TRUE(events_.Await([&] { return events_.results.size() == 1; }));
  EXPECT_EQ(events_.results[0].code, DispatchCode::kUnavailable);
  EXPECT_EQ(events_.results[0].key, Item(4, 7).key);
  link.Send({Item(4, 7)});
  batch = client->Read().dispatch();
  EXPECT_TRUE(batch.reset_templates());
  EXPECT_THAT(batch.templates(), SizeIs(1));
}

TEST_F(StreamServerTest, AcknowledgesOutcomesInOrderOnceTheyAreDurable) {
  streams_.SetLeader(true);
  const auto client = Connected("one");
  for (int sequence = 1; sequence <= 2; ++sequence) {
    v1::ConnectRequest request;
    request.mutable_outcomes()->set_sequence(sequence);
    v1::Outcome* outcome = request.mutable_outcomes()->add_outcomes();
    outcome->set_fire_id(Item(sequence, 1).id.value.ToBytes());
    outcome->set_fire_ref(EncodeFireRef(Item(sequence, 1).key));
    outcome->set_state(v1::Outcome::STATE_FAILED);
    outcome->set_error("no such task");
    client->stream->Write(request);
  }
  ASSERT_TRUE(events_.Await([&] { return events_.dones.size() == 2; }));
  EXPECT_EQ(events_.outcomes[0].state, FireState::kFailed);
  EXPECT_EQ(events_.outcomes[0].reason, FireReason::kTaskFailed);
  EXPECT_EQ(events_.outcomes[0].key, Item(1, 1).key);
  events_.dones[1](true);  // The first is not durable yet: no acknowledgement.
  events_.dones[0](true);
  EXPECT_EQ(client->Read().outcomes_ack().sequence(), 2);
}

TEST_F(StreamServerTest, EndsAStreamWhoseOutcomesWillNotBeStored) {
  streams_.SetLeader(true);
  const auto client = Connected("one");
  v1::ConnectRequest request;
  request.mutable_outcomes()->set_sequence(1);
  client->stream->Write(request);
  ASSERT_TRUE(events_.Await([&] { return events_.dones.size() == 1; }));
  events_.dones[0](false);
  clock_.Advance(absl::Seconds(2));
  streams_.CheckStreams();
  EXPECT_EQ(client->End().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(StreamServerTest, ASilentStreamIsDeadAfterThreeIntervalsAndAHeartbeatKeepsItAlive) {
  const auto silent = Connected("silent");
  const auto alive = Connected("alive");
  clock_.Advance(kHeartbeatInterval * 2);
  v1::ConnectRequest request;
  request.mutable_heartbeat()->set_health("broker unreachable");
  alive->stream->Write(request);
  ASSERT_TRUE(events_.Await([&] { return events_.healths.size() == 1; }));
  clock_.Advance(kHeartbeatInterval * 2);
  streams_.CheckStreams();
  EXPECT_FALSE(silent->End().ok());
  EXPECT_TRUE(events_.Await([&] { return events_.gone == 1; }));
  EXPECT_THAT(events_.healths, ElementsAre("broker unreachable"));
}

TEST_F(StreamServerTest, AsksAnAdapterToCancelAFire) {
  const auto client = Connected("one");
  events_.links.front()->Cancel(Item(1, 1).key, Item(1, 1).id, true);
  const v1::ConnectResponse response = client->Read();
  EXPECT_EQ(response.control().cancel().fire_id(), Item(1, 1).id.value.ToBytes());
  EXPECT_TRUE(response.control().cancel().terminate());
}

TEST_F(StreamServerTest, AsksAnAdapterWhatBecameOfFiresAndSaysWhenItAnswered) {
  const auto client = Connected("one");
  events_.links.front()->LookUp({{Item(1, 1).key, Item(1, 1).id}, {Item(2, 1).key, Item(2, 1).id}});
  const v1::ControlRequest asked = client->Read().control();
  ASSERT_THAT(asked.look_up().fires(), SizeIs(2));
  EXPECT_EQ(asked.look_up().fires(1).fire_id(), Item(2, 1).id.value.ToBytes());
  EXPECT_EQ(DecodeFireRef(asked.look_up().fires(1).fire_ref()), Item(2, 1).key);
  events_.links.front()->Cancel(Item(1, 1).key, Item(1, 1).id, true);
  v1::ConnectRequest request;
  request.mutable_control_reply()->set_id(client->Read().control().id());
  client->stream->Write(request);  // The answer to another question.
  request.mutable_control_reply()->set_id(asked.id());
  request.mutable_control_reply()->set_error("result backend: gone");
  client->stream->Write(request);
  EXPECT_TRUE(events_.Await([&] { return events_.looked_up > 0; }));
  EXPECT_EQ(events_.looked_up, 1);
}

TEST_F(StreamServerTest, StoppingDrainsEndsAndRefusesStreams) {
  const auto client = Connected("one");
  streams_.Stop();
  EXPECT_EQ(client->End().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(client->drained);
  EXPECT_FALSE(events_.links.front()->Send({Item(1, 1)}));
  Client late(channel_);
  late.Hello("late");
  EXPECT_EQ(late.End().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(StreamConvertTest, AFullMessageOfOutcomesFitsIntoWhatTheServerReads) {
  v1::ConnectRequest message;
  for (int i = 0; i < 1000; ++i) {  // adapter.proto: Outcomes.outcomes.
    v1::Outcome* outcome = message.mutable_outcomes()->add_outcomes();
    outcome->set_fire_id(std::string(16, 'i'));
    outcome->set_fire_ref(std::string(64, 'r'));
    outcome->set_state(v1::Outcome::STATE_FAILED);
    outcome->mutable_time()->set_seconds(253402300799);
    outcome->mutable_time()->set_nanos(999'999'999);
    outcome->set_error(std::string(kErrorBytesMax, 'e'));
  }
  EXPECT_LT(message.ByteSizeLong(), kMessageBytesMax);
}

TEST(StreamConvertTest, AFireRefComesBackAsItsKey) {
  FireKey key;
  key.schedule.value = Uuid::Random();
  key.due_at = absl::FromUnixMicros(-1);
  key.trigger = Uuid::Random();
  EXPECT_EQ(DecodeFireRef(EncodeFireRef(key)), key);
  EXPECT_TRUE(DecodeFireRef("").schedule.value.is_zero());
}

TEST(StreamConvertTest, ALongHintIsCutBetweenTwoCharacters) {
  v1::Capabilities capabilities;
  capabilities.set_outcomes_hint("x" + std::string(1000, 'y'));
  EXPECT_EQ(ToCapabilities(capabilities).outcomes_hint.size(), 500);
  std::string wide = "x";
  for (int i = 0; i < 300; ++i) wide += "ü";
  capabilities.set_outcomes_hint(wide);
  EXPECT_EQ(ToCapabilities(capabilities).outcomes_hint, wide.substr(0, 499));
}

}  // namespace
}  // namespace z4j::scheduler
