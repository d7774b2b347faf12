#include "services/consensus/server/beginning.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace z4j::consensus {
namespace {

// A member that lags may not have heard yet of what was changed.
const KnownCluster& Newest(const std::vector<KnownCluster>& answers) {
  return *std::max_element(answers.begin(), answers.end(), [](const auto& a, const auto& b) {
    return std::tie(a.term, a.revision) < std::tie(b.term, b.revision);
  });
}

}  // namespace

absl::StatusOr<Beginning> BeginningOf(NodeId id, const std::optional<Beginning>& founding,
                                      const std::vector<KnownCluster>& answers,
                                      const MemberVerbs& verbs) {
  if (answers.empty()) return *founding;
  const KnownCluster& runs = Newest(answers);
  const auto known = runs.members.find(id);
  if (known == runs.members.end()) {
    if (!founding.has_value()) return Beginning{runs.cluster, Config{}};
    return absl::FailedPreconditionError(absl::StrCat(
        "a cluster runs already (", runs.address, " answers), and ", verbs.name,
        " is none of its members: run '", verbs.add, "' there, and start this one again"));
  }
  if (known->second.incarnation.value != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the folder of ", verbs.name, " is new, but the cluster (", runs.address,
        " answers) knows it by another one: its disk was lost, or this is the wrong folder.  What "
        "has forgotten its votes must not vote again: run '",
        verbs.remove, "' and '", verbs.add, "' on a node that runs, and start this one again"));
  }
  // Added, and not met yet.
  if (!founding.has_value() || !known->second.votes) return Beginning{runs.cluster, Config{}};
  if (founding->cluster == runs.cluster) return *founding;
  return absl::FailedPreconditionError(
      absl::StrCat(runs.address,
                   " belongs to another cluster than the members given here found; "
                   "start all nodes with the same list"));
}

}  // namespace z4j::consensus
