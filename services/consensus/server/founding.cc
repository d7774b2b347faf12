#include "services/consensus/server/founding.h"

#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "services/base/uuid.h"
#include "services/consensus/limits.h"

namespace z4j::consensus {
namespace {

// A UUID's first eight bytes as a number: never 0, for the fourth of its version is in them.
uint64_t NumberOf(const Uuid& uuid) {
  uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = (number << 8) | uuid.bytes[i];
  return number;
}

absl::Status Wrong(absl::string_view part, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", part, "' ", why, "; write members as 1=host:port,2=host:port,3=host:port"));
}

}  // namespace

bool IsMemberAddress(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  return colon != absl::string_view::npos && colon > 0 &&
         absl::SimpleAtoi(address.substr(colon + 1), &port) && port > 0 && port <= 65535;
}

absl::StatusOr<Members> ParseMembers(absl::string_view text) {
  Members members;
  std::set<std::string> addresses;
  for (const absl::string_view piece : absl::StrSplit(text, ',')) {
    const absl::string_view part = absl::StripAsciiWhitespace(piece);
    const std::pair<absl::string_view, absl::string_view> sides =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    NodeId id;
    if (!absl::SimpleAtoi(sides.first, &id.value) || !id) {
      return Wrong(part, "does not begin with a node's number, 1 or more");
    }
    if (!IsMemberAddress(sides.second)) return Wrong(part, "has no address with a port");
    if (!members.emplace(id, std::string(sides.second)).second) {
      return Wrong(part, "gives the number of another member");
    }
    if (!addresses.insert(std::string(sides.second)).second) {
      return Wrong(part, "gives the address of another member");
    }
  }
  if (members.size() > kMembersMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("names ", members.size(), " members; at most ", kMembersMax, " are possible"));
  }
  return members;
}

std::string MembersText(const Members& members) {
  return absl::StrJoin(members, ",", [](std::string* out, const auto& member) {
    absl::StrAppend(out, member.first.value, "=", member.second);
  });
}

ClusterId ClusterIdOf(absl::string_view name, const Members& members,
                      absl::string_view restored_from) {
  // Drawn once for all clusters; a version 5 UUID is of a name in a space.
  static const Uuid space = *Uuid::Parse("8b8f2d5e-58a3-4ce4-9c1e-6b1a4f0f3d27");
  // A name can hold no newline that the settings would pass, and members none at all.
  return {NumberOf(
      Uuid::FromName(space, absl::StrCat(name, "\n", MembersText(members), "\n", restored_from)))};
}

Config FirstConfig(const Members& members) {
  Config config;
  for (const auto& [id, address] : members) {
    config.voters.insert(id);
    config.members[id] = {.address = address, .incarnation = {}};
  }
  return config;
}

uint64_t RandomNumber() { return NumberOf(Uuid::Random()); }

}  // namespace z4j::consensus
