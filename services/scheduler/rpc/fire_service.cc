#include "services/scheduler/rpc/fire_service.h"

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/core/run_retry.h"
#include "services/scheduler/rpc/answer.h"
#include "services/scheduler/rpc/fire_notes.h"
#include "services/scheduler/rpc/fire_watch.h"
#include "services/scheduler/rpc/names.h"
#include "services/scheduler/rpc/paging.h"
#include "services/scheduler/rpc/requests.h"
#include "services/scheduler/rpc/unary.h"

namespace z4j::scheduler {
namespace {

// The fire that `name` names; NOT_FOUND also if it is one of another schedule.
absl::StatusOr<NamedFire> FindFire(ScheduleStore& store, const std::string& text) {
  ASSIGN_OR_RETURN(const FireName name, ParseFireName(text, "name"));
  ASSIGN_OR_RETURN(NamedFire named, store.GetFire(name.id));
  const auto is = [](const std::string& asked, const std::string& found) {
    return asked == "-" || asked == found;
  };
  if (!is(name.schedule.project, named.schedule.project) ||
      !is(name.schedule.name, named.schedule.name)) {
    return absl::NotFoundError(absl::StrCat("there is no fire ", text));
  }
  return named;
}

// Narrows `query` to one schedule, unless its name is "-".
absl::Status NarrowTo(const ScheduleKey& key, ScheduleStore& store, FireQuery& query) {
  if (key.name == "-") return absl::OkStatus();
  ASSIGN_OR_RETURN(const StoredSchedule stored, store.GetSchedule(key));
  query.schedule = stored.schedule.id;
  return absl::OkStatus();
}

// The fire with what is to be said of it now.
void Show(NamedFire named, FireNotes& notes, v1::Fire* out) {
  notes.SetWaitReason(named);
  SetFire(named.fire, named.schedule, out);
  out->set_outcome_note(notes.OutcomeNote(named));
}

// A source that looks the schedule up when it is first read, so that no callback thread does.
class NamedFireWatch final : public WatchSource<v1::WatchFiresResponse> {
 public:
  NamedFireWatch(RpcContext& rpc, ScheduleKey key, FireQuery query, std::string resume_token)
      : rpc_(rpc),
        key_(std::move(key)),
        query_(std::move(query)),
        resume_token_(std::move(resume_token)) {}

  absl::StatusOr<bool> Next(v1::WatchFiresResponse* out) override {
    if (watch_ == nullptr) {
      RETURN_IF_ERROR(NarrowTo(key_, rpc_.store, query_));
      watch_ = std::make_unique<FireWatch>(rpc_, query_, resume_token_);
    }
    return watch_->Next(out);
  }

 private:
  RpcContext& rpc_;
  const ScheduleKey key_;
  FireQuery query_;
  const std::string resume_token_;
  std::unique_ptr<FireWatch> watch_;
};

}  // namespace

FireServiceImpl::Reactor* FireServiceImpl::GetFire(Context* context,
                                                   const v1::GetFireRequest* request,
                                                   v1::GetFireResponse* response) {
  return AnswerOnPool(rpc_, context, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(NamedFire named, FindFire(rpc_.store, request->name()));
    FireNotes notes(rpc_.store, rpc_.cluster, rpc_.clock.Now());
    Show(std::move(named), notes, response->mutable_fire());
    return absl::OkStatus();
  });
}

FireServiceImpl::Reactor* FireServiceImpl::ListFires(Context* context,
                                                     const v1::ListFiresRequest* request,
                                                     v1::ListFiresResponse* response) {
  return AnswerOnPool(rpc_, context, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(FireListing listing, ParseFireList(*request));
    RETURN_IF_ERROR(NarrowTo(listing.schedule, rpc_.store, listing.query));
    AnswerRoom room;
    FireNotes notes(rpc_.store, rpc_.cluster, rpc_.clock.Now());
    ASSIGN_OR_RETURN(
        const std::string next,
        ReadPage(
            listing.query, [this](const FireQuery& part) { return rpc_.store.ListFires(part); },
            [&](NamedFire& named) {
              Show(std::move(named), notes, response->add_fires());
              return room.KeepLast(response->mutable_fires());
            }));
    response->set_next_page_token(MakePageToken(*request, next));
    return absl::OkStatus();
  });
}

