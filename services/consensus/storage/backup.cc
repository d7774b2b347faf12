#include "services/consensus/storage/backup.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/consensus/limits.h"
#include "services/consensus/storage/snapshot_format.h"

namespace z4j::consensus {

std::string EncodeBackup(const NodeIdentity& identity, const SnapshotMeta& meta,
                         std::string_view state) {
  SnapshotHeader header;
  header.identity = identity;
  header.meta = meta;
  header.chunk_bytes = kSnapshotChunkBytes;
  std::string bytes = EncodeSnapshotHeader(header);
  // What was just encoded can be parsed.
  const uint32_t crc = ParseSnapshotHeader(bytes)->crc;
  Sha256 sha256;
  sha256.Update(bytes);
  bytes.reserve(bytes.size() + kSnapshotFooterBytes + state.size() +
                (state.size() / kSnapshotChunkBytes + 1) * kChunkHeaderBytes);
  uint64_t number = 0;
  for (size_t at = 0; at < state.size(); at += kSnapshotChunkBytes) {
    const std::string_view chunk = state.substr(at, kSnapshotChunkBytes);
    sha256.Update(chunk);
    bytes += EncodeChunk(crc, number++, chunk);
  }
  return bytes += EncodeSnapshotFooter(state.size(), sha256.Finish());
}

absl::StatusOr<Backup> DecodeBackup(std::string_view bytes) {
  ASSIGN_OR_RETURN(const ParsedSnapshotHeader parsed, ParseSnapshotHeader(bytes));
  Sha256 sha256;
  sha256.Update(bytes.substr(0, parsed.bytes));
  Backup backup;
  backup.identity = parsed.header.identity;
  backup.meta = parsed.header.meta;
  std::string_view rest = bytes.substr(parsed.bytes);
  for (uint64_t number = 0; rest.size() > kSnapshotFooterBytes; ++number) {
    const std::optional<std::string_view> state = ParseChunk(parsed.crc, number, rest);
    if (!state.has_value() || state->empty()) {
      return absl::DataLossError(absl::StrCat("chunk ", number, " is not what was written"));
    }
    sha256.Update(*state);
    backup.state.append(*state);
    rest.remove_prefix(std::min(rest.size(), kChunkHeaderBytes + state->size()));
  }
  ASSIGN_OR_RETURN(const SnapshotFooter footer, ParseSnapshotFooter(rest));
  backup.sha256 = sha256.Finish();
  if (footer.state_bytes != backup.state.size() || footer.sha256 != backup.sha256) {
    return absl::DataLossError("the end does not fit what stands before it");
  }
  return backup;
}

}  // namespace z4j::consensus
