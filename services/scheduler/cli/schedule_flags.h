#ifndef Z4J_SCHEDULER_CLI_SCHEDULE_FLAGS_H_
#define Z4J_SCHEDULER_CLI_SCHEDULE_FLAGS_H_

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "z4j/scheduler/v1/schedule.pb.h"

namespace z4j::scheduler {

// The flags that describe a schedule, shared by create, update and preview.
class ScheduleFlags {
 public:
  // Adds the flags for when it fires to `verb`, and all others unless `spec_only`.
  void AddTo(CLI::App& verb, bool spec_only);

  // Writes what was given on the command line into `schedule`, and the path of each field written
  // into `mask` (for UpdateSchedule).  INVALID_ARGUMENT naming the flag.
  absl::Status Fill(absl::Time now, v1::Schedule& schedule, std::vector<std::string>& mask) const;

 private:
  bool Given(const std::string& flag) const { return verb_->count(flag) > 0; }

  CLI::App* verb_ = nullptr;
  std::map<std::string, std::string> texts_;  // By flag.
  std::vector<std::string> options_, adapter_labels_, labels_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_SCHEDULE_FLAGS_H_
