#include "services/scheduler/store/sqlite/written.h"

#include <vector>

#include "absl/strings/string_view.h"
#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/codec.h"
#include "services/scheduler/store/written_position.h"

namespace z4j::scheduler::sqlite {
namespace {

constexpr size_t kRefBytes = 16 + 8 + 16;

void AppendMicros(absl::Time time, std::string& to) {
  const auto micros = static_cast<uint64_t>(ToMicros(time));
  for (int shift = 56; shift >= 0; shift -= 8) to.push_back(static_cast<char>(micros >> shift));
}

absl::Time TimeOf(absl::string_view bytes) {
  uint64_t micros = 0;
  for (const char byte : bytes) micros = micros << 8 | static_cast<unsigned char>(byte);
  return FromMicros(static_cast<int64_t>(micros));
}

absl::Status Unpack(absl::string_view refs, std::vector<FireKey>& keys) {
  if (refs.size() % kRefBytes != 0) {
    return absl::DataLossError("a row of written_fires does not hold whole keys");
  }
  for (; !refs.empty(); refs.remove_prefix(kRefBytes)) {
    FireKey& key = keys.emplace_back();
    ASSIGN_OR_RETURN(key.schedule.value, Uuid::FromBytes(refs.substr(0, 16)));
    key.due_at = TimeOf(refs.substr(16, 8));
    ASSIGN_OR_RETURN(key.trigger, Uuid::FromBytes(refs.substr(24, 16)));
  }
  return absl::OkStatus();
}

}  // namespace

void WrittenKeys::Add(const FireKey& key) {
  refs_ += key.schedule.value.ToBytes();
  AppendMicros(key.due_at, refs_);
  refs_ += key.trigger.ToBytes();
}

absl::Status WrittenKeys::Write(Connection& connection, absl::Time now) const {
  if (refs_.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(Statement add,
                   connection.Prepare("INSERT INTO written_fires (at, refs) VALUES (?, ?)"));
  return add.BindTime(now).BindBlob(refs_).Run().status();
}

absl::StatusOr<WrittenFires> ReadWritten(Connection& reader, const std::string& after,
                                         const std::string& until, int limit) {
  ASSIGN_OR_RETURN(Statement bounds,
                   reader.Prepare("SELECT (SELECT min(number) FROM written_fires),"
                                  " (SELECT max(number) FROM written_fires)"));
  ASSIGN_OR_RETURN(const bool one, bounds.Step());
  const int64_t first = one ? bounds.Int(0) : 0;
  const int64_t last = one ? bounds.Int(1) : 0;  // 0: the table is empty.
  bounds.Reset();
  if (after.empty()) return WrittenFires{{}, WrittenPosition(last)};
  ASSIGN_OR_RETURN(const int64_t from, ParseWrittenPosition(after));
  // A position beyond the last row is one of a file that was replaced by an older one.
  if (from + 1 < first || from > last) return WrittenTooOld();
  int64_t to = last;
  if (!until.empty()) {
    ASSIGN_OR_RETURN(to, ParseWrittenPosition(until));
  }
  ASSIGN_OR_RETURN(Statement read,
                   reader.Prepare("SELECT number, refs FROM written_fires"
                                  " WHERE number > ? AND number <= ? ORDER BY number"));
  read.BindInt(from).BindInt(to);
  WrittenFires written;
  written.next = WrittenPosition(to);
  while (static_cast<int>(written.keys.size()) < limit) {
    ASSIGN_OR_RETURN(const bool found, read.Step());
    if (!found) return written;
    RETURN_IF_ERROR(Unpack(read.View(1), written.keys));
    written.next = WrittenPosition(read.Int(0));
  }
  return written;
}

absl::Status PruneWritten(Connection& connection, absl::Time before) {
  ASSIGN_OR_RETURN(Statement prune,
                   connection.Prepare("DELETE FROM written_fires WHERE number IN"
                                      " (SELECT number FROM written_fires WHERE at < ? AND"
                                      "   number < (SELECT max(number) FROM written_fires)"
                                      "  ORDER BY number LIMIT ?)"));
  return prune.BindTime(before).BindInt(kWrittenPrunedMax).Run().status();
}

}  // namespace z4j::scheduler::sqlite
