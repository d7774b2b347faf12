#include <atomic>
#include <thread>

#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/testing/rpc_world.h"

namespace z4j::scheduler {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using What = AdapterQuestion::What;

class EngineServiceTest : public RpcTest {
 protected:
  EngineServiceTest() {
    Connect("celery", "web");
    Connect("celery", "batch");
    Connect("rq", "web");
    cluster_.on_ask = [this](const std::string& whom, const AdapterQuestion& question,
                             OnAnswer done) {
      // The test may end with the last answer, and its lock with it.
      done(AnswerOf(whom, question));
    };
  }
  void Connect(const std::string& engine, const std::string& instance) {
    AdapterStatus adapter;
    adapter.info.engine = engine;
    adapter.info.instance = instance;
    adapter.info.capabilities.list_queues = true;
    adapter.info.capabilities.purge = true;
    cluster_.status.adapters.push_back(adapter);
  }
  void Answers(const std::string& whom, absl::StatusOr<AdapterAnswer> answer) {
    absl::MutexLock lock(&mu_);
    answers_[whom] = std::move(answer);
  }
  std::vector<std::string> Purged() {
    absl::MutexLock lock(&mu_);
    return purged_;
  }
  absl::StatusOr<AdapterAnswer> AnswerOf(const std::string& whom, const AdapterQuestion& question) {
    absl::MutexLock lock(&mu_);
    if (question.what == What::kPurge) purged_.push_back(absl::StrCat(whom, " ", question.queue));
    const auto found = answers_.find(whom);
    if (found == answers_.end()) return AdapterAnswer();
    return found->second;
  }
  static AdapterAnswer Queues(std::vector<QueueState> queues) {
    AdapterAnswer answer;
    answer.queues = std::move(queues);
    return answer;
  }
  static v1::ListQueuesRequest QueuesOf(const std::string& engine,
                                        const std::string& instance = "") {
    v1::ListQueuesRequest request;
    request.set_engine(engine);
    request.set_instance(instance);
    return request;
  }

