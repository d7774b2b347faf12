#include "services/scheduler/rpc/purge_call.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/field_error.h"
#include "services/base/grpc_status.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/text_rules.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/convert.h"

namespace z4j::scheduler {
namespace {

std::string JsonText(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void PurgeCall::Start(RpcContext& rpc, const PurgeTokens& tokens,
                      const v1::PurgeQueueRequest& request, Caller caller,
                      v1::PurgeQueueResponse* response, grpc::ServerUnaryReactor* reactor) {
  std::shared_ptr<PurgeCall> call(new PurgeCall(rpc, tokens, std::move(caller), response, reactor));
  if (absl::Status status = call->Parse(request); !status.ok()) return call->Finish(status);
  call->Look();
}

absl::Status PurgeCall::Parse(const v1::PurgeQueueRequest& request) {
  const std::vector<AdapterStatus> adapters = rpc_.cluster.Adapters();
  ASSIGN_OR_RETURN(const std::vector<std::string> instances,
                   InstancesMeant(adapters, request.engine(), request.instance()));
  if (instances.size() > 1) {
    return FieldError("instance",
                      absl::StrCat("is required, as ", request.engine(), " has ", instances.size(),
                                   ": ", absl::StrJoin(instances, ", ")));
  }
  const std::string fault = CheckText(request.queue(), 1, kNameCharsMax, TextShape::kOneLine);
  if (!fault.empty()) {
    return FieldError("queue", absl::StrCat(Quoted(request.queue()), " ", fault));
  }
  place_ = {request.engine(), instances.front(), request.queue()};
  for (const AdapterStatus& adapter : adapters) {
    if (adapter.info.engine != place_.engine || adapter.info.instance != place_.instance) continue;
    // Whoever cannot be told what would go, or have it done, gets no token either.
    for (const auto what : {AdapterQuestion::What::kPurge, AdapterQuestion::What::kQueues}) {
      RETURN_IF_ERROR(CheckCan(adapter.info.capabilities, {what, ""}));
    }
  }
  confirmed_ = !request.confirm_token().empty();
  if (!confirmed_) return absl::OkStatus();
  return tokens_.Check(request.confirm_token(), place_, rpc_.clock.MonoNow());
}

void PurgeCall::Look() { Ask({AdapterQuestion::What::kQueues, ""}, &PurgeCall::Looked); }

void PurgeCall::Looked(const absl::StatusOr<AdapterAnswer>& answer) {
  if (!answer.ok()) return Finish(answer.status());
  const auto queue = std::find_if(answer->queues.begin(), answer->queues.end(),
                                  [&](const QueueState& q) { return q.name == place_.queue; });
  if (queue == answer->queues.end()) {
    const std::string known =
        absl::StrJoin(answer->queues, ", ",
                      [](std::string* out, const QueueState& q) { out->append(Quoted(q.name)); });
    return Finish(absl::NotFoundError(
        absl::StrCat("instance ", place_.instance, " sees no queue ", Quoted(place_.queue),
                     known.empty() ? "; it sees none" : "; it sees: ", known)));
  }
  depth_ = queue->depth;
  if (confirmed_) return Announce();
  response_->set_depth(depth_);
  response_->set_confirm_token(tokens_.Make(place_, rpc_.clock.MonoNow()));
  SetDuration(kPurgeTokenTtl, response_->mutable_confirm_ttl());
  Finish(absl::OkStatus());
}

void PurgeCall::Announce() {
  rpc_.committer.Submit(Entry("engine.purge.begin", ""),
                        [self = shared_from_this()](Committer::Result written) {
                          self->rpc_.pool.Post([self, status = written.status()] {
                            if (!status.ok()) return self->Finish(status);
                            self->Purge();
                          });
                        });
}

void PurgeCall::Purge() {
  LogInfo("purging a queue", {{"engine", place_.engine},
                              {"instance", place_.instance},
                              {"queue", place_.queue},
                              {"actor", caller_.actor}});
  Ask({AdapterQuestion::What::kPurge, place_.queue}, &PurgeCall::Ended);
}

void PurgeCall::Ended(const absl::StatusOr<AdapterAnswer>& answer) {
  const absl::Status& status = answer.status();
  Mutation entry = answer.ok()
                       ? Entry("engine.purge", JsonText({{"purged", answer->purged}}))
                       : Entry("engine.purge.failed",
                               JsonText({{"made", absl::IsUnavailable(status) ? "unknown" : "no"},
                                         {"why", std::string(status.message())}}));
  if (answer.ok()) response_->set_purged(answer->purged);
  auto written = [self = shared_from_this(), status](const Committer::Result& result) {
    if (!result.ok()) {
      LogError("the audit log says that a purge began, and not what came of it",
               {{"queue", self->place_.queue},
                {"purged", absl::StrCat(self->response_->purged())},
                {"purge", status.ToString()},
                {"why", result.status().ToString()}});
    }
    self->rpc_.pool.Post([self, status] { self->Finish(status); });
  };
  rpc_.committer.Submit(std::move(entry), std::move(written));
}

void PurgeCall::Ask(const AdapterQuestion& question,
                    void (PurgeCall::*next)(const absl::StatusOr<AdapterAnswer>&)) {
  AskInstances(rpc_, place_.engine, {place_.instance}, question,
               [self = shared_from_this(), next](const auto& answers) {
                 if (!answers.ok()) return (self.get()->*next)(answers.status());
                 (self.get()->*next)(answers->front().answer);
               });
}

Mutation PurgeCall::Entry(const std::string& action, const std::string& after) const {
  RecordClusterChange change;
  change.action = action;
  change.resource = absl::StrCat("engines/", place_.engine, "/queues/", place_.queue);
  change.before = JsonText({{"instance", place_.instance}, {"depth", depth_}});
  change.after = after;
  Mutation mutation;
  mutation.action = std::move(change);
  mutation.caller = caller_;
  return mutation;
}

void PurgeCall::Finish(const absl::Status& status) { reactor_->Finish(ToGrpcStatus(status)); }

}  // namespace z4j::scheduler
