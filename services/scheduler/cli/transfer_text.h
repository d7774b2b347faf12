#ifndef Z4J_SCHEDULER_CLI_TRANSFER_TEXT_H_
#define Z4J_SCHEDULER_CLI_TRANSFER_TEXT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "services/scheduler/transfer/definition.h"
#include "services/scheduler/transfer/proof.h"

// What the reports of imports and exports share, for people and for programs.
namespace z4j::scheduler {

// `text`, or the beginning of it: what fits in a cell of a table.
std::string Cut(const std::string& text);

// "100 identical", "differs 2027-03-28".
std::string ProofText(const Proof& proof);

// "there …, here …; a gap: …", with local times of `zone` and UTC.
std::string DifferenceText(const Difference& differ, const std::string& zone);

// "HOST_ZONE: it follows …"; the message alone of a note that the server gave.
std::string RemarkOf(const Note& note);

// "Refused:" and each with its reason and remedy; nothing if there is none.
void PrintRefusals(const std::vector<Refusal>& refusals);

nlohmann::json JsonOf(const std::vector<Note>& notes);
nlohmann::json JsonOf(const std::vector<Refusal>& refusals);
// `other` names the side that is not ours: "source" or "target".
nlohmann::json JsonOf(const Proof& proof, const std::string& zone, const char* other);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_TRANSFER_TEXT_H_
