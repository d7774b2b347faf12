// Questions over a stream, and who gets the answers.
#include <optional>

#include "services/scheduler/dispatch/testing/stream_world.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

using StreamAsksTest = StreamServerTest;

// What an answer came to, once it is there.
class Answered {
 public:
  OnAnswer Take() {
    return [this](absl::StatusOr<AdapterAnswer> answer) {
      absl::MutexLock lock(&mu_);
      answer_ = std::move(answer);
    };
  }
  absl::StatusOr<AdapterAnswer> Await() {
    absl::MutexLock lock(&mu_);
    const auto there = [this] { return answer_.has_value(); };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&there), absl::Seconds(20)));
    return answer_.value_or(absl::UnknownError("no answer"));
  }
  bool has() {
    absl::MutexLock lock(&mu_);
    return answer_.has_value();
  }

 private:
  absl::Mutex mu_;
  std::optional<absl::StatusOr<AdapterAnswer>> answer_;
};

TEST_F(StreamAsksTest, PassesEachAnswerToTheOneWhoAskedForIt) {
  const auto client = Connected("one");
  AdapterLink& link = *events_.links.front();
  const MonoTime deadline = clock_.MonoNow() + kAskMax;
  Answered queues, purged, workers;
  link.Ask({AdapterQuestion::What::kQueues}, deadline, queues.Take());
  link.Ask({AdapterQuestion::What::kPurge, "mail"}, deadline, purged.Take());
  link.Ask({AdapterQuestion::What::kWorkers}, deadline, workers.Take());
  const v1::ControlRequest asked_queues = client->Read().control();
  const v1::ControlRequest asked_purge = client->Read().control();
  const v1::ControlRequest asked_workers = client->Read().control();
  EXPECT_TRUE(asked_queues.has_list_queues());
  EXPECT_EQ(asked_purge.purge_queue().queue(), "mail");
  EXPECT_TRUE(asked_workers.has_list_workers());

  v1::ConnectRequest purge_reply, queues_reply, workers_reply;
  purge_reply.mutable_control_reply()->set_id(asked_purge.id());
  purge_reply.mutable_control_reply()->set_purged(3);
  client->stream->Write(purge_reply);  // In another order than they were asked.
  queues_reply.mutable_control_reply()->set_id(asked_queues.id());
  v1::QueueState* queue = queues_reply.mutable_control_reply()->add_queues();
  queue->set_name("mail");
  queue->set_depth(7);
  queue->set_workers(0);
  client->stream->Write(queues_reply);
  workers_reply.mutable_control_reply()->set_id(asked_workers.id());
  workers_reply.mutable_control_reply()->set_error("the broker is away");
  client->stream->Write(workers_reply);

  ASSERT_OK_AND_ASSIGN(const AdapterAnswer queues_answer, queues.Await());
  ASSERT_THAT(queues_answer.queues, SizeIs(1));
  EXPECT_EQ(queues_answer.queues[0].name, "mail");
  EXPECT_EQ(queues_answer.queues[0].depth, 7);
  EXPECT_EQ(queues_answer.queues[0].workers, 0);
  EXPECT_EQ(queues_answer.queues[0].in_progress, std::nullopt);  // It cannot tell.
  ASSERT_OK_AND_ASSIGN(const AdapterAnswer purge_answer, purged.Await());
  EXPECT_EQ(purge_answer.purged, 3);
  EXPECT_THAT(workers.Await(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("the broker is away")));
}

TEST_F(StreamAsksTest, AnAnswerThatDoesNotComeIsUnavailableAfterTenSecondsAndLaterIgnored) {
  const auto client = Connected("one");
  Answered tasks;
  events_.links.front()->Ask({AdapterQuestion::What::kTasks}, clock_.MonoNow() + kAskMax,
                             tasks.Take());
  v1::ConnectRequest late;
  late.mutable_control_reply()->set_id(client->Read().control().id());
  clock_.Advance(kAskMax - absl::Seconds(1));
  streams_.CheckStreams();
  EXPECT_FALSE(tasks.has());
  clock_.Advance(absl::Seconds(1));
  streams_.CheckStreams();
  EXPECT_THAT(tasks.Await(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("10s")));
  client->stream->Write(late);
  v1::ConnectRequest after;
  after.mutable_heartbeat()->set_health("well after it");
  client->stream->Write(after);  // The stream goes on.
  EXPECT_TRUE(events_.Await([&] { return events_.healths.size() == 1; }));
}

TEST_F(StreamAsksTest, WhoeverAwaitsAnAnswerHearsThatTheAdapterIsGone) {
  auto client = Connected("one");
  const std::shared_ptr<AdapterLink> link = events_.links.front();
  Answered before, after;
  link->Ask({AdapterQuestion::What::kQueues}, clock_.MonoNow() + kAskMax, before.Take());
  client->context.TryCancel();
  EXPECT_THAT(before.Await(), StatusIs(absl::StatusCode::kUnavailable));
  link->Ask({AdapterQuestion::What::kQueues}, clock_.MonoNow() + kAskMax, after.Take());
  EXPECT_THAT(after.Await(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(StreamAsksTest, AnAdapterThatOwesTooManyAnswersIsAskedNoMore) {
  const auto client = Connected("one");
  AdapterLink& link = *events_.links.front();
  std::vector<Answered> asked(kAsksPerAdapterMax);
  for (Answered& one : asked) {
    link.Ask({AdapterQuestion::What::kTasks}, clock_.MonoNow() + kAskMax, one.Take());
  }
  Answered refused;
  link.Ask({AdapterQuestion::What::kTasks}, clock_.MonoNow() + kAskMax, refused.Take());
  EXPECT_THAT(refused.Await(), StatusIs(absl::StatusCode::kResourceExhausted));
  v1::ConnectRequest reply;
  reply.mutable_control_reply()->set_id(client->Read().control().id());
  client->stream->Write(reply);
  EXPECT_OK(asked[0].Await());  // Now there is room for one.
  Answered taken;
  link.Ask({AdapterQuestion::What::kTasks}, clock_.MonoNow() + kAskMax, taken.Take());
  EXPECT_FALSE(taken.has());
  streams_.Stop();  // Ends those that are left.
  EXPECT_THAT(taken.Await(), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace z4j::scheduler
