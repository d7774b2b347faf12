#include "services/scheduler/store/postgres/fire_rows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace z4j::scheduler {
namespace {

using pq::ArrayBuilder;
using pq::Type;

constexpr const char* kColumns[] = {
    // Known when a fire is decided.
    "schedule_id", "due_at", "trigger_id", "fire_id", "dispatch_after", "decided_at",
    "first_due_at", "count", "kind", "state", "reason",
    // Of its later life.
    "dispatched_at", "started_at", "finished_at", "attempts", "error", "adapter", "args", "kwargs",
    // Of a retry.
    "run", "retry_of"};
constexpr int kFreshColumns = 11;
static_assert(std::size(kColumns) == kFireColumns);

constexpr size_t kRefBytes = 16 + 8 + 16;

absl::Span<const char* const> Columns(bool fresh) {
  return absl::MakeSpan(kColumns).first(fresh ? kFreshColumns : kFireColumns);
}

}  // namespace

std::string FireColumns(const std::string& alias) {
  return absl::StrJoin(kColumns, ", ", [&alias](std::string* out, const char* column) {
    absl::StrAppend(out, alias, ".", column);
  });
}

Fire FireAt(const pq::Result& result, int row, int column) {
  Fire fire;
  fire.key.schedule = {result.Id(row, column++)};
  fire.key.due_at = result.Time(row, column++);
  fire.key.trigger = result.Id(row, column++);
  fire.id = {result.Id(row, column++)};
  fire.dispatch_after = result.Time(row, column++);
  fire.decided_at = result.Time(row, column++);
  fire.first_due_at = result.Time(row, column++);
  fire.count = result.Int(row, column++);
  fire.kind = static_cast<FireKind>(result.Int(row, column++));
  fire.state = static_cast<FireState>(result.Int(row, column++));
  fire.reason = static_cast<FireReason>(result.Int(row, column++));
  fire.dispatched_at = result.Time(row, column++);
  fire.started_at = result.Time(row, column++);
  fire.finished_at = result.Time(row, column++);
  fire.attempts = static_cast<int>(result.Int(row, column++));
  fire.error = result.Text(row, column++);
  fire.adapter = result.Text(row, column++);
  fire.args_json = result.Text(row, column++);
  fire.kwargs_json = result.Text(row, column++);
  fire.run = static_cast<int>(result.Int(row, column++));
  fire.retry_of = {result.Id(row, column++)};
  return fire;
}

bool IsFresh(const Fire& fire) {
  return fire.dispatched_at == absl::InfinitePast() && fire.started_at == absl::InfinitePast() &&
         fire.finished_at == absl::InfinitePast() && fire.attempts == 0 && fire.error.empty() &&
         fire.adapter.empty() && fire.args_json.empty() && fire.kwargs_json.empty() &&
         fire.run == 1;
}

std::string InsertColumns(bool fresh) { return absl::StrJoin(Columns(fresh), ", "); }

std::string InsertParameters(bool fresh, int first) {
  return absl::StrJoin(Columns(fresh), ", ", [&first](std::string* out, const char*) {
    absl::StrAppend(out, "$", first++);
  });
}

void AddFires(pq::Params& params, absl::Span<const Fire* const> fires, bool fresh) {
  const auto add = [&](Type type, auto add_one) { params.Array(type, fires, add_one); };
  using Builder = ArrayBuilder;
  add(Type::kUuid, [](Builder& to, const Fire* f) { to.Id(f->key.schedule.value); });
  add(Type::kTimestamptz, [](Builder& to, const Fire* f) { to.Time(f->key.due_at); });
  add(Type::kUuid, [](Builder& to, const Fire* f) { to.Id(f->key.trigger); });
  add(Type::kUuid, [](Builder& to, const Fire* f) { to.Id(f->id.value); });
  add(Type::kTimestamptz, [](Builder& to, const Fire* f) { to.Time(f->dispatch_after); });
  add(Type::kTimestamptz, [](Builder& to, const Fire* f) { to.Time(f->decided_at); });
  add(Type::kTimestamptz, [](Builder& to, const Fire* f) { to.Time(f->first_due_at); });
  add(Type::kInt8, [](Builder& to, const Fire* f) { to.Int8(f->count); });
  add(Type::kInt2, [](Builder& to, const Fire* f) { to.Int2(static_cast<int16_t>(f->kind)); });
  add(Type::kInt2, [](Builder& to, const Fire* f) { to.Int2(static_cast<int16_t>(f->state)); });
  add(Type::kInt2, [](Builder& to, const Fire* f) { to.Int2(static_cast<int16_t>(f->reason)); });
  if (fresh) return;
  add(Type::kTimestamptz, [](Builder& to, const Fire* f) { to.TimeOrNull(f->dispatched_at); });
  add(Type::kTimestamptz, [](Builder& to, const Fire* f) { to.TimeOrNull(f->started_at); });
  add(Type::kTimestamptz, [](Builder& to, const Fire* f) { to.TimeOrNull(f->finished_at); });
  add(Type::kInt8, [](Builder& to, const Fire* f) { to.Int8(f->attempts); });
  add(Type::kText, [](Builder& to, const Fire* f) { to.TextOrNull(f->error); });
  add(Type::kText, [](Builder& to, const Fire* f) { to.TextOrNull(f->adapter); });
  add(Type::kText, [](Builder& to, const Fire* f) { to.TextOrNull(f->args_json); });
  add(Type::kText, [](Builder& to, const Fire* f) { to.TextOrNull(f->kwargs_json); });
  add(Type::kInt8, [](Builder& to, const Fire* f) { to.Int8(f->run); });
  add(Type::kUuid, [](Builder& to, const Fire* f) { to.Id(f->retry_of.value); });
}

void AddKeys(pq::Params& params, absl::Span<const FireKey> keys) {
  params
      .Array(Type::kUuid, keys,
             [](ArrayBuilder& to, const FireKey& key) { to.Id(key.schedule.value); })
      .Array(Type::kTimestamptz, keys,
             [](ArrayBuilder& to, const FireKey& key) { to.Time(key.due_at); })
      .Array(Type::kUuid, keys, [](ArrayBuilder& to, const FireKey& key) { to.Id(key.trigger); });
}

std::string PackKeys(absl::Span<const FireKey> keys) {
  std::string refs;
  refs.reserve(keys.size() * kRefBytes);
  for (const FireKey& key : keys) {
    pq::AppendId(refs, key.schedule.value);
    pq::AppendTime(refs, key.due_at);
    pq::AppendId(refs, key.trigger);
  }
  return refs;
}

bool UnpackKeys(absl::string_view refs, std::vector<FireKey>& keys) {
  if (refs.size() % kRefBytes != 0) return false;
  for (; !refs.empty(); refs.remove_prefix(kRefBytes)) {
    keys.push_back({{pq::IdOf(refs.substr(0, 16))},
                    pq::TimeOf(refs.substr(16, 8)),
                    pq::IdOf(refs.substr(24, 16))});
  }
  return true;
}

}  // namespace z4j::scheduler
