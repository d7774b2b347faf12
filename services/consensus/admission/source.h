#ifndef Z4J_CONSENSUS_ADMISSION_SOURCE_H_
#define Z4J_CONSENSUS_ADMISSION_SOURCE_H_

#include <string>
#include <string_view>

namespace z4j::consensus {

// The machine behind an address as gRPC writes it: "10.0.0.9" of "ipv4:10.0.0.9:4711", and of an
// IPv6 address its /64, which one machine can use up ("2001:db8:0:7::/64").  Anything else is its
// own source.
std::string SourceOf(std::string_view address);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_ADMISSION_SOURCE_H_
