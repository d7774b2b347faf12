#include "services/consensus/storage/snapshot_format.h"

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/base/status_macros.h"
#include "services/consensus/raft/membership.h"
#include "services/consensus/storage/bytes.h"
#include "services/consensus/storage/crc32c.h"

namespace z4j::consensus {
namespace {

constexpr std::string_view kMagic = "z4j-snap";
constexpr std::string_view kFooterMagic = "z4j-end\n";
constexpr uint32_t kFormat = 1;
constexpr size_t kFixedBytes = 76;  // Up to the source.
constexpr size_t kAlignment = 512;
constexpr std::string_view kSnapshotPrefix = "snapshot-";
constexpr std::string_view kPartPrefix = "part-";
constexpr size_t kDigits = 16;

uint32_t ChunkCrc(uint32_t header_crc, uint64_t number, std::string_view state) {
  std::string where;
  PutBack(where, header_crc);
  PutBack(where, number);
  return ExtendCrc32c(Crc32c(where), state);
}

std::optional<Index> IndexOf(std::string_view prefix, std::string_view file) {
  uint64_t index = 0;
  if (!file.starts_with(prefix) || file.size() < prefix.size() + kDigits) return std::nullopt;
  const std::string_view digits = file.substr(prefix.size(), kDigits);
  if (!absl::SimpleHexAtoi(absl::string_view(digits.data(), digits.size()), &index)) {
    return std::nullopt;
  }
  return Index{index};
}

}  // namespace

std::string EncodeSnapshotHeader(const SnapshotHeader& header) {
  const std::string config = EncodeConfig(header.meta.config);
  const size_t used = kFixedBytes + header.source.size() + config.size() + sizeof(uint32_t);
  const size_t size = (used + kAlignment - 1) / kAlignment * kAlignment;
  std::string bytes(kMagic);
  PutBack(bytes, kFormat);
  PutBack(bytes, static_cast<uint32_t>(size));
  PutBack(bytes, header.identity.cluster.value);
  PutBack(bytes, header.identity.id.value);
  PutBack(bytes, header.identity.incarnation.value);
  PutBack(bytes, header.meta.index.value);
  PutBack(bytes, header.meta.term.value);
  PutBack(bytes, header.meta.config_index.value);
  PutBack(bytes, header.chunk_bytes);
  PutBack(bytes, static_cast<uint32_t>(header.source.size()));
  PutBack(bytes, static_cast<uint32_t>(config.size()));
  bytes += header.source;
  bytes += config;
  bytes.resize(size - sizeof(uint32_t));
  PutBack(bytes, Crc32c(bytes));
  return bytes;
}

absl::StatusOr<ParsedSnapshotHeader> ParseSnapshotHeader(std::string_view bytes) {
  if (bytes.size() < kAlignment) return absl::DataLossError("the header is cut off");
  if (bytes.substr(0, kMagic.size()) != kMagic) return absl::DataLossError("not a snapshot");
  ParsedSnapshotHeader parsed;
  parsed.bytes = GetAt<uint32_t>(bytes, 12);
  if (parsed.bytes > bytes.size() || parsed.bytes < kAlignment) {
    return absl::DataLossError("the header is cut off");
  }
  bytes = bytes.substr(0, parsed.bytes);
  parsed.crc = GetAt<uint32_t>(bytes, bytes.size() - sizeof(uint32_t));
  if (Crc32c(bytes.substr(0, bytes.size() - sizeof(uint32_t))) != parsed.crc) {
    return absl::DataLossError("the header's CRC is wrong");
  }
  if (const auto format = GetAt<uint32_t>(bytes, 8); format != kFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat("format ", format, " is not known; this version reads ", kFormat));
  }
  SnapshotHeader& header = parsed.header;
  header.identity.cluster.value = GetAt<uint64_t>(bytes, 16);
  header.identity.id.value = GetAt<uint64_t>(bytes, 24);
  header.identity.incarnation.value = GetAt<uint64_t>(bytes, 32);
  header.meta.index.value = GetAt<uint64_t>(bytes, 40);
  header.meta.term.value = GetAt<uint64_t>(bytes, 48);
  header.meta.config_index.value = GetAt<uint64_t>(bytes, 56);
  header.chunk_bytes = GetAt<uint32_t>(bytes, 64);
  const uint64_t source_bytes = GetAt<uint32_t>(bytes, 68);
  const uint64_t config_bytes = GetAt<uint32_t>(bytes, 72);
  if (kFixedBytes + source_bytes + config_bytes > bytes.size() || header.chunk_bytes == 0) {
    return absl::DataLossError("the header contradicts itself");
  }
  header.source = bytes.substr(kFixedBytes, source_bytes);
  ASSIGN_OR_RETURN(header.meta.config,
                   DecodeConfig(bytes.substr(kFixedBytes + source_bytes, config_bytes)));
  return parsed;
}

