#include "services/consensus/raft/membership.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/consensus/limits.h"

namespace z4j::consensus {
namespace {

void MergeMember(Member& known, const Member& given) {
  if (!given.address.empty()) known.address = given.address;
  if (given.incarnation.value != 0) known.incarnation = given.incarnation;
}

void Remove(Config& config, NodeId id) {
  config.voters.erase(id);
  config.learners.erase(id);
  config.learners_next.erase(id);
  // It still decides in the old majority and must go on receiving the log.
  if (!config.outgoing.contains(id)) config.members.erase(id);
}

void MakeVoter(Config& config, NodeId id) {
  config.learners.erase(id);
  config.learners_next.erase(id);
  config.voters.insert(id);
}

void MakeLearner(Config& config, NodeId id) {
  if (config.learners.contains(id)) return;
  config.voters.erase(id);
  // One who votes in the old majority cannot be a learner at the same time; it becomes one when
  // the joint phase is left.
  (config.outgoing.contains(id) ? config.learners_next : config.learners).insert(id);
}

absl::Status ApplySteps(Config& config, const std::vector<ConfigStep>& steps) {
  for (const ConfigStep& step : steps) {
    if (!step.id) continue;
    const bool adds =
        step.kind == ConfigStep::Kind::kAddVoter || step.kind == ConfigStep::Kind::kAddLearner;
    if (adds || config.IsMember(step.id)) MergeMember(config.members[step.id], step.member);
    switch (step.kind) {
      case ConfigStep::Kind::kAddVoter:
        MakeVoter(config, step.id);
        break;
      case ConfigStep::Kind::kAddLearner:
        MakeLearner(config, step.id);
        break;
      case ConfigStep::Kind::kRemove:
        Remove(config, step.id);
        break;
      case ConfigStep::Kind::kUpdate:
        break;
    }
  }
  if (config.voters.empty()) return FieldError("change", "removes all voters; keep at least one");
  return CheckConfig(config);
}

size_t VotersChanged(const Config& before, const Config& after) {
  std::vector<NodeId> changed;
  std::set_symmetric_difference(before.voters.begin(), before.voters.end(), after.voters.begin(),
                                after.voters.end(), std::back_inserter(changed));
  return changed.size();
}

// What an operator's change must keep beyond the three moves' own rules.
absl::Status CheckSteps(const Config& config, const std::vector<ConfigStep>& steps) {
  for (const ConfigStep& step : steps) {
    if (!step.id) return FieldError("change.steps.id", "is 0; members are numbered from 1");
    const auto member = config.members.find(step.id);
    const bool known = member != config.members.end();
    const bool needs_member =
        step.kind == ConfigStep::Kind::kRemove || step.kind == ConfigStep::Kind::kUpdate;
    if (needs_member && !known) {
      return FieldError("change.steps.id", absl::StrCat(step.id.value, " is not a member"));
    }
    if (step.kind == ConfigStep::Kind::kRemove) continue;
    const Incarnation given = step.member.incarnation;
    if (known && given.value != 0 && member->second.incarnation.value != 0 &&
        given != member->second.incarnation) {
      return FieldError("change.steps.member.incarnation",
                        absl::StrCat("of member ", step.id.value,
                                     " would change; remove the member, then add it again"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Config> SimpleChange(const Config& config, const std::vector<ConfigStep>& steps) {
  if (config.joint()) {
    return absl::FailedPreconditionError("no simple change while the configuration is joint");
  }
  Config next = config;
  RETURN_IF_ERROR(ApplySteps(next, steps));
  if (VotersChanged(config, next) > 1) {
    return FieldError("change", "changes more than one voter; that needs a joint configuration");
  }
  return next;
}

absl::StatusOr<Config> EnterJoint(const Config& config, const std::vector<ConfigStep>& steps,
                                  bool auto_leave) {
  if (config.joint()) return absl::FailedPreconditionError("the configuration is joint already");
  if (config.voters.empty()) {
    return FieldError("change", "a configuration without voters cannot become joint");
  }
  Config next = config;
  next.outgoing = config.voters;
  RETURN_IF_ERROR(ApplySteps(next, steps));
  next.auto_leave = auto_leave;
  return next;
}

absl::StatusOr<Config> LeaveJoint(const Config& config) {
  if (!config.joint()) return absl::FailedPreconditionError("the configuration is not joint");
  Config next = config;
  next.learners.insert(next.learners_next.begin(), next.learners_next.end());
  next.learners_next.clear();
  next.outgoing.clear();
  next.auto_leave = false;
  for (NodeId id : config.outgoing) {
    if (!next.voters.contains(id) && !next.learners.contains(id)) next.members.erase(id);
  }
  RETURN_IF_ERROR(CheckConfig(next));
  return next;
}

absl::StatusOr<Config> ChangeConfig(const Config& config, const ConfigChange& change) {
  if (change.steps.empty()) return LeaveJoint(config);
  RETURN_IF_ERROR(CheckSteps(config, change.steps));
  ASSIGN_OR_RETURN(Config next, EnterJoint(config, change.steps, /*auto_leave=*/true));
  if (VotersChanged(config, next) <= 1) {
    ASSIGN_OR_RETURN(next, SimpleChange(config, change.steps));
  }
  // The members of a joint phase include those on their way out.
  if (next.voters.size() + next.learners.size() + next.learners_next.size() > kMembersMax) {
    return FieldError("change", absl::StrCat("leads to more than ", kMembersMax, " members"));
  }
  return next;
}

absl::Status CheckConfig(const Config& config) {
  const auto bad = [](absl::string_view what) { return FieldError("config", what); };
  for (const auto& [id, member] : config.members) {
    if (!id) return bad("has a member 0");
    const bool votes = config.IsVoter(id);
    const bool learns = config.learners.contains(id);
    if (!votes && !learns) return bad("has a member that is in no set");
    if (votes && learns) return bad("has a learner that votes");
    if (config.learners_next.contains(id) &&
        (!config.outgoing.contains(id) || config.voters.contains(id))) {
      return bad("has a future learner that does not vote in the old majority alone");
    }
  }
  for (const std::set<NodeId>* set :
       {&config.voters, &config.outgoing, &config.learners, &config.learners_next}) {
    for (NodeId id : *set) {
      if (!config.IsMember(id)) return bad("names a node that is no member");
    }
  }
  if (!config.joint() && (!config.learners_next.empty() || config.auto_leave)) {
    return bad("is not joint and yet prepares to leave a joint phase");
  }
  return absl::OkStatus();
}

}  // namespace z4j::consensus