  absl::Mutex mu_;
  std::map<std::string, absl::StatusOr<AdapterAnswer>> answers_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> purged_ ABSL_GUARDED_BY(mu_);
};

TEST_F(EngineServiceTest, ListsEnginesWithTheirAdaptersByName) {
  cluster_.status.engines = {{"celery", 7, 3, 2, ""},
                             {"rq", 0, 0, 1, "the broker of rq cannot be reached"}};
  ASSERT_OK_AND_ASSIGN(const v1::ListEnginesResponse response, ListEngines({}));
  ASSERT_THAT(response.engines(), SizeIs(2));
  EXPECT_EQ(response.engines(0).pending(), 7);
  EXPECT_EQ(response.engines(1).reason(), "the broker of rq cannot be reached");
  ASSERT_THAT(response.adapters(), SizeIs(3));
  EXPECT_EQ(response.adapters(0).instance(), "batch");
  EXPECT_EQ(response.adapters(1).instance(), "web");
  EXPECT_TRUE(response.adapters(1).capabilities().purge());
  EXPECT_EQ(response.adapters(2).engine(), "rq");
}

TEST_F(EngineServiceTest, AsksAllInstancesForTheirQueuesOrTheOneThatIsNamed) {
  Answers("celery web", Queues({{"mail", 7, 2, 0}, {"default", 1, std::nullopt, std::nullopt}}));
  Answers("celery batch", Queues({{"reports", 0, 0, 3}}));
  ASSERT_OK_AND_ASSIGN(const v1::ListQueuesResponse all, ListQueues(QueuesOf("celery")));
  std::vector<std::string> names;
  for (const v1::EngineQueue& queue : all.queues()) {
    names.push_back(absl::StrCat(queue.instance(), " ", queue.name(), " ", queue.depth()));
  }
  EXPECT_THAT(names, ElementsAre("batch reports 0", "web default 1", "web mail 7"));
  EXPECT_FALSE(all.queues(1).has_workers());  // Not known is not none.
  EXPECT_TRUE(all.queues(2).has_workers());
  EXPECT_EQ(all.queues(2).in_progress(), 2);
  ASSERT_OK_AND_ASSIGN(const v1::ListQueuesResponse one, ListQueues(QueuesOf("celery", "batch")));
  EXPECT_THAT(one.queues(), SizeIs(1));
}

TEST_F(EngineServiceTest, PartOfAnAnswerIsNotGivenForAllOfIt) {
  Answers("celery web", absl::UnavailableError("the adapter did not answer within 10s"));
  EXPECT_THAT(ListQueues(QueuesOf("celery")),
              StatusIs(StatusCode::kUnavailable, HasSubstr("instance web: the adapter did not")));
  EXPECT_OK(ListQueues(QueuesOf("celery", "batch")));
  Answers("celery web", absl::UnimplementedError("the adapter cannot tell its queues"));
  EXPECT_THAT(ListQueues(QueuesOf("celery")),
              StatusIs(StatusCode::kUnimplemented, HasSubstr("instance web")));
}

TEST_F(EngineServiceTest, SaysWhatIsConnectedIfWhatIsAskedForIsNot) {
  EXPECT_THAT(ListQueues(QueuesOf("")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("engine")));
  EXPECT_THAT(ListQueues(QueuesOf("huey")),
              StatusIs(StatusCode::kNotFound, HasSubstr("connected: celery, rq")));
  EXPECT_THAT(ListQueues(QueuesOf("celery", "mail")),
              StatusIs(StatusCode::kNotFound, HasSubstr("connected: batch, web")));
}

TEST_F(EngineServiceTest, ATaskIsListedOnceWithTheInstancesThatKnowIt) {
  AdapterAnswer web, batch;
  web.tasks = {"app.mail", "app.add"};
  batch.tasks = {"app.add"};
  Answers("celery web", web);
  Answers("celery batch", batch);
  v1::ListTasksRequest request;
  request.set_engine("celery");
  ASSERT_OK_AND_ASSIGN(const v1::ListTasksResponse response, ListTasks(request));
  ASSERT_THAT(response.tasks(), SizeIs(2));
  EXPECT_EQ(response.tasks(0).name(), "app.add");
  EXPECT_THAT(response.tasks(0).instances(), ElementsAre("batch", "web"));
  EXPECT_THAT(response.tasks(1).instances(), ElementsAre("web"));
}

TEST_F(EngineServiceTest, TellsOfWorkersWhatIsKnownOfThem) {
  AdapterAnswer answer;
  answer.workers = {{"celery@b", {"mail"}, 3, 8, clock_.Now()}, {"celery@a", {}, {}, {}, {}}};
  Answers("celery web", answer);
  v1::ListWorkersRequest request;
  request.set_engine("celery");
  request.set_instance("web");
  ASSERT_OK_AND_ASSIGN(const v1::ListWorkersResponse response, ListWorkers(request));
  ASSERT_THAT(response.workers(), SizeIs(2));
  EXPECT_EQ(response.workers(0).name(), "celery@a");
  EXPECT_FALSE(response.workers(0).has_running());
  EXPECT_FALSE(response.workers(0).has_heartbeat_time());
  EXPECT_THAT(response.workers(1).queues(), ElementsAre("mail"));
  EXPECT_EQ(response.workers(1).concurrency(), 8);
  EXPECT_EQ(response.workers(1).heartbeat_time().seconds(), absl::ToUnixSeconds(clock_.Now()));
}

TEST_F(EngineServiceTest, AnAnswerThatClientsWouldNotTakeIsRefused) {
  AdapterAnswer answer;
  answer.tasks = {std::string(kAnswerBytesMax, 't')};
  Answers("rq web", answer);
  v1::ListTasksRequest request;
  request.set_engine("rq");
  EXPECT_THAT(ListTasks(request), StatusIs(StatusCode::kResourceExhausted));
}

TEST_F(EngineServiceTest, ManyWhoAwaitAnAdapterKeepNobodyElseWaiting) {
  std::vector<OnAnswer> owed;
  cluster_.on_ask = [&](const std::string&, const AdapterQuestion&, OnAnswer done) {
    absl::MutexLock lock(&mu_);
    owed.push_back(std::move(done));
  };
  constexpr int kAskers = 3 * kRpcThreads;
  HandToGrpc(&cluster_);
  std::atomic<int> answered = 0;
  std::vector<std::thread> askers;
  for (int i = 0; i < kAskers; ++i) {
    askers.emplace_back([&] {
      grpc::ClientContext context;
      v1::ListQueuesResponse response;
      answered += engines_->ListQueues(&context, QueuesOf("rq"), &response).ok();
    });
  }
  {
    absl::MutexLock lock(&mu_);
    const auto all = [&] { return owed.size() == kAskers; };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&all), absl::Seconds(60)));
  }
  EXPECT_OK(GetStatus({}));
  EXPECT_EQ(answered, 0);
  absl::MutexLock lock(&mu_);
  for (OnAnswer& done : owed) done(AdapterAnswer());
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(answered, kAskers);
}

