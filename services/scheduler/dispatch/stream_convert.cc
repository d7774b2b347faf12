#include "services/scheduler/dispatch/stream_convert.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/text_rules.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

constexpr int kInstanceCharsMax = 200;
constexpr int kQueuesMax = 1000;
constexpr int kTasksMax = 10'000;
constexpr size_t kFireRefBytes = 40;
constexpr size_t kHintBytesMax = 500;  // It is repeated with every fire of an answer.

bool IsEngineName(const std::string& name) {
  return !name.empty() && name.size() <= kEngineCharsMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

// At most the bound, and not inside a character of UTF-8.
size_t HintBytes(const v1::Capabilities& capabilities) {
  const std::string& hint = capabilities.outcomes_hint();
  if (hint.size() <= kHintBytesMax) return hint.size();
  size_t end = kHintBytesMax;
  while (end > 0 && (static_cast<unsigned char>(hint[end]) & 0xc0) == 0x80) --end;
  return end;
}

// None if it is not representable: the years 1 to 9999 are what a Timestamp may hold, and
// PostgreSQL takes.
std::optional<absl::Time> TimeOf(const google::protobuf::Timestamp& time) {
  if (time.seconds() < -62135596800 || time.seconds() > 253402300799 || time.nanos() < 0) {
    return std::nullopt;
  }
  return absl::FromUnixMicros(time.seconds() * 1'000'000 + time.nanos() / 1000);
}

template <typename Message>
absl::StatusOr<FireId> FireIdOf(const Message& message) {
  ASSIGN_OR_RETURN(const Uuid id, Uuid::FromBytes(message.fire_id()));
  return FireId{id};
}

QueueState ToQueue(const v1::QueueState& queue) {
  QueueState state;
  state.name = queue.name();
  state.depth = std::max<int64_t>(queue.depth(), 0);
  if (queue.has_in_progress()) state.in_progress = queue.in_progress();
  if (queue.has_workers()) state.workers = queue.workers();
  return state;
}

WorkerState ToWorker(const v1::WorkerState& worker) {
  WorkerState state;
  state.name = worker.name();
  state.queues = {worker.queues().begin(), worker.queues().end()};
  if (worker.has_running()) state.running = worker.running();
  if (worker.has_concurrency()) state.concurrency = worker.concurrency();
  if (worker.has_heartbeat_time()) state.heartbeat = TimeOf(worker.heartbeat_time());
  return state;
}

void CheckLabels(const v1::Hello& hello, std::vector<FieldViolation>& wrong) {
  if (hello.labels_size() > kLabelsMax) {
    wrong.push_back({"hello.labels", absl::StrCat(hello.labels_size(), "; at most ", kLabelsMax)});
    return;
  }
  for (const auto& [key, value] : hello.labels()) {
    const std::string field = absl::StrCat("hello.labels[", Quoted(key), "]");
    std::string fault = CheckKey(key);
    if (!fault.empty()) wrong.push_back({field, absl::StrCat(Quoted(key), " ", fault)});
    fault = CheckText(value, 0, kLabelCharsMax, TextShape::kOneLine);
    if (!fault.empty()) wrong.push_back({field, absl::StrCat(Quoted(value), " ", fault)});
  }
}

}  // namespace

AdapterCapabilities ToCapabilities(const v1::Capabilities& capabilities) {
  AdapterCapabilities result;
  result.effectively_once = capabilities.delivery() == v1::DELIVERY_GUARANTEE_EFFECTIVELY_ONCE;
  result.outcomes = capabilities.outcomes();
  result.outcomes_hint = capabilities.outcomes_hint().substr(0, HintBytes(capabilities));
  result.cancel = capabilities.cancel();
  result.terminate = capabilities.terminate();
  result.priority = capabilities.priority();
  result.expires = capabilities.expires();
  result.lookup = capabilities.lookup();
  result.list_queues = capabilities.list_queues();
  result.list_workers = capabilities.list_workers();
  result.purge = capabilities.purge();
  for (const v1::EngineOption& option : capabilities.options()) {
    result.options.push_back({option.name(), option.type(), option.description()});
  }
  return result;
}

