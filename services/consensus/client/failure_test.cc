#include "services/consensus/client/failure.h"

#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include "services/base/grpc_status.h"
#include "services/base/testing/status_matchers.h"
#include "z4j/consensus/v1/common.pb.h"

namespace z4j::consensus::client {
namespace {

grpc::Status With(const v1::Failure& failure, absl::StatusCode code) {
  return ToGrpcStatus(absl::Status(code, "why"), failure);
}

TEST(FailureTest, TellsWhatTheServiceSays) {
  v1::Failure told;
  told.set_outcome(v1::OUTCOME_NOT_DONE);
  told.set_reason(v1::FAILURE_REASON_NOT_LEADER);
  told.mutable_not_leader()->set_leader_address("h:1");
  told.mutable_not_leader()->set_term(9);
  const Failure failure = FailureOf(With(told, absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(failure.outcome, Outcome::kNotDone);
  EXPECT_EQ(failure.reason, Reason::kNotLeader);
  EXPECT_EQ(failure.leader, (LeaderHint{"h:1", 9}));
  EXPECT_THAT(failure.status, StatusIs(absl::StatusCode::kFailedPrecondition, "why"));
}

TEST(FailureTest, ANodeThatKnowsNoLeaderGivesNoHint) {
  v1::Failure told;
  told.set_reason(v1::FAILURE_REASON_NOT_LEADER);
  told.mutable_not_leader()->set_term(9);
  EXPECT_EQ(FailureOf(With(told, absl::StatusCode::kFailedPrecondition)).leader, std::nullopt);
}

TEST(FailureTest, EveryReasonOfTheServiceHasItsOwn) {
  const auto* reasons = v1::FailureReason_descriptor();
  for (int i = 0; i < reasons->value_count(); ++i) {
    v1::Failure told;
    told.set_reason(static_cast<v1::FailureReason>(reasons->value(i)->number()));
    EXPECT_EQ(static_cast<int>(FailureOf(With(told, absl::StatusCode::kAborted)).reason),
              reasons->value(i)->number())
        << reasons->value(i)->name();
  }
}

TEST(FailureTest, WhatGrpcSaysByItselfIsUnknownUnlessNobodyWouldDoIt) {
  EXPECT_EQ(FailureOf(grpc::Status(grpc::UNAVAILABLE, "reset")).outcome, Outcome::kUnknown);
  EXPECT_EQ(FailureOf(grpc::Status(grpc::UNAVAILABLE, "reset")).reason, Reason::kNoAnswer);
  EXPECT_EQ(FailureOf(grpc::Status(grpc::DEADLINE_EXCEEDED, "")).outcome, Outcome::kUnknown);
  EXPECT_EQ(FailureOf(grpc::Status(grpc::RESOURCE_EXHAUSTED, "")).outcome, Outcome::kUnknown);
  EXPECT_EQ(FailureOf(grpc::Status(grpc::INTERNAL, "")).outcome, Outcome::kUnknown);
  EXPECT_EQ(FailureOf(grpc::Status(grpc::UNAUTHENTICATED, "")).outcome, Outcome::kRefused);
  EXPECT_EQ(FailureOf(grpc::Status(grpc::UNIMPLEMENTED, "")).outcome, Outcome::kRefused);
}

}  // namespace
}  // namespace z4j::consensus::client
