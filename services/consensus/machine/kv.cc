#include "services/consensus/machine/kv.h"

#include <algorithm>
#include <utility>

#include "services/consensus/limits.h"

namespace z4j::consensus {
namespace {

size_t Weight(const std::string& key, size_t value_bytes) {
  return key.size() + value_bytes + kKvRecordBytes;
}
size_t Weight(const KvChange& change) {
  return Weight(change.key, change.value == nullptr ? 0 : change.value->size());
}

bool StartsWith(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

}  // namespace

bool Kv::Holds(const KvCompare& compare) const {
  const auto record = records_.find(compare.key);
  if (const auto* revision = std::get_if<Revision>(&compare.expected)) {
    return *revision == (record == records_.end() ? Revision{} : record->second.mod_revision);
  }
  return record != records_.end() &&
         *record->second.value == std::get<std::string>(compare.expected);
}

int64_t Kv::Growth(const std::vector<KvOperation>& operations) const {
  int64_t growth = 0;
  for (const KvOperation& operation : operations) {  // No key is written twice.
    if (std::holds_alternative<KvGet>(operation.action)) continue;
    const auto old = records_.find(operation.key);
    if (old != records_.end()) growth -= Weight(operation.key, old->second.value->size());
    if (const auto* put = std::get_if<KvPut>(&operation.action)) {
      growth += Weight(operation.key, put->value.size());
    }
  }
  return growth;
}

size_t Kv::ReadBytes(const std::vector<KvOperation>& operations) const {
  size_t bytes = 0;
  size_t put_bytes = 0;  // A get may read what a put before it wrote.
  for (const KvOperation& operation : operations) {
    if (const auto* put = std::get_if<KvPut>(&operation.action)) {
      put_bytes = std::max(put_bytes, put->value.size());
      continue;
    }
    const auto old = records_.find(operation.key);
    const size_t stored = old == records_.end() ? 0 : old->second.value->size();
    bytes += Weight(operation.key, std::max(stored, put_bytes));
  }
  return bytes;
}

Answer Kv::Run(const KvTxn& txn, size_t reply_room, Turn& turn) {
  TxnDone done;
  done.succeeded = std::all_of(txn.compares.begin(), txn.compares.end(),
                               [this](const KvCompare& compare) { return Holds(compare); });
  const std::vector<KvOperation>& operations = done.succeeded ? txn.then : txn.otherwise;
  const int64_t growth = Growth(operations);
  if (growth > 0 && bytes_ + growth > kKvBytesMax) {
    return turn.Refuse(AnswerCode::kExhausted, "the keys and values are as large as they may be");
  }
  if (ReadBytes(operations) > std::min(reply_room, kTxnReadBytesMax)) {
    return turn.Refuse(AnswerCode::kExhausted, "what the transaction reads is too large");
  }
  bytes_ += growth;
  KvChanged changed{turn.revision, {}};
  for (const KvOperation& operation : operations) {
    const auto record = records_.find(operation.key);
    const auto* put = std::get_if<KvPut>(&operation.action);
    done.results.push_back(put == nullptr ? Get(operation.key) : std::nullopt);
    if (put != nullptr) {
      KvRecord& written = records_[operation.key];
      if (written.value == nullptr) written.create_revision = turn.revision;
      written.mod_revision = turn.revision;
      written.value = std::make_shared<const std::string>(put->value);
      changed.changes.push_back({operation.key, written.value, written.create_revision});
    } else if (record != records_.end() && std::holds_alternative<KvDelete>(operation.action)) {
      changed.changes.push_back({operation.key, nullptr, Revision{}});
      records_.erase(record);
    }
  }
  if (!changed.changes.empty()) {
    turn.events.push_back(changed);
    Keep(std::move(changed));
  }
  return turn.Ok(std::move(done));
}

void Kv::Keep(KvChanged changed) {
  for (const KvChange& change : changed.changes) history_bytes_ += Weight(change);
  history_changes_ += changed.changes.size();
  history_.push_back(std::move(changed));
  while (history_bytes_ > kHistoryBytesMax || history_changes_ > kHistoryChangesMax) {
    compacted_ = history_.front().revision;
    for (const KvChange& change : history_.front().changes) history_bytes_ -= Weight(change);
    history_changes_ -= history_.front().changes.size();
    history_.pop_front();
  }
}

std::optional<KvEntry> Kv::Get(const std::string& key) const {
  const auto record = records_.find(key);
  if (record == records_.end()) return std::nullopt;
  return KvEntry{key, *record->second.value, record->second.create_revision,
                 record->second.mod_revision};
}

std::vector<KvEntry> Kv::List(const std::string& prefix, const std::string& after, size_t limit,
                              size_t bytes_max) const {
  std::vector<KvEntry> entries;
  size_t bytes = 0;
  auto record = after < prefix ? records_.lower_bound(prefix) : records_.upper_bound(after);
  for (; record != records_.end() && StartsWith(record->first, prefix); ++record) {
    bytes += Weight(record->first, record->second.value->size());
    if (entries.size() >= limit || (!entries.empty() && bytes > bytes_max)) break;
    entries.push_back({record->first, *record->second.value, record->second.create_revision,
                       record->second.mod_revision});
  }
  return entries;
}

absl::StatusOr<std::vector<KvChanged>> Kv::ChangesFrom(Revision from, size_t changes_max,
                                                       size_t bytes_max) const {
  if (from <= compacted_) {
    return absl::AbortedError("changes from that revision on are no longer kept");
  }
  const auto first = std::lower_bound(
      history_.begin(), history_.end(), from,
      [](const KvChanged& changed, Revision revision) { return changed.revision < revision; });
  size_t changes = 0;
  size_t bytes = 0;
  auto last = first;
  for (; last != history_.end() && changes < changes_max && bytes < bytes_max; ++last) {
    changes += last->changes.size();
    for (const KvChange& change : last->changes) bytes += Weight(change);
  }
  return std::vector<KvChanged>(first, last);
}

bool Kv::Index() {
  bytes_ = history_bytes_ = history_changes_ = 0;
  for (const auto& [key, record] : records_) {
    if (record.value == nullptr) return false;
    bytes_ += Weight(key, record.value->size());
  }
  Revision last = compacted_;
  for (const KvChanged& changed : history_) {
    if (changed.revision <= last) return false;
    last = changed.revision;
    history_changes_ += changed.changes.size();
    for (const KvChange& change : changed.changes) history_bytes_ += Weight(change);
  }
  return true;
}

}  // namespace z4j::consensus
