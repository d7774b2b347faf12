#include "services/consensus/transport/peer_queue.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace z4j::consensus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const MonoTime kNow{absl::Hours(1)};

class PeerQueueTest : public testing::Test {
 protected:
  static Message Of(MessageBody body) {
    return {.cluster = {}, .from = {1}, .incarnation = {}, .to = {2}, .term = {1}, .body = body};
  }
  // Named by the send id.
  static Message Heartbeat(uint64_t id) {
    AppendRequest append;
    append.send_id = id;
    return Of(append);
  }
  static Message Append(uint64_t id, size_t bytes = 1) {
    AppendRequest append;
    append.send_id = id;
    append.entries.push_back(
        {.term = {1}, .index = {id}, .data = MakePayload(std::string(bytes, 'x'))});
    return Of(append);
  }
  static std::string Name(const Message& message) {
    if (const auto* append = std::get_if<AppendRequest>(&message.body)) {
      return (append->entries.empty() ? "heartbeat " : "append ") + std::to_string(append->send_id);
    }
    return "answer";
  }
  std::vector<std::string> Drain() {
    std::vector<std::string> names;
    while (const auto message = queue_.Pop()) names.push_back(Name(*message));
    return names;
  }

  PeerQueue queue_{{.messages = 3, .bytes = 10'000}};
};

TEST_F(PeerQueueTest, KeepsTheOrder) {
  queue_.Push(Append(1), kNow);
  queue_.Push(Of(VoteReply{}), kNow);
  queue_.Push(Append(2), kNow);
  EXPECT_THAT(Drain(), ElementsAre("append 1", "answer", "append 2"));
}

TEST_F(PeerQueueTest, ANewHeartbeatTakesTheOldOnesPlaceBehindTheEntries) {
  queue_.Push(Heartbeat(1), kNow);
  queue_.Push(Append(2), kNow);
  queue_.Push(Heartbeat(3), kNow);
  EXPECT_THAT(Drain(), ElementsAre("append 2", "heartbeat 3"));
  EXPECT_EQ(queue_.dropped(), 0);
}

TEST_F(PeerQueueTest, WhenFullTheOldestEntriesGiveWayAndNotTheHeartbeat) {
  queue_.Push(Of(VoteReply{}), kNow);
  queue_.Push(Append(1), kNow);
  queue_.Push(Heartbeat(2), kNow);
  queue_.Push(Append(3), kNow);
  EXPECT_EQ(queue_.dropped(), 1);
  EXPECT_THAT(Drain(), ElementsAre("answer", "heartbeat 2", "append 3"));
}

TEST_F(PeerQueueTest, WithoutEntriesTheOldestMessageGivesWay) {
  queue_.Push(Heartbeat(1), kNow);
  for (int i = 0; i < 3; ++i) queue_.Push(Of(VoteReply{}), kNow);
  EXPECT_THAT(Drain(), ElementsAre("answer", "answer", "answer"));
}

TEST_F(PeerQueueTest, BytesAreBoundedAsWell) {
  queue_.Push(Append(1, 6000), kNow);
  queue_.Push(Append(2, 6000), kNow);
  EXPECT_THAT(Drain(), ElementsAre("append 2"));
  queue_.Push(Append(3, 20'000), kNow);  // Larger than the bound: still better sent than not.
  EXPECT_THAT(Drain(), ElementsAre("append 3"));
}

TEST_F(PeerQueueTest, ForgetsWhatWaitedTooLong) {
  queue_.Push(Append(1), kNow);
  queue_.Push(Append(2), kNow + absl::Seconds(1));
  queue_.DropBefore(kNow + absl::Milliseconds(1));
  EXPECT_EQ(queue_.size(), 1);
  EXPECT_THAT(Drain(), ElementsAre("append 2"));
  queue_.Push(Append(3), kNow);
  queue_.Clear();
  EXPECT_THAT(Drain(), IsEmpty());
}

}  // namespace
}  // namespace z4j::consensus
