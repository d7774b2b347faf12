#include "services/consensus/cli/text.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace z4j::consensus {

std::string RoleText(v1::NodeRole role) {
  switch (role) {
    case v1::NODE_ROLE_FOLLOWER:
      return "follower";
    case v1::NODE_ROLE_CANDIDATE:
      return "candidate";
    case v1::NODE_ROLE_LEADER:
      return "leader";
    case v1::NODE_ROLE_LEARNER:
      return "learner";
    default:
      return "unknown";
  }
}

std::string RoleText(v1::MemberRole role) {
  switch (role) {
    case v1::MEMBER_ROLE_VOTER:
      return "voter";
    case v1::MEMBER_ROLE_LEARNER:
      return "learner";
    case v1::MEMBER_ROLE_LEAVING:
      return "leaving";
    default:
      return "unknown";
  }
}

std::string NumberText(uint64_t number) {
  return absl::StrCat(absl::Hex(number, absl::kZeroPad16));
}

std::string NodeText(uint64_t node) { return node == 0 ? "none" : absl::StrCat(node); }

std::string DurationText(const google::protobuf::Duration& duration) {
  return absl::FormatDuration(absl::Seconds(duration.seconds()) +
                              absl::Nanoseconds(duration.nanos()));
}

}  // namespace z4j::consensus
