#include "services/scheduler/cli/transfer_text.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace z4j::scheduler {
namespace {

using Json = nlohmann::json;

constexpr size_t kCellCharsMax = 48;

Json JsonOf(absl::Time time, const std::string& zone) {
  if (time == absl::InfiniteFuture()) return nullptr;
  return {{"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone())},
          {"local", LocalAndUtc(time, zone)}};
}

}  // namespace

std::string Cut(const std::string& text) {
  if (text.size() <= kCellCharsMax) return text;
  size_t end = kCellCharsMax - 1;
  while (end > 0 && (text[end] & 0xC0) == 0x80) --end;  // Amid a character of UTF-8.
  return text.substr(0, end) + "…";
}

std::string ProofText(const Proof& proof) {
  if (proof.is_identical()) return absl::StrCat(proof.compared, " identical");
  const Difference& differ = proof.differ[0];
  return absl::FormatTime("differs %Y-%m-%d", std::min(differ.there, differ.here),
                          absl::UTCTimeZone());
}

std::string DifferenceText(const Difference& differ, const std::string& zone) {
  return absl::StrCat("there ", LocalAndUtc(differ.there, zone), ", here ",
                      LocalAndUtc(differ.here, zone), "; ", differ.rule);
}

std::string RemarkOf(const Note& note) {
  return note.code == "NOTE" ? note.message : absl::StrCat(note.code, ": ", note.message);
}

void PrintRefusals(const std::vector<Refusal>& refusals) {
  if (!refusals.empty()) std::cout << "\nRefused:\n";
  for (const Refusal& refusal : refusals) {
    std::cout << "  " << refusal.object << "  " << refusal.code << ": " << refusal.reason << "\n";
    if (!refusal.remedy.empty()) std::cout << "    " << refusal.remedy << "\n";
  }
}

Json JsonOf(const std::vector<Note>& notes) {
  Json list = Json::array();
  for (const Note& note : notes) list.push_back({{"code", note.code}, {"message", note.message}});
  return list;
}

Json JsonOf(const std::vector<Refusal>& refusals) {
  Json list = Json::array();
  for (const Refusal& refusal : refusals) {
    list.push_back({{"object", refusal.object},
                    {"code", refusal.code},
                    {"reason", refusal.reason},
                    {"remedy", refusal.remedy}});
  }
  return list;
}

Json JsonOf(const Proof& proof, const std::string& zone, const char* other) {
  Json json = {{"compared", proof.compared}, {"identical", proof.is_identical()}};
  if (proof.is_identical()) return json;
  const Difference& differ = proof.differ[0];
  json["apartMax"] = absl::FormatDuration(proof.apart_max);
  json["difference"] = {{other, JsonOf(differ.there, zone)},
                        {"ours", JsonOf(differ.here, zone)},
                        {"rule", differ.rule}};
  return json;
}

}  // namespace z4j::scheduler
