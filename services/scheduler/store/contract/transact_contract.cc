#include <gmock/gmock.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/contract/schedule_store_contract.h"

namespace z4j::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

TEST_P(ScheduleStoreContract, MigratesAgainWithoutHarm) {
  Insert({Sample("a")});
  EXPECT_OK(store_->Migrate());
  EXPECT_OK(store_->GetSchedule({"p", "a"}));
}

TEST_P(ScheduleStoreContract, ReturnsEveryFieldOfAScheduleAsItWasWritten) {
  StoredSchedule infinite = Sample("b");
  infinite.schedule.created_at = absl::InfinitePast();
  infinite.schedule.updated_at = absl::InfiniteFuture();
  infinite.cursor.watermark = absl::InfinitePast();
  const StoredSchedule full = FullSample("Größe 世界 / ' \" %_");
  Insert({full, infinite});
  EXPECT_THAT(store_->GetSchedule(KeyOf(full)).value(), full);
  EXPECT_THAT(store_->GetSchedule(KeyOf(infinite)).value(), infinite);
  EXPECT_THAT(store_->GetSchedule({"p", "none"}), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store_->GetSchedule({"q", "b"}), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(ScheduleStoreContract, HoldsPayloadsOf64KiB) {
  StoredSchedule stored = Sample("a");
  stored.schedule.args_json = "[\"" + std::string(kPayloadBytesMax - 4, 'x') + "\"]";
  stored.schedule.kwargs_json = "{\"k\":\"" + std::string(kPayloadBytesMax - 8, 'y') + "\"}";
  Insert({stored});
  EXPECT_THAT(store_->GetSchedule(KeyOf(stored)).value(), stored);
  Fire fire = ManualFire(stored.schedule.id, At(1), "r");
  fire.args_json = stored.schedule.args_json;
  fire.kwargs_json = stored.schedule.kwargs_json;
  WriteSet write;
  write.fires = {fire};
  Write(write, "schedule.trigger", stored.schedule.id);
  EXPECT_EQ(Read(fire), fire);
}

TEST_P(ScheduleStoreContract, ReadsWhatATransactionNamesAndNothingElse) {
  Insert({Sample("a"), Sample("b")});
  WriteSet write;
  write.requests = {{"p/1", std::string("\0\xff", 2), "answer \xfe", At(1)}};
  ASSERT_OK(TryWrite(write));
  bool called = false;
  ASSERT_OK(store_->Transact({{"p", "a"}, {"p", "none"}}, {"p/1", "p/2"}, [&](const ReadSet& read) {
    called = true;
    EXPECT_THAT(read.schedules, ElementsAre(Pair(ScheduleKey{"p", "a"}, Sample("a"))));
    EXPECT_THAT(read.requests, ElementsAre(Pair("p/1", write.requests[0])));
    EXPECT_EQ(read.head.seq, 1);
    return WriteSet();
  }));
  EXPECT_TRUE(called);
  EXPECT_EQ(store_->GetAuditHead()->seq, 1);  // Nothing written, so the head stays.
}

TEST_P(ScheduleStoreContract, RollsBackAndReturnsAnErrorOfDecide) {
  const absl::Status refused = store_->Transact(
      {}, {},
      [](const ReadSet&) -> absl::StatusOr<WriteSet> { return absl::InvalidArgumentError("no"); });
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument, "no"));
  Insert({Sample("a")});  // The store is not left inside the transaction.
}

