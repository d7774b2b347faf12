#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/consensus/limits.h"
#include "services/consensus/machine/codec.h"
#include "services/consensus/node/replica.h"
#include "services/consensus/raft/mutants.h"

// What Raft has decided: applied, and told to whoever waited for it.
namespace z4j::consensus {

void Replica::FollowRole(const SoftState& soft) {
  soft_ = soft;
  work_.soft_state_changed = true;
  if (soft.role == Role::kLeader) return;  // Acts as one once its first own entry is applied.
  keeper_.reset();
  if (soft.leader == NodeId{}) return;
  for (CallId call : std::exchange(transfers_, {})) {
    if (waiting_.contains(call)) Answer(call, Fate::kDone);
  }
}

// The newest snapshot that is stored may be newer than the message's: its own message came too late
// for the term.  What it holds is committed as well, so the message is taken as one about it.
void Replica::TakeNewest(Message& install) {
  auto newest = open_();
  if (!newest.ok()) return;  // If it is needed, Install() finds out why.
  newest_ = *std::move(newest);
  SnapshotMeta& meta = std::get<InstallSnapshot>(install.body).meta;
  const SnapshotMeta& stored = newest_->meta();
  if (stored.index > meta.index && stored.term <= install.term &&
      !Broken(Rule::kNewestSnapshotCounts)) {
    meta = stored;
  }
}

absl::StatusOr<std::string> Replica::ReadSnapshot(const SnapshotMeta& meta) {
  if (newest_ == nullptr) {
    ASSIGN_OR_RETURN(newest_, open_());
  }
  if (newest_->meta().index != meta.index) {
    return absl::DataLossError(absl::StrCat(
        "the newest snapshot is at ", newest_->meta().index.value, ", not at ", meta.index.value));
  }
  return newest_->Read(0, newest_->size());
}

void Replica::Install(const SnapshotMeta& meta) {
  absl::StatusOr<std::string> state = ReadSnapshot(meta);
  failure_ = state.ok() ? machine_.Load(*state) : state.status();
  if (!failure_.ok()) return;
  applied_ = meta.index;
  applied_term_ = meta.term;
  began_ = {};
  snapshot_index_ = meta.index;
  bytes_since_snapshot_ = 0;
  raft_.Applied(applied_);
  // What was decided below is known only as a whole.
  const auto end = proposed_.upper_bound(meta.index);
  for (auto it = proposed_.begin(); it != end; it = proposed_.erase(it)) {
    if (waiting_.contains(it->second.call)) {
      Answer(it->second.call, Fate::kUnknown, "", "a snapshot took the place of its entry");
    }
  }
}

void Replica::Apply(MonoTime now, const Entry& entry) {
  std::string answer;
  if (entry.kind == EntryKind::kCommand) answer = machine_.Apply(entry.index, *entry.data);
  applied_ = entry.index;
  if (entry.term > applied_term_) {
    applied_term_ = entry.term;
    began_ = entry.index;
  }
  bytes_since_snapshot_ += entry.data->size();
  if (entry.kind == EntryKind::kConfig) ApplyConfig(entry);
  if (options_.applied) options_.applied(entry);

  auto [begin, end] = proposed_.equal_range(entry.index);
  for (auto it = begin; it != end; it = proposed_.erase(it)) {
    const auto [call, term] = it->second;
    if (!waiting_.contains(call)) continue;
    if (term == entry.term) {
      Answer(call, Fate::kDone, answer);
    } else {
      Answer(call, Fate::kDropped, "", "the leader changed and the log lost the request");
    }
  }
  // §8: only now does this leader know all that was committed before it.
  if (!keeper_ && soft_.role == Role::kLeader && entry.term == soft_.term) {
    keeper_.emplace(now, machine_.now());
    work_.soft_state_changed = true;
    ProposeOwn(now, {BeginLeadership{}});
  }
}

void Replica::ApplyConfig(const Entry& entry) {
  auto config = DecodeConfig(*entry.data);
  for (auto it = changes_.begin(); it != changes_.end() && it->first <= entry.index;) {
    const auto [call, term] = it->second;
    if (it->first == entry.index && term != entry.term) {
      if (waiting_.contains(call)) Answer(call, Fate::kDropped, "", "the leader changed");
    } else if (config.ok() && !config->joint()) {
      if (waiting_.contains(call)) Answer(call, Fate::kDone);
    } else {
      ++it;
      continue;
    }
    it = changes_.erase(it);
  }
}

void Replica::TakeRead(const ReadReady& ready) {
  auto round = rounds_.find(ready.context);
  if (round == rounds_.end()) return;
  for (CallId call : round->second) {
    if (ready.index) {
      reads_.emplace(Broken(Rule::kReadsWaitForApply) ? applied_ : *ready.index, call);
    } else if (waiting_.contains(call)) {
      Answer(call, Fate::kNotLeader, "", "leadership was lost before the read was confirmed");
    }
  }
  rounds_.erase(round);
}

void Replica::AnswerReads(MonoTime now) {
  while (!reads_.empty() && reads_.begin()->first <= applied_) {
    const CallId call = reads_.begin()->second;
    reads_.erase(reads_.begin());
    auto waiting = waiting_.find(call);
    if (waiting == waiting_.end()) continue;
    const SessionId session = waiting->second.session;
    if (session.value != 0) {
      if (!keeper_) {
        Answer(call, Fate::kNotLeader, "", "this node does not lead");
        continue;
      }
      // First it must be decided whether the session has expired.
      if (keeper_->Expiring(session, machine_) && own_proposed_ > applied_ &&
          !Broken(Rule::kAliveOnlyIfDecided)) {
        reads_.emplace(own_proposed_, call);
        continue;
      }
      keeper_->Heard(session, now);
    }
    Answer(call, Fate::kDone);
  }
}

void Replica::ProposeOwn(MonoTime now, std::vector<Command> commands) {
  if (commands.empty()) return;
  std::vector<Payload> payloads;
  for (Command& command : commands) {
    payloads.push_back(
        MakePayload(EncodeCommand({keeper_->Now(now), std::nullopt, std::move(command)})));
  }
  const size_t count = payloads.size();
  auto first = raft_.Propose(now, std::move(payloads));
  // At a bound, or while leadership is handed over, the keeper comes back with it.
  if (!first.ok()) return keeper_->Refused();
  own_proposed_ = *first + (count - 1);
}

void Replica::EndOverdue(MonoTime now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    Answer(deadlines_.begin()->second, Fate::kUnknown, "", "no majority answered in time");
  }
}

void Replica::MaybeSnapshot() {
  if (saving_ || applied_ <= snapshot_index_ || !failure_.ok()) return;
  if (applied_ - snapshot_index_ < options_.snapshot_every &&
      bytes_since_snapshot_ < kSnapshotLogBytes) {
    return;
  }
  saving_ = true;
  bytes_since_snapshot_ = 0;
  work_.save = SnapshotToSave{raft_.MetaAt(applied_), machine_.Save()};
}

}  // namespace z4j::consensus
