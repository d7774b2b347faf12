// What fires say of themselves besides what is stored: why they wait, or that nobody knows.
#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/convert.h"
#include "services/scheduler/rpc/testing/rpc_world.h"

namespace z4j::scheduler {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class FireNotesTest : public RpcTest {
 protected:
  FireNotesTest() { EXPECT_OK(store_.RaiseFence({1}, "n1")); }

  // Triggers a fire, which adapter "one" takes now; returns its name.
  std::string Dispatched(const std::string& id) {
    v1::TriggerScheduleRequest request;
    request.set_name(NameOf(id));
    auto response = TriggerSchedule(request);
    EXPECT_OK(response);
    uid_ = response->fire().uid();
    Move(FireState::kDispatched);
    return response->fire().name();
  }
  void Move(FireState state) {
    auto stored = store_.GetFire({*Uuid::Parse(uid_)});
    EXPECT_OK(stored);
    FireUpdate update;
    update.key = stored->fire.key;
    update.id = stored->fire.id;
    update.state = state;
    update.at = clock_.Now();
    update.adapter = "one";
    EXPECT_OK(store_.UpdateFires({1}, {update}, {}));
  }
  std::string NoteOf(const std::string& name) {
    v1::GetFireRequest get;
    get.set_name(name);
    auto response = GetFire(get);
    EXPECT_OK(response);
    return response->fire().outcome_note();
  }

  std::string uid_;
};

TEST_F(FireNotesTest, AFireWhoseAdapterCannotObserveSaysSoAndWhatToChange) {
  Created("nightly");
  const std::string name = Dispatched("nightly");
  EXPECT_EQ(NoteOf(name), "");
  cluster_.blind["celery one"] = "worker w sends no events: start workers with -E";
  const std::string note = "outcome unknown: worker w sends no events: start workers with -E";
  EXPECT_EQ(NoteOf(name), note);
  v1::ListFiresRequest list;
  list.set_parent("projects/default/schedules/-");
  ASSERT_OK_AND_ASSIGN(const v1::ListFiresResponse listed, ListFires(list));
  ASSERT_EQ(listed.fires_size(), 1);
  EXPECT_EQ(listed.fires(0).state(), v1::Fire::STATE_DISPATCHED);
  EXPECT_EQ(listed.fires(0).outcome_note(), note);
}

TEST_F(FireNotesTest, AFireThatIsNotReportedForLongSaysSinceWhen) {
  Created("nightly");
  const std::string name = Dispatched("nightly");
  const std::string since =
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", clock_.Now(), absl::UTCTimeZone());
  clock_.Advance(kReportAwaited - absl::Seconds(1));
  EXPECT_EQ(NoteOf(name), "");
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(NoteOf(name), StartsWith("outcome unknown: no report since " + since));
  Move(FireState::kRunning);  // A report.
  EXPECT_EQ(NoteOf(name), "");
  clock_.Advance(kReportAwaited);
  EXPECT_THAT(NoteOf(name), HasSubstr("it may still run"));
}

TEST_F(FireNotesTest, FiresThatWaitOrHaveEndedHaveNoSuchNote) {
  Created("nightly");
  cluster_.blind["celery one"] = cluster_.blind["celery "] = "blind";
  v1::TriggerScheduleRequest request;
  request.set_name(NameOf("nightly"));
  ASSERT_OK_AND_ASSIGN(const v1::TriggerScheduleResponse waiting, TriggerSchedule(request));
  EXPECT_EQ(NoteOf(waiting.fire().name()), "");
  const std::string name = Dispatched("nightly");
  Move(FireState::kSucceeded);
  clock_.Advance(kReportAwaited * 2);
  EXPECT_EQ(NoteOf(name), "");
}

TEST_F(FireNotesTest, TheEngineOfADeletedScheduleIsNotGuessedFromItsName) {
  Created("nightly");
  const std::string name = Dispatched("nightly");
  v1::DeleteScheduleRequest remove;
  remove.set_name(NameOf("nightly"));
  ASSERT_OK(DeleteSchedule(remove));
  Created("nightly");
  cluster_.blind["celery one"] = "blind";
  EXPECT_EQ(NoteOf(name), "");
  clock_.Advance(kReportAwaited);
  EXPECT_THAT(NoteOf(name), HasSubstr("no report since"));
}

TEST_F(FireNotesTest, AWatchSendsTheFireAgainWhenItsNoteChanges) {
  Created("nightly");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  v1::WatchFiresRequest request;
  request.set_parent(NameOf("nightly"));
  SetTime(clock_.Now(), request.mutable_from_time());
  Dispatched("nightly");
  auto stream = fires_->WatchFires(&context, request);
  v1::WatchFiresResponse message;
  ASSERT_TRUE(stream->Read(&message));
  ASSERT_EQ(message.fires_size(), 1);
  EXPECT_EQ(message.fires(0).outcome_note(), "");
  clock_.Advance(kReportAwaited);
  ASSERT_TRUE(stream->Read(&message));
  ASSERT_EQ(message.fires_size(), 1);
  EXPECT_EQ(message.fires(0).state(), v1::Fire::STATE_DISPATCHED);
  EXPECT_THAT(message.fires(0).outcome_note(), HasSubstr("no report since"));
  context.TryCancel();
}

}  // namespace
}  // namespace z4j::scheduler