TEST_P(ScheduleStoreContract, WritesNothingOfAWriteSetThatIsRefused) {
  Insert({Sample("a")});
  WriteSet write;
  write.inserted = {Sample("b"), Sample("a")};
  write.requests = {{"p/1", "h", "o", At(1)}};
  write.fires = {ManualFire(Sample("a").schedule.id, At(1), "r")};
  EXPECT_THAT(TryWrite(write), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(store_->GetSchedule({"p", "b"}), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store_->GetFire(write.fires[0].id), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(store_->Transact({}, {"p/1"}, [](const ReadSet& read) {
    EXPECT_THAT(read.requests, IsEmpty());
    return WriteSet();
  }));
}

TEST_P(ScheduleStoreContract, RefusesAScheduleIdThatExists) {
  Insert({Sample("a")});
  WriteSet write;
  write.inserted = {Sample("b")};
  write.inserted[0].schedule.id = Sample("a").schedule.id;
  EXPECT_THAT(TryWrite(write), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_P(ScheduleStoreContract, RefusesToWriteWhatDoesNotExist) {
  WriteSet update, move, remove;
  update.updated = {Sample("a").schedule};
  move.watermarks = {{Sample("a").schedule.id, At(1)}};
  remove.deleted = {{"p", "a"}};
  EXPECT_THAT(TryWrite(update), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(TryWrite(move), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(TryWrite(remove), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(ScheduleStoreContract, SameNameInAnotherProjectIsAnotherSchedule) {
  StoredSchedule other = Sample("a");
  other.schedule.project = "q";
  other.schedule.id.value = Uuid::FromName({}, "other");
  Insert({Sample("a"), other});
  EXPECT_EQ(store_->GetSchedule({"q", "a"})->schedule.id, other.schedule.id);
  EXPECT_EQ(store_->GetSchedule({"p", "a"})->schedule.id, Sample("a").schedule.id);
}

TEST_P(ScheduleStoreContract, AnUpdateReplacesTheScheduleAndLeavesItsCursor) {
  StoredSchedule stored = Sample("a");
  stored.cursor = {At(5), 3};
  Insert({stored});
  stored.schedule = FullSample("a").schedule;
  stored.schedule.id = Sample("a").schedule.id;
  Update(stored.schedule);
  EXPECT_EQ(store_->GetSchedule({"p", "a"}).value(), stored);
}

TEST_P(ScheduleStoreContract, ANameCanBeTakenAnewByTheTransactionThatFreesIt) {
  Insert({Sample("a")});
  WriteSet write;
  write.deleted = {{"p", "a"}};
  write.inserted = {Sample("a")};
  write.inserted[0].schedule.id.value = Uuid::FromName({}, "second");
  Write(write, "schedule.create", write.inserted[0].schedule.id);
  EXPECT_EQ(store_->GetSchedule({"p", "a"}).value(), write.inserted[0]);
}

TEST_P(ScheduleStoreContract, AMutationMovesTheWatermarkForwardOnly) {
  StoredSchedule stored = Sample("a");
  stored.cursor = {At(5.000001), 3};
  Insert({stored});
  WriteSet write;
  write.watermarks = {{stored.schedule.id, At(5)}};
  ASSERT_OK(TryWrite(write));
  EXPECT_EQ(store_->GetSchedule({"p", "a"})->cursor, stored.cursor);
  write.watermarks = {{stored.schedule.id, At(6.000001)}};
  ASSERT_OK(TryWrite(write));
  EXPECT_EQ(store_->GetSchedule({"p", "a"})->cursor, (Cursor{At(6.000001), 3}));
}

TEST_P(ScheduleStoreContract, KeepsAuditEntriesAndHeadByteForByte) {
  EXPECT_EQ(store_->GetAuditHead().value(), AuditHead());
  const AuditEntry first = Insert({Sample("a")});
  const AuditEntry second = Write({}, "fence.raise", {});
  EXPECT_THAT(store_->ListAudit(0, 10).value(), ElementsAre(first, second));
  EXPECT_THAT(store_->ListAudit(0, 1).value(), ElementsAre(first));
  EXPECT_THAT(store_->ListAudit(1, 10).value(), ElementsAre(second));
  EXPECT_THAT(store_->ListAudit(2, 10).value(), IsEmpty());
  EXPECT_EQ(store_->GetAuditHead().value(),
            (AuditHead{2, second.mac, std::string("\0seal\xfe", 6), "k1"}));
}

TEST_P(ScheduleStoreContract, RefusesAuditEntriesThatLeaveAGap) {
  Insert({Sample("a")});
  WriteSet write;
  write.audit.resize(1);
  write.audit[0].seq = 3;
  write.head.seq = 3;
  EXPECT_THAT(TryWrite(write), StatusIs(absl::StatusCode::kInvalidArgument));
  write.audit[0].seq = 2;
  EXPECT_THAT(TryWrite(write), StatusIs(absl::StatusCode::kInvalidArgument));  // The head's 3.
  EXPECT_EQ(store_->GetAuditHead()->seq, 1);
}

TEST_P(ScheduleStoreContract, TransactionsOfManyThreadsAreOneAtATime) {
  constexpr int kThreads = 4, kEach = 25;
  Insert({Sample("a")});
  auto work = [&] {
    for (int i = 0; i < kEach; ++i) {
      absl::Status status;
      do {  // A store may time out waiting for the lock, and says so: send it again.
        status = store_->Transact({{"p", "a"}}, {}, [](const ReadSet& read) {
          WriteSet write;
          write.updated = {read.schedules.begin()->second.schedule};
          ++write.updated[0].revision;  // A lost update would be seen here.
          write.audit.resize(1);
          write.audit[0].seq = read.head.seq + 1;
          write.head.seq = read.head.seq + 1;
          return write;
        });
      } while (status.code() == absl::StatusCode::kUnavailable);
      ASSERT_OK(status);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store_->GetSchedule({"p", "a"})->schedule.revision, kThreads * kEach);
  ASSERT_OK_AND_ASSIGN(const std::vector<AuditEntry> audit, store_->ListAudit(0, 1000));
  ASSERT_THAT(audit, SizeIs(1 + kThreads * kEach));
  for (size_t i = 0; i < audit.size(); ++i) EXPECT_EQ(audit[i].seq, i + 1);
}

TEST_P(ScheduleStoreContract, ARequestRecordIsReplacedByANewerOne) {
  WriteSet write;
  write.requests = {{"p/1", "h", "o", At(1)}};
  ASSERT_OK(TryWrite(write));
  write.requests = {{"p/1", "h2", "o2", At(2)}};
  ASSERT_OK(TryWrite(write));
  ASSERT_OK(store_->Transact({}, {"p/1"}, [&](const ReadSet& read) {
    EXPECT_EQ(read.requests.at("p/1"), write.requests[0]);
    return WriteSet();
  }));
}

TEST_P(ScheduleStoreContract, AChangeEndsTheWaitForOne) {
  Insert({Sample("a")});
  // A change from before the first wait may end it, so drain: no change is left after these.
  ASSERT_OK(store_->AwaitChange(absl::ZeroDuration()));
  std::thread writer([&] { Update(Sample("a").schedule); });
  const absl::Time start = absl::Now();
  ASSERT_OK(store_->AwaitChange(absl::Seconds(30)));
  EXPECT_LT(absl::Now() - start, absl::Seconds(20));
  writer.join();
  EXPECT_OK(store_->AwaitChange(absl::Milliseconds(1)));  // A time-out is no error.
}

}  // namespace
}  // namespace z4j::scheduler
