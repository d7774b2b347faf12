#include "services/scheduler/store/postgres/written_rows.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/scheduler/store/postgres/fire_rows.h"
#include "services/scheduler/store/written_position.h"

namespace z4j::scheduler {
namespace {

bool ParseXid(absl::string_view text, int64_t& xid) {
  return absl::SimpleAtoi(text, &xid) && xid > 0 && absl::StrCat(xid) == text;
}

// What PostgreSQL takes: xmin ≤ each of the running ones, in order, < xmax.
bool IsSnapshot(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  int64_t xmin = 0, xmax = 0;
  if (parts.size() != 3 || !ParseXid(parts[0], xmin) || !ParseXid(parts[1], xmax) || xmin > xmax) {
    return false;
  }
  int64_t last = xmin;
  for (const absl::string_view running : absl::StrSplit(parts[2], ',', absl::SkipEmpty())) {
    int64_t xid = 0;
    if (!ParseXid(running, xid) || xid < last || xid >= xmax) return false;
    last = xid;
  }
  return true;
}

}  // namespace

pq::Call NoteWritten(absl::Span<const FireKey> keys) {
  static const auto* const statement =
      new pq::Statement{"note_written", "INSERT INTO written_fires (refs) VALUES ($1)"};
  return {statement, pq::Params().Bytes(PackKeys(keys))};
}

std::string NoteWrittenOf(absl::string_view from) {
  return absl::StrCat(
      "noted AS (INSERT INTO written_fires (refs)"
      "  SELECT string_agg(uuid_send(schedule_id) || timestamptz_send(due_at)"
      "                    || uuid_send(trigger_id), ''::bytea)"
      "  FROM ",
      from, " HAVING count(*) > 0) ");
}

std::string WrittenText(const WrittenPlace& place) {
  if (place.upto.empty()) return place.seen;
  return absl::StrCat(place.seen, "/", place.upto, "/", place.xid, "/", place.id);
}

absl::StatusOr<WrittenPlace> ParseWrittenText(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  WrittenPlace place;
  place.seen = parts[0];
  if (!IsSnapshot(place.seen) || (parts.size() != 1 && parts.size() != 4)) {
    return NoWrittenPosition();
  }
  if (parts.size() == 1) return place;
  place.upto = parts[1];
  if (!IsSnapshot(place.upto) || !ParseXid(parts[2], place.xid) ||
      !absl::SimpleAtoi(parts[3], &place.id)) {
    return NoWrittenPosition();
  }
  return place;
}

}  // namespace z4j::scheduler
