#include "services/scheduler/cli/json_message.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include "services/base/testing/status_matchers.h"
#include "z4j/scheduler/v1/schedule.pb.h"

namespace z4j::scheduler {
namespace {

// Reads `text` with ours and with protobuf's own reader, which must agree.
void ExpectAsProtobuf(const std::string& text) {
  v1::Schedule ours, theirs;
  const absl::Status read = ReadMessage(nlohmann::json::parse(text), ours);
  const auto wanted = google::protobuf::util::JsonStringToMessage(text, &theirs);
  EXPECT_EQ(read.ok(), wanted.ok()) << text << ": " << read << ", " << wanted.ToString();
  if (!read.ok() || !wanted.ok()) return;
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(ours, theirs))
      << text << ": " << ours.DebugString() << "instead of " << theirs.DebugString();
}

TEST(JsonMessageTest, ReadsWhatIsSpelledAsUsual) {
  ExpectAsProtobuf(
      R"({"engine":"celery","task":"größe \"😀\"","argsJson":"[1,\"two\"]","priority":7,)"
      R"("expires":"3600s","startTime":"2026-11-22T05:00:00Z","endTime":"2026-11-22T05:00:00.25Z",)"
      R"("spec":{"cron":{"minute":"0","dayMatch":"DAY_MATCH_AND","microsecond":5}},)"
      R"("labels":{"a":"b","":""},"engineOptions":{},"gap":"GAP_POLICY_SHIFT",)"
      R"("retry":{"maxAttempts":3,"initialBackoff":"2s"},"state":"STATE_PAUSED"})");
  ExpectAsProtobuf(R"({"spec":{"interval":{"period":"30s","anchorTime":"0001-01-01T00:00:00Z"}}})");
  ExpectAsProtobuf("{}");
}

TEST(JsonMessageTest, ReadsWhatIsSpelledOtherwiseAndRefusesWhatIsWrongAsProtobufDoes) {
  for (const char* text :
       {R"({"time_zone":"UTC","args_json":"[]"})",
        R"({"timeZone":null,"labels":null,"spec":null,"expires":null})",
        R"({"priority":"7","maxFires":"12"})",
        R"({"priority":-7,"maxFires":12})",
        R"({"priority":7.0})",
        R"({"priority":7.5})",
        R"({"priority":3000000000})",
        R"({"priority":18446744073709551615})",
        R"({"priority":true})",
        R"({"gap":2,"fold":"FOLD_POLICY_NEVER"})",
        R"({"gap":2})",
        R"({"expires":"1.5s"})",
        R"({"expires":"-3s"})",
        R"({"expires":"+3s"})",
        R"({"expires":" 3s"})",
        R"({"expires":"s"})",
        R"({"expires":"3"})",
        R"({"expires":"400000000000s"})",
        R"({"expires":3})",
        R"({"startTime":"2026-11-22T05:00:00+01:00"})",
        R"({"startTime":"2026-11-22t05:00:00z"})",
        R"({"startTime":"2026-11-22 05:00:00Z"})",
        R"({"startTime":"2026-02-30T05:00:00Z"})",
        R"({"startTime":"2016-12-31T23:59:60Z"})",
        R"({"startTime":"12026-12-31T23:59:00Z"})",
        R"({"startTime":"2026-11-22T05:00:00.1234567891Z"})",
        R"({"startTime":"2026-11-22T05:00:00.123456789Z"})",
        R"({"startTime":"never"})",
        R"({"runRetry":{"maxAttempts":2,"backoffMultiplier":1.5,"on":["RUN_END_FAILED"]}})",
        R"({"spec":{"cron":{"minute":"1"},"interval":{"period":"3s"}}})",
        R"({"spec":{"solar":{"event":"EVENT_SUNRISE","latitude":59.9,"longitude":"10"}}})",
        R"({"spec":[]})",
        R"({"labels":{"a":1}})",
        R"({"labels":["a"]})",
        R"({"task":5})",
        R"({"colour":"red"})",
        R"([])",
        R"("text")"}) {
    ExpectAsProtobuf(text);
  }
}

TEST(JsonMessageTest, ARefusalSaysWhatIsWrong) {
  v1::Schedule message;
  EXPECT_THAT(ReadMessage({{"colour", "red"}}, message),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("colour")));
}

}  // namespace
}  // namespace z4j::scheduler