absl::StatusOr<AdapterInfo> ToAdapterInfo(const v1::Hello& hello, absl::Time now) {
  std::vector<FieldViolation> wrong;
  if (!IsEngineName(hello.engine())) {
    wrong.push_back({"hello.engine", "must be 1..50 characters of [a-z0-9_-]"});
  }
  if (hello.instance().empty() || hello.instance().size() > kInstanceCharsMax) {
    wrong.push_back({"hello.instance", absl::StrCat("has ", hello.instance().size(),
                                                    " bytes; must have 1..", kInstanceCharsMax)});
  }
  // It is stored with every fire that the adapter takes.
  const std::string fault = CheckText(hello.instance(), 0, kInstanceCharsMax, TextShape::kOneLine);
  if (!fault.empty()) wrong.push_back({"hello.instance", fault});
  if (hello.queues_size() > kQueuesMax) {
    wrong.push_back({"hello.queues", absl::StrCat(hello.queues_size(), "; at most ", kQueuesMax)});
  }
  if (hello.tasks_size() > kTasksMax) {
    wrong.push_back({"hello.tasks", absl::StrCat(hello.tasks_size(), "; at most ", kTasksMax)});
  }
  if (hello.max_in_flight() < 0 || hello.max_in_flight() > kInFlightPerAdapterMax) {
    wrong.push_back({"hello.max_in_flight",
                     absl::StrCat(hello.max_in_flight(), "; must be 0..", kInFlightPerAdapterMax)});
  }
  CheckLabels(hello, wrong);
  if (!wrong.empty()) return FieldError(std::move(wrong));
  AdapterInfo info;
  info.engine = hello.engine();
  info.instance = hello.instance();
  info.version = hello.version();
  info.engine_version = hello.engine_version();
  info.capabilities = ToCapabilities(hello.capabilities());
  info.queues.assign(hello.queues().begin(), hello.queues().end());
  info.tasks.assign(hello.tasks().begin(), hello.tasks().end());
  info.labels = {hello.labels().begin(), hello.labels().end()};
  if (hello.max_in_flight() > 0) info.max_in_flight = hello.max_in_flight();
  info.connected_at = now;
  return info;
}

std::string EncodeFireRef(const FireKey& key) {
  std::string ref = key.schedule.value.ToBytes();
  const int64_t due_us = absl::ToUnixMicros(key.due_at);
  for (int shift = 56; shift >= 0; shift -= 8) ref += static_cast<char>(due_us >> shift);
  return ref += key.trigger.ToBytes();
}

FireKey DecodeFireRef(const std::string& ref) {
  FireKey key;
  if (ref.size() != kFireRefBytes) return key;
  uint64_t due_us = 0;
  for (int i = 16; i < 24; ++i) due_us = due_us << 8 | static_cast<unsigned char>(ref[i]);
  key.schedule.value = *Uuid::FromBytes(absl::string_view(ref).substr(0, 16));
  key.due_at = absl::FromUnixMicros(static_cast<int64_t>(due_us));
  key.trigger = *Uuid::FromBytes(absl::string_view(ref).substr(24, 16));
  return key;
}

void SetTemplate(const TaskTemplate& task, v1::TaskTemplate* out) {
  out->set_id(task.id);
  out->set_schedule(task.schedule_name);
  out->set_task(task.task);
  out->set_args_json(task.args_json);
  out->set_kwargs_json(task.kwargs_json);
  out->set_queue(task.queue);
  out->set_priority(task.priority);
  if (task.expires > absl::ZeroDuration()) {
    const int64_t seconds = absl::ToInt64Seconds(task.expires);
    out->mutable_expires()->set_seconds(seconds);
    out->mutable_expires()->set_nanos(
        static_cast<int32_t>(absl::ToInt64Nanoseconds(task.expires - absl::Seconds(seconds))));
  }
  for (const auto& [name, value] : task.engine_options)
    (*out->mutable_engine_options())[name] = value;
}

void SetDispatch(const DispatchItem& item, v1::DispatchFire* out) {
  out->set_fire_id(item.id.value.ToBytes());
  out->set_fire_ref(EncodeFireRef(item.key));
  out->set_template_id(item.task->id);
  out->set_due_us(absl::ToUnixMicros(item.key.due_at));
  out->set_attempt(item.attempt);
}