std::string EncodeChunk(uint32_t header_crc, uint64_t number, std::string_view state) {
  std::string bytes;
  PutBack(bytes, static_cast<uint32_t>(state.size()));
  PutBack(bytes, ChunkCrc(header_crc, number, state));
  return bytes.append(state);
}

std::optional<std::string_view> ParseChunk(uint32_t header_crc, uint64_t number,
                                           std::string_view bytes) {
  if (bytes.size() < kChunkHeaderBytes) return std::nullopt;
  const auto size = GetAt<uint32_t>(bytes, 0);
  if (size > bytes.size() - kChunkHeaderBytes) return std::nullopt;
  const std::string_view state = bytes.substr(kChunkHeaderBytes, size);
  if (ChunkCrc(header_crc, number, state) != GetAt<uint32_t>(bytes, 4)) return std::nullopt;
  return state;
}

std::string EncodeSnapshotFooter(uint64_t state_bytes, std::string_view sha256) {
  std::string bytes(kFooterMagic);
  PutBack(bytes, state_bytes);
  bytes += sha256;
  PutBack(bytes, Crc32c(bytes));
  return bytes;
}

absl::StatusOr<SnapshotFooter> ParseSnapshotFooter(std::string_view bytes) {
  if (bytes.size() != kSnapshotFooterBytes || !bytes.starts_with(kFooterMagic)) {
    return absl::DataLossError("the end is missing");
  }
  const std::string_view body = bytes.substr(0, bytes.size() - sizeof(uint32_t));
  if (Crc32c(body) != GetAt<uint32_t>(bytes, body.size())) {
    return absl::DataLossError("the end's CRC is wrong");
  }
  return SnapshotFooter{.state_bytes = GetAt<uint64_t>(bytes, kFooterMagic.size()),
                        .sha256 = std::string(bytes.substr(16, kSha256Bytes))};
}

std::string SnapshotName(const SnapshotMeta& meta) {
  return absl::StrFormat("%s%016x-%016x", std::string(kSnapshotPrefix), meta.index.value,
                         meta.term.value);
}

std::string PartName(const SnapshotHeader& header) {
  const std::string encoded = EncodeSnapshotHeader(header);
  return absl::StrFormat("%s%016x-%08x", std::string(kPartPrefix), header.meta.index.value,
                         GetAt<uint32_t>(encoded, encoded.size() - sizeof(uint32_t)));
}

std::optional<Index> SnapshotIndexOf(std::string_view file) {
  return IndexOf(kSnapshotPrefix, file);
}
std::optional<Index> PartIndexOf(std::string_view file) { return IndexOf(kPartPrefix, file); }

Sha256::Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  if (context_ == nullptr || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) {
    std::abort();  // Without SHA-256 no snapshot can be told whole.
  }
}

void Sha256::Update(std::string_view bytes) {
  if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) std::abort();
}

std::string Sha256::Finish() {
  std::string digest(kSha256Bytes, '\0');
  if (EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()),
                         nullptr) != 1) {
    std::abort();
  }
  return digest;
}

}  // namespace z4j::consensus
