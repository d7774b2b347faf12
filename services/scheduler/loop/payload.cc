#include "services/scheduler/loop/payload.h"

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"

namespace z4j::scheduler {
namespace {

// Seven bits a byte, least significant first; the high bit says that more follow.
void PutNumber(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void PutText(absl::string_view text, std::string& out) {
  PutNumber(text.size(), out);
  out.append(text.data(), text.size());
}

void PutDuration(absl::Duration duration, std::string& out) {
  PutNumber(absl::ToInt64Microseconds(duration), out);
}

class Reader {
 public:
  explicit Reader(absl::string_view packed) : rest_(packed) {}

  uint64_t Number() {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  std::string Text() {
    const size_t size = Number();
    std::string text(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return text;
  }
  bool done() const { return rest_.empty(); }
  absl::Duration Duration() { return absl::Microseconds(static_cast<int64_t>(Number())); }

 private:
  absl::string_view rest_;
};

uint64_t TemplateId(const TaskTemplate& task) {
  return absl::HashOf(task.schedule_name, task.task, task.args_json, task.kwargs_json, task.queue,
                      task.priority, task.expires, task.engine_options);
}

}  // namespace

std::string PackPayload(const Schedule& schedule) {
  std::string out;
  PutText(schedule.project, out);
  PutText(schedule.name, out);
  PutText(schedule.engine, out);
  PutText(schedule.task, out);
  PutText(schedule.args_json, out);
  PutText(schedule.kwargs_json, out);
  PutText(schedule.queue, out);
  PutNumber(schedule.priority + 100, out);
  PutDuration(schedule.expires, out);
  PutNumber(schedule.retry.max_attempts, out);
  PutDuration(schedule.retry.initial_backoff, out);
  PutDuration(schedule.retry.max_backoff, out);
  PutNumber(schedule.engine_options.size(), out);
  for (const auto& [name, value] : schedule.engine_options) {
    PutText(name, out);
    PutText(value, out);
  }
  // Few schedules say which adapters they want: the others need no byte for that.
  if (schedule.adapter_labels.empty() && schedule.affinity_key.empty()) return out;
  PutText(schedule.affinity_key, out);
  PutNumber(schedule.adapter_labels.size(), out);
  for (const auto& [name, value] : schedule.adapter_labels) {
    PutText(name, out);
    PutText(value, out);
  }
  return out;
}

ScheduleKey KeyOfPayload(absl::string_view packed) {
  Reader reader(packed);
  ScheduleKey key;
  key.project = reader.Text();
  key.name = reader.Text();
  return key;
}

std::string EngineOfPayload(absl::string_view packed) {
  Reader reader(packed);
  reader.Text();
  reader.Text();
  return reader.Text();
}

std::shared_ptr<const DispatchTarget> TargetOfPayload(absl::string_view packed,
                                                      absl::Duration catch_up_window,
                                                      absl::string_view args_override,
                                                      absl::string_view kwargs_override) {
  Reader reader(packed);
  auto target = std::make_shared<DispatchTarget>();
  auto task = std::make_shared<TaskTemplate>();
  const std::string project = reader.Text();
  task->schedule_name = absl::StrCat("projects/", project, "/schedules/", reader.Text());
  target->engine = reader.Text();
  task->task = reader.Text();
  task->args_json = reader.Text();
  task->kwargs_json = reader.Text();
  if (!args_override.empty()) task->args_json = std::string(args_override);
  if (!kwargs_override.empty()) task->kwargs_json = std::string(kwargs_override);
  task->queue = reader.Text();
  task->priority = static_cast<int>(reader.Number()) - 100;
  task->expires = reader.Duration();
  target->retry.max_attempts = static_cast<int>(reader.Number());
  target->retry.initial_backoff = reader.Duration();
  target->retry.max_backoff = reader.Duration();
  for (uint64_t left = reader.Number(); left > 0; --left) {
    std::string name = reader.Text();
    task->engine_options[std::move(name)] = reader.Text();
  }
  if (!reader.done()) {
    target->affinity_slot = AffinitySlot(reader.Text());
    for (uint64_t left = reader.Number(); left > 0; --left) {
      std::string name = reader.Text();
      target->labels[std::move(name)] = reader.Text();
    }
  }
  task->id = TemplateId(*task);
  target->task = std::move(task);
  target->catch_up_window = catch_up_window;
  return target;
}

}  // namespace z4j::scheduler