absl::StatusOr<std::vector<DispatchResult>> ToResults(const v1::DispatchResults& results,
                                                      bool* unknown_template) {
  std::vector<DispatchResult> converted;
  converted.reserve(results.results_size());
  for (const v1::DispatchResult& result : results.results()) {
    ASSIGN_OR_RETURN(const FireId id, FireIdOf(result));
    DispatchCode code = DispatchCode::kUnavailable;
    switch (result.code()) {
      case v1::DispatchResult::CODE_ACCEPTED:
        code = DispatchCode::kAccepted;
        break;
      case v1::DispatchResult::CODE_DUPLICATE:
        code = DispatchCode::kDuplicate;
        break;
      case v1::DispatchResult::CODE_REJECTED:
        code = DispatchCode::kRejected;
        break;
      case v1::DispatchResult::CODE_UNKNOWN_TEMPLATE:
        *unknown_template = true;
        break;
      case v1::DispatchResult::CODE_UNAVAILABLE:
        if (result.untried()) code = DispatchCode::kReturned;
        break;
      default:
        return FieldError("results.results.code", "must be one of DispatchResult.Code, not 0");
    }
    converted.push_back({DecodeFireRef(result.fire_ref()), id, code, result.message()});
  }
  return converted;
}

absl::StatusOr<std::vector<Outcome>> ToOutcomes(const v1::Outcomes& outcomes, absl::Time now) {
  std::vector<Outcome> converted;
  converted.reserve(outcomes.outcomes_size());
  for (const v1::Outcome& outcome : outcomes.outcomes()) {
    Outcome& to = converted.emplace_back();
    ASSIGN_OR_RETURN(to.id, FireIdOf(outcome));
    to.key = DecodeFireRef(outcome.fire_ref());
    to.at = outcome.has_time() ? TimeOf(outcome.time()).value_or(now) : now;
    to.error = outcome.error();
    switch (outcome.state()) {
      case v1::Outcome::STATE_RUNNING:
        to.state = FireState::kRunning;
        break;
      case v1::Outcome::STATE_SUCCEEDED:
        to.state = FireState::kSucceeded;
        break;
      case v1::Outcome::STATE_FAILED:
        to.state = FireState::kFailed;
        to.reason = FireReason::kTaskFailed;
        break;
      case v1::Outcome::STATE_CANCELLED:
        to.state = FireState::kCancelled;
        to.reason = FireReason::kUserCancelled;
        break;
      case v1::Outcome::STATE_LOST:
        to.state = FireState::kLost;
        to.reason = FireReason::kWorkerLost;
        break;
      case v1::Outcome::STATE_EXPIRED:
        to.state = FireState::kFailed;
        to.reason = FireReason::kExpiredInQueue;
        break;
      default:
        return FieldError("outcomes.outcomes.state", "must be one of Outcome.State, not 0");
    }
  }
  return converted;
}

void SetQuestion(const AdapterQuestion& question, v1::ControlRequest* out) {
  switch (question.what) {
    case AdapterQuestion::What::kTasks:
      out->mutable_list_tasks();
      return;
    case AdapterQuestion::What::kQueues:
      out->mutable_list_queues();
      return;
    case AdapterQuestion::What::kWorkers:
      out->mutable_list_workers();
      return;
    case AdapterQuestion::What::kPurge:
      out->mutable_purge_queue()->set_queue(question.queue);
      return;
  }
}

absl::StatusOr<AdapterAnswer> ToAnswer(const v1::ControlReply& reply) {
  if (!reply.error().empty()) return absl::UnavailableError(reply.error());
  AdapterAnswer answer;
  answer.tasks = {reply.tasks().begin(), reply.tasks().end()};
  for (const v1::QueueState& queue : reply.queues()) answer.queues.push_back(ToQueue(queue));
  for (const v1::WorkerState& worker : reply.workers()) answer.workers.push_back(ToWorker(worker));
  answer.purged = reply.purged();
  return answer;
}

}  // namespace z4j::scheduler
