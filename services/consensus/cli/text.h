#ifndef Z4J_CONSENSUS_CLI_TEXT_H_
#define Z4J_CONSENSUS_CLI_TEXT_H_

#include <cstdint>
#include <string>

#include "google/protobuf/duration.pb.h"
#include "z4j/consensus/v1/cluster.pb.h"

// Values as the tables have them.
namespace z4j::consensus {

std::string RoleText(v1::NodeRole role);    // "leader"
std::string RoleText(v1::MemberRole role);  // "learner"
std::string NumberText(uint64_t number);    // Hexadecimal, 16 digits: what was drawn at random.
std::string NodeText(uint64_t node);        // "2"; "none" for 0.
std::string DurationText(const google::protobuf::Duration& duration);  // "1.5ms"

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_CLI_TEXT_H_
