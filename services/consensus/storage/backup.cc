#include "services/consensus/storage/backup.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/consensus/limits.h"

namespace z4j::consensus {

namespace {

std::string HeaderOf(const NodeIdentity& identity, const SnapshotMeta& meta) {
  SnapshotHeader header;
  header.identity = identity;
  header.meta = meta;
  header.chunk_bytes = kSnapshotChunkBytes;
  return EncodeSnapshotHeader(header);
}

}  // namespace

BackupWriter::BackupWriter(const NodeIdentity& identity, const SnapshotMeta& meta,
                           std::string state)
    : state_(std::move(state)), made_(HeaderOf(identity, meta)) {
  header_crc_ = ParseSnapshotHeader(made_)->crc;  // What was just encoded can be parsed.
  sha256_.Update(made_);
  const uint64_t chunks = (state_.size() + kSnapshotChunkBytes - 1) / kSnapshotChunkBytes;
  size_ = made_.size() + chunks * kChunkHeaderBytes + state_.size() + kSnapshotFooterBytes;
}

std::string BackupWriter::Next(size_t most) {
  while (made_.size() < most && !closed_) {
    if (at_ < state_.size()) {
      const std::string_view chunk = std::string_view(state_).substr(at_, kSnapshotChunkBytes);
      made_ += EncodeChunk(header_crc_, chunks_++, chunk);
      sha256_.Update(chunk);
      at_ += chunk.size();
    } else {
      made_ += EncodeSnapshotFooter(state_.size(), sha256_.Finish());
      closed_ = true;
    }
  }
  std::string next = made_.substr(0, most);
  made_.erase(0, next.size());
  return next;
}

std::string EncodeBackup(const NodeIdentity& identity, const SnapshotMeta& meta,
                         std::string state) {
  BackupWriter writer(identity, meta, std::move(state));
  std::string bytes;
  bytes.reserve(writer.size());
  while (bytes.size() < writer.size()) bytes += writer.Next(kSnapshotChunkBytes);
  return bytes;
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
