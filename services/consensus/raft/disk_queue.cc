#include "services/consensus/raft/disk_queue.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "services/base/check.h"
#include "services/consensus/raft/marks.h"
#include "services/consensus/raft/mutants.h"

namespace z4j::consensus {
namespace {

bool SamePromise(const HardState& a, const HardState& b) {
  return a.term == b.term && a.vote == b.vote;
}

bool BrokenToLeaveEarly(const Promise& promise) {
  if (const auto* message = std::get_if<Message>(&promise)) {
    if (std::holds_alternative<VoteReply>(message->body)) return Broken(Rule::kVoteAfterSync);
    if (std::holds_alternative<VoteRequest>(message->body)) return Broken(Rule::kRequestAfterSync);
    return Broken(Rule::kAcknowledgeAfterSync);
  }
  return Broken(Rule::kVoteAfterSync);
}

}  // namespace

DiskQueue::DiskQueue(HardState found, Index last)
    : handed_(found), handed_last_(last), write_from_(last + 1), persisted_(last) {}

void DiskQueue::TruncatedFrom(Index from) {
  write_from_ = std::min(write_from_, from);
  if (Broken(Rule::kForgetUnsyncedOnTruncate)) return;
  persisted_ = std::min(persisted_, from - 1);
  for (InFlight& write : in_flight_) {
    if (write.durable_to >= from) Hit(Mark::kDurableRolledBack);
    write.durable_to = std::min(write.durable_to, from - 1);
  }
}

void DiskQueue::Restarted(const SnapshotMeta& meta, Index commit) {
  TruncatedFrom(commit + 1);
  snapshot_ = meta;
  handed_last_ = meta.index;
  write_from_ = meta.index + 1;
}

bool DiskQueue::MustSync(const HardState& now, Index last) const {
  return !SamePromise(now, handed_) || last >= write_from_ || handed_last_ >= write_from_ ||
         snapshot_.has_value() || sync_owed_;
}

bool DiskQueue::HasWrite(const HardState& now, Index last) const {
  return MustSync(now, last) || now.commit != handed_.commit;
}

std::optional<Promise> DiskQueue::Withhold(Promise promise, const HardState& now, Index last) {
  if (BrokenToLeaveEarly(promise)) return promise;
  const bool must_sync = MustSync(now, last);
  const uint64_t seq = must_sync ? next_seq_ : last_sync_seq_;
  if (seq <= persisted_seq_) return promise;
  sync_owed_ |= must_sync;
  waiting_.push_back({seq, std::move(promise)});
  return std::nullopt;
}

std::optional<Write> DiskQueue::TakeWrite(const HardState& now, const Log& log) {
  if (!HasWrite(now, log.last())) return std::nullopt;
  Write write;
  write.seq = next_seq_++;
  write.must_sync = MustSync(now, log.last());
  if (now != handed_) write.hard_state = now;
  if (!SamePromise(now, handed_)) hard_state_seq_ = write.seq;
  write.snapshot = std::exchange(snapshot_, std::nullopt);
  if (handed_last_ >= write_from_) write.truncate_from = write_from_;
  write.entries = log.Slice(write_from_, log.last(), std::numeric_limits<size_t>::max(),
                            std::numeric_limits<size_t>::max());
  if (write.must_sync) last_sync_seq_ = write.seq;
  handed_ = now;
  handed_last_ = log.last();
  write_from_ = log.last() + 1;
  sync_owed_ = false;
  in_flight_.push_back({write.seq, log.last()});
  return write;
}

std::vector<Promise> DiskQueue::Persisted(uint64_t seq) {
  Z4J_CHECK(seq < next_seq_);
  persisted_seq_ = std::max(persisted_seq_, seq);
  while (!in_flight_.empty() && in_flight_.front().seq <= seq) {
    persisted_ = std::max(persisted_, in_flight_.front().durable_to);
    in_flight_.pop_front();
  }
  std::vector<Promise> free;
  while (!waiting_.empty() && waiting_.front().seq <= seq) {
    free.push_back(std::move(waiting_.front().promise));
    waiting_.pop_front();
  }
  return free;
}

bool DiskQueue::HasHardState(const HardState& now) const {
  return SamePromise(now, handed_) && hard_state_seq_ <= persisted_seq_;
}

}  // namespace z4j::consensus
