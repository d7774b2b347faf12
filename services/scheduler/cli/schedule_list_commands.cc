#include <csignal>
#include <memory>

#include "services/base/cli/output.h"
#include "services/base/grpc_status.h"
#include "services/base/status_macros.h"
#include "services/scheduler/cli/client.h"
#include "services/scheduler/cli/commands.h"
#include "services/scheduler/cli/schedule_text.h"
#include "services/scheduler/cli/values.h"
#include "z4j/scheduler/v1/schedule_service.grpc.pb.h"

namespace z4j::scheduler {
namespace {

constexpr int kPageSize = 1000;

struct ListVerbs {
  ClientOptions* options = nullptr;
  std::string state, engine, kind, prefix, source, order_by;
  std::vector<std::string> labels;
  int limit = 100;
  int64_t after_revision = 0;
};

absl::Status FillFilter(const ListVerbs& verbs, v1::ScheduleFilter& filter) {
  if (!verbs.state.empty()) {
    ASSIGN_OR_RETURN(const int state,
                     ParseEnum("--state", verbs.state, *v1::Schedule::State_descriptor()));
    filter.set_state(static_cast<v1::Schedule::State>(state));
  }
  if (!verbs.kind.empty()) {
    ASSIGN_OR_RETURN(const int kind, ParseEnum("--kind", verbs.kind, *v1::SpecKind_descriptor()));
    filter.set_kind(static_cast<v1::SpecKind>(kind));
  }
  ASSIGN_OR_RETURN(const auto labels, ParsePairs("--label", verbs.labels));
  filter.mutable_labels()->insert(labels.begin(), labels.end());
  filter.set_engine(verbs.engine);
  filter.set_name_prefix(verbs.prefix);
  filter.set_source_kind(verbs.source);
  return absl::OkStatus();
}

absl::Status List(ListVerbs& verbs) {
  v1::ListSchedulesRequest request;
  request.set_parent(ParentName(*verbs.options));
  request.set_order_by(verbs.order_by);
  RETURN_IF_ERROR(FillFilter(verbs, *request.mutable_filter()));
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::ScheduleService>(*verbs.options));
  std::vector<v1::Schedule> schedules;
  do {
    request.set_page_size(std::min<int>(kPageSize, verbs.limit - schedules.size()));
    v1::ListSchedulesResponse response;
    RETURN_IF_ERROR(Invoke(*verbs.options, [&](grpc::ClientContext& context) {
      return stub->ListSchedules(&context, request, &response);
    }));
    for (auto& schedule : *response.mutable_schedules()) schedules.push_back(std::move(schedule));
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty() && int(schedules.size()) < verbs.limit);
  std::vector<const google::protobuf::Message*> messages;
  std::vector<Row> rows;
  for (const v1::Schedule& schedule : schedules) {
    messages.push_back(&schedule);
    rows.push_back(ScheduleRow(schedule));
  }
  PrintMany(*verbs.options, messages, ScheduleHeader(), rows);
  return absl::OkStatus();
}

absl::Status Watch(ListVerbs& verbs) {
  v1::WatchSchedulesRequest request;
  request.set_parent(ParentName(*verbs.options));
  request.set_after_revision(verbs.after_revision);
  RETURN_IF_ERROR(FillFilter(verbs, *request.mutable_filter()));
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::ScheduleService>(*verbs.options));
  grpc::ClientContext context;
  const auto reader = stub->WatchSchedules(&context, request);
  v1::WatchSchedulesResponse response;
  while (reader->Read(&response)) {
    for (const v1::ScheduleEvent& event : response.events()) {
      Row row = event.has_schedule() ? ScheduleRow(event.schedule())
                                     : Row{IdIn(event.name(), "schedules")};
      row.insert(row.begin(), event.type() == v1::ScheduleEvent::TYPE_REMOVED ? "-" : "+");
      row.push_back(event.action());
      PrintEvent(*verbs.options, event, row);
    }
  }
  return FromGrpcStatus(reader->Finish());
}

}  // namespace

void AddScheduleListCommands(CLI::App& group, ClientOptions& options, int& exit_code) {
  const auto verbs = std::make_shared<ListVerbs>();
  verbs->options = &options;
  CLI::App* list = group.add_subcommand("list", "Lists schedules");
  list->add_option("--order-by", verbs->order_by,
                   "name (default), create_time, update_time; 'desc'");
  list->add_option("--limit", verbs->limit, "At most so many")->capture_default_str();
  list->callback([verbs, &exit_code] { exit_code = Finish([&] { return List(*verbs); }); });
  CLI::App* watch = group.add_subcommand("watch", "Prints schedules, then each change as it comes");
  watch->add_option("--after-revision", verbs->after_revision, "Go on after this revision");
  watch->callback([verbs, &exit_code] { exit_code = Finish([&] { return Watch(*verbs); }); });
  for (CLI::App* verb : {list, watch}) {
    verb->add_option("--state", verbs->state, "enabled, paused, shadow, finished or quarantined");
    verb->add_option("--engine", verbs->engine, "Only this engine's");
    verb->add_option("--kind", verbs->kind, "cron, interval, one-shot or solar");
    verb->add_option("--prefix", verbs->prefix, "Only names that begin so");
    verb->add_option("--source", verbs->source, "Only what was imported from it: celery, cron, …");
    verb->add_option("--label", verbs->labels, "Only with this label, key=value; repeatable");
  }
}

}  // namespace z4j::scheduler
