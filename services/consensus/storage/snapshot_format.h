#ifndef Z4J_CONSENSUS_STORAGE_SNAPSHOT_FORMAT_H_
#define Z4J_CONSENSUS_STORAGE_SNAPSHOT_FORMAT_H_

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/consensus/storage/log_storage.h"

// The bytes of a snapshot's file, as docs/formats.md specifies them.  Pure.
namespace z4j::consensus {

inline constexpr size_t kChunkHeaderBytes = 8;
inline constexpr size_t kSnapshotFooterBytes = 52;
inline constexpr size_t kSha256Bytes = 32;

struct SnapshotHeader {
  NodeIdentity identity;
  SnapshotMeta meta;
  std::string source;  // Whose transfer it is.
  uint32_t chunk_bytes = 0;
};

struct ParsedSnapshotHeader {
  SnapshotHeader header;
  uint32_t bytes = 0;  // Of the header in the file; chunks begin there.
  uint32_t crc = 0;
};

std::string EncodeSnapshotHeader(const SnapshotHeader& header);
// DATA_LOSS: not a whole header; FAILED_PRECONDITION: an unknown format.  `bytes` may go on.
absl::StatusOr<ParsedSnapshotHeader> ParseSnapshotHeader(std::string_view bytes);

// A chunk of the state with its CRC, which knows the header and the chunk's number.
std::string EncodeChunk(uint32_t header_crc, uint64_t number, std::string_view state);
// The state in a chunk at the beginning of `bytes`; none if it is not whole.
std::optional<std::string_view> ParseChunk(uint32_t header_crc, uint64_t number,
                                           std::string_view bytes);

// The end: how much state there is, and the SHA-256 of header and state.
std::string EncodeSnapshotFooter(uint64_t state_bytes, std::string_view sha256);
struct SnapshotFooter {
  uint64_t state_bytes = 0;
  std::string sha256;
};
absl::StatusOr<SnapshotFooter> ParseSnapshotFooter(std::string_view bytes);

// "snapshot-<index>-<term>", 16 hexadecimal digits each; sorts by index.
std::string SnapshotName(const SnapshotMeta& meta);
// Where the snapshot is built; another one for another source or meta.
std::string PartName(const SnapshotHeader& header);
// The index in either name; none: it is neither.
std::optional<Index> SnapshotIndexOf(std::string_view file);
std::optional<Index> PartIndexOf(std::string_view file);

class Sha256 {
 public:
  Sha256();
  void Update(std::string_view bytes);
  std::string Finish();  // Once.

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_SNAPSHOT_FORMAT_H_