FireServiceImpl::Reactor* FireServiceImpl::CancelFire(Context* context,
                                                      const v1::CancelFireRequest* request,
                                                      v1::CancelFireResponse* response) {
  return AnswerOnPool(rpc_, context, [this, context, request, response] {
    return Cancel(*request, *context, response);
  });
}

absl::Status FireServiceImpl::Cancel(const v1::CancelFireRequest& request, const Context& context,
                                     v1::CancelFireResponse* response) {
  ASSIGN_OR_RETURN(NamedFire named, FindFire(rpc_.store, request.name()));
  const FireState before = named.fire.state;
  if (IsFinal(before) && before != FireState::kCancelled) {
    return absl::FailedPreconditionError(
        absl::StrCat("the fire has ended: ", v1::Fire::State_Name(static_cast<int>(before))));
  }
  if (before != FireState::kCancelled) {  // Otherwise it is done already.
    Mutation mutation{z4j::scheduler::CancelFire{named.fire.key, named.fire.id, named.schedule},
                      CallerOf(context), request.request_id()};
    RETURN_IF_ERROR(rpc_.committer.Run(std::move(mutation)).status());
    // Its row may be CANCELLED while an adapter has just taken it.
    const auto schedule = rpc_.store.GetSchedule(named.schedule);
    rpc_.cluster.CancelFire(schedule.ok() ? schedule->schedule.engine : "", named.fire,
                            request.terminate());
    ASSIGN_OR_RETURN(named, rpc_.store.GetFire(named.fire.id));
  }
  FireNotes notes(rpc_.store, rpc_.cluster, rpc_.clock.Now());
  Show(std::move(named), notes, response->mutable_fire());
  return absl::OkStatus();
}

FireServiceImpl::Reactor* FireServiceImpl::RetryFire(Context* context,
                                                     const v1::RetryFireRequest* request,
                                                     v1::RetryFireResponse* response) {
  return AnswerOnPool(rpc_, context, [this, context, request, response] {
    return Retry(*request, *context, response);
  });
}

absl::Status FireServiceImpl::Retry(const v1::RetryFireRequest& request, const Context& context,
                                    v1::RetryFireResponse* response) {
  ASSIGN_OR_RETURN(const NamedFire named, FindFire(rpc_.store, request.name()));
  z4j::scheduler::RetryFire retry{named.fire, named.schedule, {}};
  const FireId next = RetryOf(named.fire, rpc_.clock.Now(), rpc_.clock.Now()).id;
  const auto repeated = rpc_.store.GetFire(next);
  if (repeated.ok()) {
    retry.repeated_by = next;
  } else if (!absl::IsNotFound(repeated.status())) {
    return repeated.status();
  }
  Mutation mutation{std::move(retry), CallerOf(context), request.request_id()};
  ASSIGN_OR_RETURN(const MutationResult result, rpc_.committer.Run(std::move(mutation)));
  SetFire(*result.fire, named.schedule, response->mutable_fire());
  return absl::OkStatus();
}

grpc::ServerWriteReactor<v1::WatchFiresResponse>* FireServiceImpl::WatchFires(
    Context*, const v1::WatchFiresRequest* request) {
  using Stream = WatchStream<v1::WatchFiresResponse>;
  const absl::StatusOr<ScheduleKey> key = ParseScheduleName(request->parent(), "parent");
  if (!key.ok()) return Stream::Refuse(key.status());
  FireQuery query;
  query.project = key->project;
  if (request->resume_token().empty()) query.from = rpc_.clock.Now();
  Faults faults;
  if (request->has_from_time()) query.from = ToTime(request->from_time(), "from_time", faults);
  if (!faults.empty()) return Stream::Refuse(FieldError(std::move(faults)));
  return Stream::Open(rpc_,
                      std::make_unique<NamedFireWatch>(rpc_, *key, query, request->resume_token()));
}

}  // namespace z4j::scheduler
