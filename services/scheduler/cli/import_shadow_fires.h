#ifndef Z4J_SCHEDULER_CLI_IMPORT_SHADOW_FIRES_H_
#define Z4J_SCHEDULER_CLI_IMPORT_SHADOW_FIRES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "services/scheduler/cli/import_shadow.h"
#include "z4j/scheduler/v1/fire.grpc.pb.h"

namespace z4j::scheduler {

// The schedules of a shadow run, and the due times that they record.
class ShadowFires {
 public:
  // FAILED_PRECONDITION, with what to do, if none of the schedules chosen is in shadow.
  static absl::StatusOr<ShadowFires> Of(const ClientOptions& options, const ShadowOptions& shadow);

  // Adds what is stored of due times in [from, to).
  absl::Status Fetch(const ClientOptions& options, absl::Time from, absl::Time to);

  const std::vector<ShadowSchedule>& schedules() const { return schedules_; }
  const std::vector<ShadowFire>& fires() const { return fires_; }
  // Spans whose due times are recorded as a count alone.
  const std::vector<TimeSpan>& counted() const { return counted_; }
  absl::Duration reach_max() const { return reach_max_; }

 private:
  void Add(const v1::Fire& fire);

  std::unique_ptr<v1::FireService::Stub> stub_;
  std::vector<ShadowSchedule> schedules_;
  absl::flat_hash_map<std::string, int> by_uid_;
  absl::flat_hash_set<std::string> known_;  // Uids of the fires.
  std::vector<ShadowFire> fires_;
  std::vector<TimeSpan> counted_;
  absl::Duration reach_max_;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_IMPORT_SHADOW_FIRES_H_
