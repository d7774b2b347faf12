#include "services/consensus/admission/admission.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "services/base/retry_after.h"
#include "services/base/testing/status_matchers.h"
#include "services/consensus/admission/source.h"

namespace z4j::consensus {
namespace {

MonoTime At(absl::Duration since) { return {absl::Hours(100) + since}; }

TEST(TokenBucketTest, LetsABurstThroughAndThenTheRate) {
  const Rate rate{.every = absl::Milliseconds(100), .burst = 3};
  TokenBucket bucket;
  const MonoTime now = At({});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.Take(rate, now), absl::ZeroDuration());
  EXPECT_EQ(bucket.Take(rate, now), absl::Milliseconds(100));
  EXPECT_EQ(bucket.Take(rate, now + absl::Milliseconds(60)), absl::Milliseconds(40));
  EXPECT_EQ(bucket.Take(rate, now + absl::Milliseconds(100)), absl::ZeroDuration());
  EXPECT_NE(bucket.Take(rate, now + absl::Milliseconds(100)), absl::ZeroDuration());
  EXPECT_FALSE(bucket.full(now + absl::Milliseconds(399)));
  EXPECT_TRUE(bucket.full(now + absl::Milliseconds(400)));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(bucket.Take(rate, now + absl::Seconds(9)), absl::ZeroDuration());
  }
  EXPECT_NE(bucket.Take(rate, now + absl::Seconds(9)), absl::ZeroDuration());
}

TEST(TokenBucketTest, OverALongTimeTheRateIsExact) {
  const Rate rate{.every = absl::Seconds(1) / 3, .burst = 1};
  TokenBucket bucket;
  int taken = 0;
  for (int ms = 0; ms < 60'000; ++ms) {
    taken += bucket.Take(rate, At(absl::Milliseconds(ms))) == absl::ZeroDuration();
  }
  EXPECT_NEAR(taken, 180, 1);
}

TEST(TokenBucketTest, AClockThatGoesBackGivesNothing) {
  const Rate rate{.every = absl::Seconds(1), .burst = 1};
  TokenBucket bucket;
  EXPECT_EQ(bucket.Take(rate, At(absl::Seconds(5))), absl::ZeroDuration());
  EXPECT_EQ(bucket.Take(rate, At(absl::Seconds(2))), absl::Seconds(4));
}

TEST(SourceTest, IsTheMachineBehindAConnection) {
  EXPECT_EQ(SourceOf("ipv4:10.0.0.9:4711"), "10.0.0.9");
  EXPECT_EQ(SourceOf("ipv6:%5B2001:db8:0:7::9%5D:4711"), "2001:db8:0:7::/64");
  EXPECT_EQ(SourceOf("ipv6:[2001:db8:0:7:ffff::1]:1"), "2001:db8:0:7::/64");
  EXPECT_EQ(SourceOf("ipv6:%5Bfe80::1%25eth0%5D:1"), "fe80::/64");
  EXPECT_EQ(SourceOf("unix:/run/z4j.sock"), "unix:/run/z4j.sock");
  EXPECT_EQ(SourceOf("unix:"), "unix:");
  EXPECT_EQ(SourceOf("ipv6:%5Bnonsense%5D:1"), "nonsense");
  EXPECT_EQ(SourceOf(""), "");
}

TEST(AdmissionTest, AClientThatAsksTooOftenIsRefusedAndToldWhenToComeBack) {
  Admission admission(/*requests_per_second=*/100);
  for (int i = 0; i < 100; ++i)
    EXPECT_OK(admission.Admit("ipv4:10.0.0.9:1", Lane::kOrdinary, At({})));
  const absl::Status refused = admission.Admit("ipv4:10.0.0.9:1", Lane::kOrdinary, At({}));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted,
                                "this client makes more than 100 calls a second for keys and "
                                "locks, which is the node's setting max_requests_per_second; try "
                                "again in 10ms"));
  EXPECT_EQ(RetryAfterOf(refused), absl::Milliseconds(10));
  EXPECT_OK(admission.Admit("ipv4:10.0.0.9:2", Lane::kOrdinary,
                            At({})));  // Another client is none the worse.
  EXPECT_OK(admission.Admit("ipv4:10.0.0.9:1", Lane::kOrdinary, At(*RetryAfterOf(refused))));
  for (int i = 0; i < 100; ++i)
    EXPECT_OK(admission.Admit("ipv4:10.0.0.9:1", Lane::kOrdinary, At(absl::Seconds(2))));
}

TEST(AdmissionTest, ManyConnectionsOfOneMachineShareALimit) {
  Admission admission(/*requests_per_second=*/10);
  int admitted = 0;
  for (int port = 0; port < 1000; ++port) {
    admitted += admission.Admit(absl::StrCat("ipv4:10.0.0.9:", port), Lane::kOrdinary, At({})).ok();
  }
  EXPECT_EQ(admitted, 10 * kConnectionsWorthOfRequests);
  EXPECT_THAT(admission.Admit("ipv4:10.0.0.9:7", Lane::kOrdinary, At({})),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       testing::HasSubstr("the clients of 10.0.0.9 together make more than 100")));
  EXPECT_OK(admission.Admit("ipv4:10.0.0.10:1", Lane::kOrdinary, At({})));
  EXPECT_OK(admission.Admit("ipv4:10.0.0.9:1", Lane::kOrdinary, At(absl::Seconds(1))));
}

TEST(AdmissionTest, WhoeverFloodsKeysMayStillLiveAndLead) {
  Admission admission(/*requests_per_second=*/10);
  int admitted = 0;
  for (int i = 0; i < 1000; ++i) {
    admitted += admission.Admit("ipv4:10.0.0.9:1", Lane::kOrdinary, At({})).ok();
  }
  EXPECT_EQ(admitted, 10);
  for (int i = 0; i < 10; ++i) EXPECT_OK(admission.Admit("ipv4:10.0.0.9:1", Lane::kVital, At({})));
  EXPECT_THAT(admission.Admit("ipv4:10.0.0.9:1", Lane::kVital, At({})),
              StatusIs(absl::StatusCode::kResourceExhausted, testing::HasSubstr("elections")));
}

TEST(AdmissionTest, NoLimitIsNone) {
  Admission admission(/*requests_per_second=*/0);
  for (int i = 0; i < 10'000; ++i)
    ASSERT_OK(admission.Admit("ipv4:10.0.0.9:1", Lane::kOrdinary, At({})));
}

TEST(NamedBucketsTest, WhoeverDoesNotFitSharesOneAndIdleOnesMakeRoom) {
  NamedBuckets buckets({.every = absl::Seconds(1), .burst = 1}, /*names_max=*/2);
  EXPECT_EQ(buckets.Take("a", At({})), absl::ZeroDuration());
  EXPECT_EQ(buckets.Take("b", At({})), absl::ZeroDuration());
  EXPECT_EQ(buckets.Take("c", At({})), absl::ZeroDuration());
  EXPECT_NE(buckets.Take("d", At({})), absl::ZeroDuration());
  EXPECT_EQ(buckets.size(), 2);
  EXPECT_EQ(buckets.Take("d", At(absl::Seconds(5))), absl::ZeroDuration());
  EXPECT_EQ(buckets.size(), 1);
}

}  // namespace
}  // namespace z4j::consensus
