#ifndef Z4J_CONSENSUS_MACHINE_CODEC_H_
#define Z4J_CONSENSUS_MACHINE_CODEC_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/consensus/machine/answer.h"
#include "services/consensus/machine/command.h"

// Commands and answers as bytes: a version, then the fields (wire.h).  Canonical: a value has one
// encoding, and bytes that are not exactly it (cut, longer, a number too wide, an unknown type) are
// refused with INVALID_ARGUMENT.
namespace z4j::consensus {

std::string EncodeCommand(const Envelope& envelope);
absl::StatusOr<Envelope> DecodeCommand(std::string_view bytes);

std::string EncodeAnswer(const Answer& answer);
absl::StatusOr<Answer> DecodeAnswer(std::string_view bytes);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_MACHINE_CODEC_H_