class PurgeQueueTest : public EngineServiceTest {
 protected:
  PurgeQueueTest() { Answers("rq web", Waiting(7)); }
  // The same answer for both questions.
  static AdapterAnswer Waiting(int64_t depth) {
    AdapterAnswer answer = Queues({{"default", depth, {}, {}}, {"mail", 2, {}, {}}});
    answer.purged = depth;
    return answer;
  }
  static v1::PurgeQueueRequest Purge(const std::string& queue, const std::string& token = "",
                                     const std::string& engine = "rq",
                                     const std::string& instance = "") {
    v1::PurgeQueueRequest request;
    request.set_engine(engine);
    request.set_instance(instance);
    request.set_queue(queue);
    request.set_confirm_token(token);
    return request;
  }
  std::string Token(const std::string& queue) {
    const auto response = PurgeQueue(Purge(queue));
    EXPECT_OK(response);
    return response.ok() ? response->confirm_token() : "";
  }
  // "engine.purge {before} {after}", oldest first.
  std::vector<std::string> Audited() {
    const auto page = ListAuditEntries({});
    EXPECT_OK(page);
    std::vector<std::string> entries;
    for (const v1::AuditEntry& entry : page->entries()) {
      EXPECT_EQ(entry.actor(), "test:ann");
      EXPECT_EQ(entry.resource(), "engines/rq/queues/default");
      EXPECT_THAT(entry.source(), HasSubstr("127.0.0.1:"));
      entries.push_back(
          absl::StrCat(entry.action(), " ", entry.before_json(), " ", entry.after_json()));
    }
    return entries;
  }
};

TEST_F(PurgeQueueTest, FirstTellsWhatWouldGoAndThenWithTheTokenRemovesIt) {
  ASSERT_OK_AND_ASSIGN(const v1::PurgeQueueResponse asked, PurgeQueue(Purge("default")));
  EXPECT_EQ(asked.depth(), 7);
  EXPECT_EQ(asked.confirm_ttl().seconds(), 300);
  EXPECT_THAT(Purged(), IsEmpty());
  EXPECT_THAT(Audited(), IsEmpty());
  Answers("rq web", Waiting(8));  // One more came meanwhile.
  ASSERT_OK_AND_ASSIGN(const v1::PurgeQueueResponse done,
                       PurgeQueue(Purge("default", asked.confirm_token())));
  EXPECT_EQ(done.purged(), 8);
  EXPECT_EQ(done.confirm_token(), "");
  EXPECT_THAT(Purged(), ElementsAre("rq web default"));
  EXPECT_THAT(Audited(), ElementsAre("engine.purge.begin {\"depth\":8,\"instance\":\"web\"} ",
                                     "engine.purge {\"depth\":8,\"instance\":\"web\"} "
                                     "{\"purged\":8}"));
}

TEST_F(PurgeQueueTest, ATokenIsGoodForItsQueueFiveMinutesAndInItsProcess) {
  const std::string token = Token("default");
  const auto refused = [&](const v1::PurgeQueueRequest& request) {
    EXPECT_THAT(PurgeQueue(request),
                StatusIs(StatusCode::kFailedPrecondition, HasSubstr("confirm_token")));
  };
  refused(Purge("mail", token));
  refused(Purge("default", token, "celery", "web"));
  refused(Purge("default", "x"));
  refused(Purge("default", token + "0"));  // Not ten times as long.
  refused(Purge("default", std::string(token.size(), '0')));
  clock_.Advance(kPurgeTokenTtl);
  refused(Purge("default", token));
  EXPECT_THAT(Purged(), IsEmpty());
  EXPECT_THAT(Audited(), IsEmpty());
}

TEST_F(PurgeQueueTest, NothingIsPurgedThatCannotBeAudited) {
  const std::string token = Token("default");
  committer_->Stop();
  EXPECT_THAT(PurgeQueue(Purge("default", token)), StatusIs(StatusCode::kUnavailable));
  EXPECT_THAT(Purged(), IsEmpty());
}

TEST_F(PurgeQueueTest, APurgeOfUnknownOutcomeIsAuditedAsSuch) {
  const std::string token = Token("default");
  cluster_.on_ask = [](const std::string&, const AdapterQuestion& question, OnAnswer done) {
    if (question.what == What::kQueues) return done(Waiting(7));
    done(absl::UnavailableError("the adapter disconnected before it answered"));
  };
  EXPECT_THAT(PurgeQueue(Purge("default", token)),
              StatusIs(StatusCode::kUnavailable, HasSubstr("instance web: the adapter dis")));
  const std::vector<std::string> audited = Audited();
  ASSERT_THAT(audited, SizeIs(2));
  EXPECT_THAT(audited[1], HasSubstr("engine.purge.failed"));
  EXPECT_THAT(audited[1], HasSubstr("\"made\":\"unknown\""));
}

TEST_F(PurgeQueueTest, NamesWhatIsWrongWithTheRequest) {
  EXPECT_THAT(PurgeQueue(Purge("default", "", "celery")),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("instance: is required, as celery has 2: batch, web")));
  EXPECT_THAT(PurgeQueue(Purge("")), StatusIs(StatusCode::kInvalidArgument, HasSubstr("queue")));
  EXPECT_THAT(PurgeQueue(Purge("defualt")),
              StatusIs(StatusCode::kNotFound, HasSubstr("it sees: \"default\", \"mail\"")));
  cluster_.status.adapters.back().info.capabilities.purge = false;
  EXPECT_THAT(PurgeQueue(Purge("default")),
              StatusIs(StatusCode::kUnimplemented, HasSubstr("cannot empty a queue")));
}

}  // namespace
}  // namespace z4j::scheduler
