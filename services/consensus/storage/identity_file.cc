#include "services/consensus/storage/identity_file.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/consensus/raft/membership.h"
#include "services/consensus/storage/bytes.h"
#include "services/consensus/storage/crc32c.h"
#include "services/consensus/storage/file_io.h"

namespace z4j::consensus {
namespace {

constexpr std::string_view kMagic = "z4j-node";
constexpr uint32_t kFormat = 1;
constexpr size_t kHeaderBytes = 40;  // Magic, format, size of the configuration, three numbers.

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat(kIdentityFile, ": ", what));
}

}  // namespace

absl::Status WriteIdentity(Disk& disk, const IdentityFile& identity) {
  // A node that joins a cluster begins with no configuration at all.
  const bool joins = identity.first_config == Config{};
  const std::string config = joins ? "" : EncodeConfig(identity.first_config);
  std::string bytes(kMagic);
  PutBack(bytes, kFormat);
  PutBack(bytes, static_cast<uint32_t>(config.size()));
  PutBack(bytes, identity.identity.cluster.value);
  PutBack(bytes, identity.identity.id.value);
  PutBack(bytes, identity.identity.incarnation.value);
  bytes += config;
  PutBack(bytes, Crc32c(bytes));
  return WriteWholeFile(disk, kIdentityFile, bytes);
}

absl::StatusOr<IdentityFile> ReadIdentity(Disk& disk) {
  ASSIGN_OR_RETURN(const std::string file, ReadWholeFile(disk, kIdentityFile));
  const std::string_view bytes = file;
  if (bytes.size() < kHeaderBytes + sizeof(uint32_t)) return Damaged("it is cut off");
  const std::string_view body = bytes.substr(0, bytes.size() - sizeof(uint32_t));
  if (Crc32c(body) != GetAt<uint32_t>(bytes, body.size())) return Damaged("its CRC is wrong");
  if (!body.starts_with(kMagic)) return Damaged("it is no identity file");
  if (const auto format = GetAt<uint32_t>(body, 8); format != kFormat) {
    return absl::FailedPreconditionError(absl::StrCat(
        kIdentityFile, ": format ", format, " is not known; this version reads ", kFormat));
  }
  if (GetAt<uint32_t>(body, 12) != body.size() - kHeaderBytes) return Damaged("its size is wrong");
  IdentityFile identity;
  identity.identity.cluster.value = GetAt<uint64_t>(body, 16);
  identity.identity.id.value = GetAt<uint64_t>(body, 24);
  identity.identity.incarnation.value = GetAt<uint64_t>(body, 32);
  if (body.size() > kHeaderBytes) {
    ASSIGN_OR_RETURN(identity.first_config, DecodeConfig(body.substr(kHeaderBytes)));
  }
  return identity;
}

}  // namespace z4j::consensus
