// How operators change the members of the consensus that the schedulers form; see server.h.
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/scheduler/embedded_consensus.h"
#include "services/scheduler/mutate/committer.h"
#include "services/scheduler/server.h"

namespace z4j::scheduler {

absl::StatusOr<std::vector<ConsensusPeerState>> Server::Members() {
  if (!config_.consensus_endpoints.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the consensus is elsewhere; see and change its members there: z4j-consensus "
                     "members|add|promote|remove --server ",
                     absl::StrJoin(config_.consensus_endpoints, ",")));
  }
  if (consensus_ == nullptr) {
    return absl::FailedPreconditionError(
        "these schedulers form no consensus (--election is not raft), so there are no members to "
        "see or change");
  }
  const std::optional<ConsensusState> state = consensus_->State();
  if (!state.has_value()) return absl::FailedPreconditionError("the consensus does not run");
  return state->peers;
}

absl::StatusOr<std::vector<ConsensusPeerState>> Server::ChangeMembers(const MemberWish& wish,
                                                                      const Caller& caller) {
  RETURN_IF_ERROR(Members().status());
  // Two that are judged by the same view of the cluster could together do what neither may.
  if (changing_members_.exchange(true)) {
    return absl::FailedPreconditionError("another change of the members is under way; try again");
  }
  std::optional<RecordClusterChange> recorded;
  const absl::Status status = consensus_->ChangeMembers(
      wish, clock_.MonoNow() + kMembersChangeMax, [&](const RecordClusterChange& change) {
        LogInfo(
            "changing the members",
            {{"action", change.action}, {"resource", change.resource}, {"actor", caller.actor}});
        const absl::Status written = Audit(change, caller);
        if (written.ok()) recorded = change;
        return written;
      });
  changing_members_ = false;
  if (!status.ok() && recorded.has_value()) AuditFailure(*recorded, status, caller);
  RETURN_IF_ERROR(status);
  return Members();
}

absl::Status Server::Audit(const RecordClusterChange& change, const Caller& caller) {
  Mutation mutation;
  mutation.action = change;
  mutation.caller = caller;
  return committer_->Run(std::move(mutation)).status();
}

void Server::AuditFailure(const RecordClusterChange& change, const absl::Status& why,
                          const Caller& caller) {
  RecordClusterChange failure;
  failure.action = absl::StrCat(change.action, ".failed");
  failure.resource = change.resource;
  failure.after = nlohmann::json({{"made", absl::IsUnavailable(why) ? "unknown" : "no"},
                                  {"why", std::string(why.message())}})
                      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const absl::Status written = Audit(failure, caller);
  if (written.ok()) return;
  LogError("the audit log holds a change of the members that was not made",
           {{"action", change.action}, {"resource", change.resource}, {"why", why.ToString()}});
}

}  // namespace z4j::scheduler
