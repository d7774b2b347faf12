#include "services/scheduler/mutate/request.h"

#include <openssl/sha.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/json_text.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/store/codec.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

// Collects what a request consists of; each part is preceded by its length, so that no two
// requests look alike.
class Digest {
 public:
  Digest& Add(absl::string_view part) {
    absl::StrAppend(&text_, part.size(), ":", part);
    return *this;
  }
  Digest& Add(const ScheduleKey& key) { return Add(key.project).Add(key.name); }
  Digest& Add(absl::Time time) { return Add(absl::StrCat(ToMicros(time))); }

  Digest& Add(const CreateSchedule& a) { return Add(EncodeSchedule(a.schedule)); }
  Digest& Add(const UpdateSchedule& a) {
    Add(a.key).Add(EncodeSchedule(a.values)).Add(a.etag);
    for (const std::string& name : a.mask) Add(name);
    return *this;
  }
  Digest& Add(const DeleteSchedule& a) {
    return Add(a.key).Add(a.etag).Add(a.allow_missing ? "allow_missing" : "");
  }
  Digest& Add(const PauseSchedule& a) { return Add(a.key).Add(a.reason).Add(a.until); }
  Digest& Add(const ResumeSchedule& a) { return Add(a.key).Add(a.if_expired ? "if_expired" : ""); }
  Digest& Add(const ShadowSchedule& a) { return Add(a.key); }
  Digest& Add(const TriggerSchedule& a) { return Add(a.key).Add(a.args_json).Add(a.kwargs_json); }
  Digest& Add(const CancelFire& a) { return Add(a.id.ToString()); }
  Digest& Add(const RetryFire& a) { return Add(a.fire.id.ToString()); }
  Digest& Add(const FinishSchedule& a) { return Add(a.key); }
  Digest& Add(const QuarantineSchedule& a) { return Add(a.key).Add(a.reason); }
  Digest& Add(const RecordClusterChange& a) {
    return Add(a.action).Add(a.resource).Add(a.before).Add(a.after);
  }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string Sha256(const std::string& text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string HashOf(const Mutation& mutation) {
  Digest digest;
  digest.Add(absl::StrCat(mutation.action.index()));
  std::visit([&digest](const auto& action) { digest.Add(action); }, mutation.action);
  if (mutation.brief) digest.Add("brief");
  return Sha256(digest.text());
}

// A triggered fire is made of little else than its key, and a retry of what it repeats.
Json EncodeFire(const Fire& fire) {
  Json json = {{"schedule", fire.key.schedule.ToString()},
               {"due_at", ToMicros(fire.key.due_at)},
               {"trigger", fire.key.trigger.ToString()},
               {"args_json", fire.args_json},
               {"kwargs_json", fire.kwargs_json}};
  if (fire.kind == FireKind::kRetry) {
    json["retry_of"] = fire.retry_of.ToString();
    json["run"] = fire.run;
    json["decided_at"] = ToMicros(fire.decided_at);
  }
  return json;
}

absl::StatusOr<Fire> DecodeFire(const Json& json) {
  Fire fire;
  ASSIGN_OR_RETURN(fire.key.schedule.value, Uuid::Parse(json.at("schedule").get<std::string>()));
  ASSIGN_OR_RETURN(fire.key.trigger, Uuid::Parse(json.at("trigger").get<std::string>()));
  fire.key.due_at = FromMicros(json.at("due_at").get<int64_t>());
  fire.id = MakeFireId(fire.key);
  fire.kind = FireKind::kManual;
  fire.dispatch_after = fire.decided_at = fire.first_due_at = fire.key.due_at;
  fire.args_json = json.at("args_json").get<std::string>();
  fire.kwargs_json = json.at("kwargs_json").get<std::string>();
  if (!json.contains("retry_of")) return fire;
  fire.kind = FireKind::kRetry;
  ASSIGN_OR_RETURN(fire.retry_of.value, Uuid::Parse(json.at("retry_of").get<std::string>()));
  fire.run = json.at("run").get<int>();
  fire.dispatch_after = fire.decided_at = FromMicros(json.at("decided_at").get<int64_t>());
  return fire;
}

// One line, put together by hand: it is made for every change.
std::string EncodeOutcome(const MutationResult& result) {
  std::string text = "{";
  const auto add = [&text](const char* key, absl::string_view value) {
    absl::StrAppend(&text, text.size() > 1 ? "," : "", "\"", key, "\":", value);
  };
  const auto dump = [](const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  if (result.fire.has_value()) add("fire", dump(EncodeFire(*result.fire)));
  if (result.schedule.has_value()) {
    const Cursor& cursor = result.schedule->cursor;
    add("fires", absl::StrCat(cursor.fires));
    add("schedule", "");
    AppendJsonText(text, EncodeSchedule(result.schedule->schedule));
    add("watermark", absl::StrCat(ToMicros(cursor.watermark)));
  }
  if (result.version.has_value()) add("revision", absl::StrCat(result.version->revision));
  if (!result.notes.empty()) add("notes", dump(result.notes));
  return text + "}";
}

absl::StatusOr<MutationResult> DecodeOutcome(const std::string& text, const ScheduleKey& key) {
  MutationResult result;
  const Json json = Json::parse(text);
  if (json.contains("schedule")) {
    StoredSchedule stored;
    ASSIGN_OR_RETURN(stored.schedule, DecodeSchedule(json.at("schedule").get<std::string>()));
    stored.cursor.watermark = FromMicros(json.at("watermark").get<int64_t>());
    stored.cursor.fires = json.at("fires").get<int64_t>();
    result.schedule = std::move(stored);
  }
  if (json.contains("revision")) result.version = {key, json.at("revision").get<int64_t>()};
  if (json.contains("fire")) {
    ASSIGN_OR_RETURN(result.fire, DecodeFire(json.at("fire")));
  }
  if (json.contains("notes")) result.notes = json.at("notes").get<std::vector<std::string>>();
  return result;
}

absl::Status Unreadable(absl::string_view id) {
  return absl::DataLossError(
      absl::StrCat("the stored answer to request '", id, "' cannot be read"));
}

}  // namespace

absl::Status CheckRequestId(const std::string& request_id) {
  const bool printable = std::all_of(request_id.begin(), request_id.end(),
                                     [](char c) { return absl::ascii_isgraph(c); });
  if (request_id.size() <= kRequestIdCharsMax && printable) return absl::OkStatus();
  return FieldError("request_id", absl::StrCat("write at most ", kRequestIdCharsMax,
                                               " printable ASCII characters without spaces, such "
                                               "as a UUID"));
}

std::string RequestKey(const Mutation& mutation) {
  if (mutation.request_id.empty() || mutation.validate_only) return "";
  std::string key = absl::StrCat(KeyOf(mutation.action).project, "/", mutation.request_id);
  // A request id holds no space, so a batch is never taken for a request of another kind.
  if (mutation.batch_item >= 0) absl::StrAppend(&key, " batch");
  return key;
}

std::string RequestHash(absl::Span<const Mutation> mutations) {
  if (mutations.size() == 1 && mutations[0].batch_item < 0) return HashOf(mutations[0]);
  std::string hashes;
  for (const Mutation& mutation : mutations) hashes += HashOf(mutation);
  return Sha256(hashes);
}

// What is stored is the outcome of a mutation by itself, or a line for each item of a batch: its
// number, a space and its outcome.
absl::StatusOr<Answers> Answers::Read(const StoredRequest& stored) {
  Answers answers;
  answers.hash_ = stored.hash;
  if (absl::StartsWith(stored.outcome, "{")) {
    answers.outcomes_.emplace(-1, stored.outcome);
    return answers;
  }
  for (const absl::string_view line : absl::StrSplit(stored.outcome, '\n', absl::SkipEmpty())) {
    const std::pair<absl::string_view, std::string> parts =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    int item = -1;
    if (!absl::SimpleAtoi(parts.first, &item) || item < 0) return Unreadable(stored.id);
    answers.outcomes_.emplace(item, parts.second);
  }
  if (answers.outcomes_.empty()) return Unreadable(stored.id);
  return answers;
}

absl::StatusOr<std::optional<MutationResult>> Answers::Find(const Mutation& mutation,
                                                            const std::string& hash) const {
  if (outcomes_.empty()) return std::nullopt;
  if (hash != hash_) {
    return FieldError("request_id", absl::StrCat("'", mutation.request_id,
                                                 "' was used for another request; take a new one "
                                                 "for each change"));
  }
  const auto found = outcomes_.find(mutation.batch_item);
  if (found == outcomes_.end()) return std::nullopt;
  try {
    absl::StatusOr<MutationResult> result = DecodeOutcome(found->second, KeyOf(mutation.action));
    if (result.ok()) return *std::move(result);
  } catch (const nlohmann::json::exception&) {
    // Fall through: the store gave back what nobody wrote.
  }
  return Unreadable(mutation.request_id);
}

void Answers::Add(const Mutation& mutation, const std::string& hash, const MutationResult& result) {
  hash_ = hash;
  outcomes_[mutation.batch_item] = EncodeOutcome(result);
  is_changed_ = true;
}

StoredRequest Answers::Store(std::string id, absl::Time now) const {
  StoredRequest stored{std::move(id), hash_, "", now};
  for (const auto& [item, outcome] : outcomes_) {
    if (item >= 0) absl::StrAppend(&stored.outcome, item, " ");
    stored.outcome += outcome;
    if (item >= 0) stored.outcome += '\n';
  }
  return stored;
}

}  // namespace z4j::scheduler
