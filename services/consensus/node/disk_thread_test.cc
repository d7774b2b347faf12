#include "services/consensus/node/disk_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/node/testing/faulty_storage.h"
#include "services/consensus/node/testing/node_cluster.h"
#include "services/consensus/storage/memory_log_storage.h"

namespace z4j::consensus {
namespace {

using testing::ElementsAre;

class DiskThreadTest : public testing::Test {
 protected:
  ~DiskThreadTest() override {
    storage_.HoldAppends(false);
    thread_.Stop();
  }

  void Put(uint64_t seq) {
    Write write;
    write.seq = seq;
    write.must_sync = true;
    write.entries.push_back({{1}, {seq}, EntryKind::kCommand, MakePayload("entry")});
    thread_.Put({write}, std::nullopt);
  }
  template <typename Condition>
  void Await(Condition condition) {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&condition));
  }

  FaultyStorage storage_{
      std::make_unique<MemoryLogStorage>(NodeCluster::Identity(1), NodeCluster::FirstConfig(1))};
  absl::Mutex mu_;
  std::vector<uint64_t> persisted_;
  std::vector<bool> full_;
  absl::Status failed_;
  SystemClock clock_;
  DiskThread thread_{storage_,
                     clock_,
                     {.persisted =
                          [this](uint64_t seq) {
                            absl::MutexLock lock(&mu_);
                            persisted_.push_back(seq);
                          },
                      .full =
                          [this](bool full) {
                            absl::MutexLock lock(&mu_);
                            full_.push_back(full);
                          },
                      .failed =
                          [this](const absl::Status& status) {
                            absl::MutexLock lock(&mu_);
                            failed_ = status;
                          }}};
};

TEST_F(DiskThreadTest, WhatComesDuringAnAppendIsOneAppend) {
  storage_.HoldAppends(true);
  thread_.Start();
  Put(1);
  storage_.AwaitAppends(1);
  for (uint64_t seq = 2; seq <= 10; ++seq) Put(seq);
  storage_.HoldAppends(false);
  Await([this] { return persisted_.size() == 2; });
  EXPECT_THAT(persisted_, ElementsAre(1, 10));
  EXPECT_THAT(storage_.appends(), ElementsAre(1, 9));
}

TEST_F(DiskThreadTest, AFullDiskIsReportedOnceAndTriedUntilAllFits) {
  storage_.FailAppends(absl::ResourceExhaustedError("full"));
  thread_.Start();
  Put(1);
  storage_.AwaitAppends(2);
  Put(2);
  storage_.AwaitAppends(4);
  storage_.FailAppends(absl::OkStatus());
  Await([this] { return full_.size() == 2; });
  EXPECT_THAT(persisted_, ElementsAre(2));
  EXPECT_THAT(full_, ElementsAre(true, false));
  EXPECT_EQ(storage_.appends().back(), 2u);
}

TEST_F(DiskThreadTest, PreparesAfterEachPause) {
  thread_.Start();
  storage_.AwaitPrepares(1);
  Put(1);
  storage_.AwaitPrepares(2);
  EXPECT_THAT(persisted_, ElementsAre(1));
}

TEST_F(DiskThreadTest, AfterAnErrorNothingIsWritten) {
  storage_.FailAppends(absl::DataLossError("sync failed"));
  thread_.Start();
  Put(1);
  Await([this] { return !failed_.ok(); });
  EXPECT_THAT(failed_, StatusIs(absl::StatusCode::kDataLoss));
  storage_.FailAppends(absl::OkStatus());
  Put(2);
  thread_.Stop();
  EXPECT_THAT(storage_.appends(), ElementsAre(1));
  EXPECT_TRUE(persisted_.empty());
}

}  // namespace
}  // namespace z4j::consensus
