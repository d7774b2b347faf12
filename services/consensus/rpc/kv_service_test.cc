#include "services/base/field_error.h"
#include "services/consensus/rpc/testing/rpc_cluster.h"

namespace z4j::consensus {
namespace {

using testing::ElementsAre;

class KvServiceTest : public RpcClusterTest {
 protected:
  grpc::Status Get(const std::string& key, v1::KeyValue* out) {
    v1::GetRequest request;
    request.set_key(key);
    v1::GetResponse response;
    Context context;
    const grpc::Status status = leader().kv->Get(context, request, &response);
    *out = response.kv();
    return status;
  }
  bool Delete(const std::string& key) {
    v1::DeleteRequest request;
    *request.mutable_request_id() = ClientRequest();
    request.set_key(key);
    v1::DeleteResponse response;
    Context context;
    EXPECT_THAT(leader().kv->Delete(context, request, &response), IsGood());
    return response.deleted();
  }
  grpc::Status Txn(v1::TxnRequest request, v1::TxnResponse* response) {
    *request.mutable_request_id() = ClientRequest();
    Context context;
    return leader().kv->Txn(context, request, response);
  }
  std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> Watch(grpc::ClientContext* context,
                                                               const std::string& key, bool prefix,
                                                               uint64_t from = 0) {
    v1::WatchRequest request;
    request.set_key(key);
    request.set_prefix(prefix);
    request.set_from_revision(from);
    auto stream = leader().kv->Watch(context, request);
    stream->WaitForInitialMetadata();  // From now on nothing is missed.
    return stream;
  }
};

TEST_F(KvServiceTest, AKeyIsWrittenReadAndDeleted) {
  v1::PutResponse first, second;
  ASSERT_THAT(Put("key", "one", &first), IsGood());
  ASSERT_THAT(Put("key", "two", &second), IsGood());
  v1::KeyValue kv;
  ASSERT_THAT(Get("key", &kv), IsGood());
  EXPECT_EQ(kv.value(), "two");
  EXPECT_EQ(kv.create_revision(), first.header().revision());
  EXPECT_EQ(kv.mod_revision(), second.header().revision());
  EXPECT_TRUE(Delete("key"));
  EXPECT_FALSE(Delete("key"));
  EXPECT_THAT(Get("key", &kv),
              FailsWith(grpc::StatusCode::NOT_FOUND, v1::FAILURE_REASON_NOT_FOUND));
}

TEST_F(KvServiceTest, ARequestThatIsSentAgainIsNotDoneAgain) {
  v1::PutRequest request;
  *request.mutable_request_id() = ClientRequest();
  request.set_key("key");
  request.set_value("mine");
  v1::PutResponse first, again;
  Context one, two;
  ASSERT_THAT(leader().kv->Put(one, request, &first), IsGood());
  ASSERT_THAT(leader().kv->Put(two, request, &again), IsGood());
  EXPECT_EQ(first.header().revision(), again.header().revision());
  v1::KeyValue kv;
  ASSERT_THAT(Get("key", &kv), IsGood());
  EXPECT_EQ(kv.create_revision(), kv.mod_revision());
}

TEST_F(KvServiceTest, KeysAreListedPageByPage) {
  for (const char* key : {"b", "a/2", "a/1", "a/3"}) ASSERT_THAT(Put(key, "v"), IsGood());
  v1::ListRequest request;
  request.set_prefix("a/");
  request.set_page_size(2);
  std::vector<std::string> keys;
  do {
    v1::ListResponse response;
    Context context;
    ASSERT_THAT(leader().kv->List(context, request, &response), IsGood());
    EXPECT_LE(response.kvs_size(), 2);
    for (const v1::KeyValue& kv : response.kvs()) keys.push_back(kv.key());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(keys, ElementsAre("a/1", "a/2", "a/3"));
}

TEST_F(KvServiceTest, ATransactionComparesAndSets) {
  v1::PutResponse put;
  ASSERT_THAT(Put("key", "old", &put), IsGood());
  v1::TxnRequest request;
  v1::Compare& compare = *request.add_compares();
  compare.set_key("key");
  compare.set_mod_revision(put.header().revision());
  v1::Operation& write = *request.add_then();
  write.set_key("key");
  write.set_put("new");
  v1::Operation& read = *request.add_then();
  read.set_key("key");
  read.set_get(true);
  v1::Operation& otherwise = *request.add_otherwise();
  otherwise.set_key("key");
  otherwise.set_get(true);

  v1::TxnResponse done;
  ASSERT_THAT(Txn(request, &done), IsGood());
  EXPECT_TRUE(done.succeeded());
  ASSERT_EQ(done.results_size(), 2);
  EXPECT_FALSE(done.results(0).has_kv());
  EXPECT_EQ(done.results(1).kv().value(), "new");
  EXPECT_EQ(done.results(1).kv().mod_revision(), done.header().revision());

  v1::TxnResponse late;
  ASSERT_THAT(Txn(request, &late), IsGood());
  EXPECT_FALSE(late.succeeded());
  ASSERT_EQ(late.results_size(), 1);
  EXPECT_EQ(late.results(0).kv().value(), "new");
}

TEST_F(KvServiceTest, WhatIsOutOfBoundsIsNamed) {
  const auto field = [](const grpc::Status& status) {
    const auto violations = FieldViolationsOf(FromGrpcStatus(status));
    return violations.empty() ? "" : violations[0].field;
  };
  EXPECT_EQ(field(Put("", "value")), "key");
  EXPECT_EQ(field(Put(std::string(513, 'k'), "value")), "key");
  EXPECT_EQ(field(Put("key", std::string(64 * 1024 + 1, 'v'))), "value");
  v1::TxnRequest request;
  request.add_then()->set_key("key");
  v1::TxnResponse response;
  EXPECT_EQ(field(Txn(request, &response)), "then.action");
  request.Clear();
  request.add_compares()->set_key("key");
  EXPECT_EQ(field(Txn(request, &response)), "compares.expected");
}

TEST_F(KvServiceTest, AWatchSeesEveryChangeInOrder) {
  constexpr int kChanges = 1000;
  Context context;
  const auto stream = Watch(context, "a/", true);
  std::thread writer([&] {
    for (int i = 0; i < kChanges; ++i) {
      ASSERT_THAT(Put("a/key", std::to_string(i)), IsGood());
      if (i % 100 == 0) {
        ASSERT_THAT(Put("other", "unseen"), IsGood());
      }
    }
  });
  uint64_t revision = 0;
  for (int i = 0; i < kChanges; ++i) {
    v1::WatchResponse seen;
    ASSERT_TRUE(stream->Read(&seen));
    ASSERT_EQ(seen.changes_size(), 1);
    ASSERT_EQ(seen.changes(0).kv().value(), std::to_string(i));
    ASSERT_GT(seen.revision(), revision);
    ASSERT_EQ(seen.changes(0).kv().mod_revision(), seen.revision());
    revision = seen.revision();
  }
  writer.join();
  context.get()->TryCancel();
}

TEST_F(KvServiceTest, AWatchBeginsInThePastAndGoesOn) {
  constexpr int kBefore = 600, kAfter = 50;  // More than is read from the history at once.
  v1::PutResponse first;
  ASSERT_THAT(Put("key", "0", &first), IsGood());
  for (int i = 1; i < kBefore; ++i) ASSERT_THAT(Put("key", std::to_string(i)), IsGood());
  Context context;
  const auto stream = Watch(context, "key", false, first.header().revision());
  for (int i = kBefore; i < kBefore + kAfter; ++i) {
    ASSERT_THAT(Put("key", std::to_string(i)), IsGood());
  }
  for (int i = 0; i < kBefore + kAfter; ++i) {
    v1::WatchResponse seen;
    ASSERT_TRUE(stream->Read(&seen));
    ASSERT_EQ(seen.changes(0).kv().value(), std::to_string(i));
  }
  EXPECT_TRUE(Delete("key"));
  v1::WatchResponse seen;
  ASSERT_TRUE(stream->Read(&seen));
  EXPECT_TRUE(seen.changes(0).deleted());
  EXPECT_EQ(seen.changes(0).kv().key(), "key");
  EXPECT_EQ(seen.changes(0).kv().mod_revision(), seen.revision());
  context.get()->TryCancel();
}

TEST_F(KvServiceTest, AWatchOfWhatNobodyWantsPassesItOver) {
  v1::PutResponse first;
  ASSERT_THAT(Put("other", "0", &first), IsGood());
  for (int i = 0; i < 600; ++i) ASSERT_THAT(Put("other", "v"), IsGood());
  Context context;
  const auto stream = Watch(context, "key", false, first.header().revision());
  ASSERT_THAT(Put("key", "mine"), IsGood());
  v1::WatchResponse seen;
  ASSERT_TRUE(stream->Read(&seen));
  EXPECT_EQ(seen.changes(0).kv().value(), "mine");
  context.get()->TryCancel();
}

TEST_F(KvServiceTest, AReaderThatIsTooSlowIsEndedAndCannotBeginThere) {
  v1::PutResponse first;
  ASSERT_THAT(Put("key", "0", &first), IsGood());
  Context context;
  const auto stream = Watch(context, "key", false);
  const std::string value(64 * 1024, 'v');
  constexpr int kWrites = 200;  // 12.5 MiB; 8 MiB are kept.
  for (int i = 0; i < kWrites; ++i) ASSERT_THAT(Put("key", value), IsGood());
  v1::WatchResponse seen;
  int read = 0;
  while (stream->Read(&seen)) ++read;
  EXPECT_LT(read, kWrites);
  EXPECT_THAT(stream->Finish(),
              FailsWith(grpc::StatusCode::UNAVAILABLE, v1::FAILURE_REASON_SLOW_WATCHER));

  Context again;
  const auto late = Watch(again, "key", false, first.header().revision());
  EXPECT_FALSE(late->Read(&seen));
  const grpc::Status status = late->Finish();
  EXPECT_THAT(status, FailsWith(grpc::StatusCode::ABORTED, v1::FAILURE_REASON_COMPACTED));
  EXPECT_GT(FailureIn(status).oldest_revision(), first.header().revision());
  Context oldest;
  const auto from_oldest = Watch(oldest, "key", false, FailureIn(status).oldest_revision());
  EXPECT_TRUE(from_oldest->Read(&seen));
  oldest.get()->TryCancel();
}

TEST_F(KvServiceTest, AWatchEndsWhenTheNodeGoesAway) {
  Context context;
  const auto stream = Watch(context, "", true);
  leader().services.Shutdown();
  v1::WatchResponse seen;
  EXPECT_FALSE(stream->Read(&seen));
  EXPECT_THAT(stream->Finish(),
              FailsWith(grpc::StatusCode::UNAVAILABLE, v1::FAILURE_REASON_INTERRUPTED));
  Context late;
  const auto refused = Watch(late, "", true);
  EXPECT_FALSE(refused->Read(&seen));
  EXPECT_EQ(refused->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace z4j::consensus
