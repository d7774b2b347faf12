#include <cstddef>

#include "absl/status/status.h"
#include "services/base/status_macros.h"
#include "services/consensus/raft/membership.h"

// Bytes of a configuration: version 1, flags, the four sets, the members.  Numbers are eight bytes,
// least significant first; counts and lengths four.
namespace z4j::consensus {
namespace {

constexpr char kVersion = 1;
constexpr char kAutoLeave = 1;

void PutNumber(std::string& bytes, uint64_t value, int width) {
  for (int i = 0; i < width; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
}

void PutSet(std::string& bytes, const std::set<NodeId>& set) {
  PutNumber(bytes, set.size(), 4);
  for (NodeId id : set) PutNumber(bytes, id.value, 8);
}

absl::Status NoConfig() { return absl::DataLossError("the bytes are no configuration"); }

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  absl::StatusOr<uint64_t> Number(int width) {
    if (rest_.size() < static_cast<size_t>(width)) return NoConfig();
    uint64_t value = 0;
    for (int i = 0; i < width; ++i) {
      value |= static_cast<uint64_t>(static_cast<unsigned char>(rest_[i])) << (8 * i);
    }
    rest_.remove_prefix(width);
    return value;
  }

  // Strictly ascending: one configuration has one encoding.
  absl::StatusOr<NodeId> NextId(NodeId after) {
    ASSIGN_OR_RETURN(uint64_t value, Number(8));
    if (value <= after.value) return NoConfig();
    return NodeId{value};
  }

  absl::Status Set(std::set<NodeId>& set) {
    ASSIGN_OR_RETURN(uint64_t count, Number(4));
    NodeId id;
    for (uint64_t i = 0; i < count; ++i) {
      ASSIGN_OR_RETURN(id, NextId(id));
      set.insert(id);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Bytes() {
    ASSIGN_OR_RETURN(uint64_t size, Number(4));
    if (rest_.size() < size) return NoConfig();
    std::string bytes(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return bytes;
  }

  bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace

std::string EncodeConfig(const Config& config) {
  std::string bytes = {kVersion, config.auto_leave ? kAutoLeave : '\0'};
  for (const std::set<NodeId>* set :
       {&config.voters, &config.outgoing, &config.learners, &config.learners_next}) {
    PutSet(bytes, *set);
  }
  PutNumber(bytes, config.members.size(), 4);
  for (const auto& [id, member] : config.members) {
    PutNumber(bytes, id.value, 8);
    PutNumber(bytes, member.incarnation.value, 8);
    PutNumber(bytes, member.address.size(), 4);
    bytes += member.address;
  }
  return bytes;
}

absl::StatusOr<Config> DecodeConfig(std::string_view bytes) {
  Reader reader(bytes);
  Config config;
  ASSIGN_OR_RETURN(uint64_t version, reader.Number(1));
  ASSIGN_OR_RETURN(uint64_t flags, reader.Number(1));
  if (version != kVersion || flags > kAutoLeave) return NoConfig();
  config.auto_leave = flags == kAutoLeave;
  for (std::set<NodeId>* set :
       {&config.voters, &config.outgoing, &config.learners, &config.learners_next}) {
    RETURN_IF_ERROR(reader.Set(*set));
  }
  ASSIGN_OR_RETURN(uint64_t members, reader.Number(4));
  NodeId id;
  for (uint64_t i = 0; i < members; ++i) {
    ASSIGN_OR_RETURN(id, reader.NextId(id));
    Member& member = config.members[id];
    ASSIGN_OR_RETURN(member.incarnation.value, reader.Number(8));
    ASSIGN_OR_RETURN(member.address, reader.Bytes());
  }
  if (!reader.done() || !CheckConfig(config).ok()) return NoConfig();
  return config;
}

}  // namespace z4j::consensus
