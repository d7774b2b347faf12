#include "services/scheduler/cli/client.h"

#include <pwd.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/uuid.h"

namespace z4j::scheduler {
namespace {

std::string LoginName() {
  const passwd* user = getpwuid(geteuid());
  return user != nullptr ? user->pw_name : "unknown";
}

}  // namespace

void AddClientOptions(CLI::App& group, ClientOptions& options) {
  options.actor = absl::StrCat("cli:", LoginName());
  const std::string prefix = "Z4J_SCHEDULER_";
  group.add_option("-p,--project", options.project, "Project of schedules given by short name")
      ->envname(prefix + "PROJECT")
      ->capture_default_str();
  group.add_option("--actor", options.actor, "Who the audit log names")
      ->envname(prefix + "ACTOR")
      ->capture_default_str();
  AddConnectionOptions(group, options, prefix, "Address of a scheduler node");
}

absl::Status Invoke(const ClientOptions& options,
                    absl::FunctionRef<grpc::Status(grpc::ClientContext&)> call) {
  grpc::ClientContext context;
  SetDeadline(options, context);
  context.AddMetadata("z4j-actor", options.actor);
  return StatusOfCall(
      call(context),
      absl::StrCat("no scheduler answers at ", options.server,
                   "; start one with 'z4j-scheduler serve' or name another with --server"));
}

std::string ScheduleName(const ClientOptions& options, const std::string& name) {
  if (absl::StartsWith(name, "projects/")) return name;
  return absl::StrCat(ParentName(options), "/schedules/", name);
}

std::string ParentName(const ClientOptions& options) {
  return absl::StrCat("projects/", options.project);
}

std::string NewRequestId() { return Uuid::Random().ToString(); }

}  // namespace z4j::scheduler
