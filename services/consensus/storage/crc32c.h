#ifndef Z4J_CONSENSUS_STORAGE_CRC32C_H_
#define Z4J_CONSENSUS_STORAGE_CRC32C_H_

#include <cstdint>
#include <string_view>

// CRC-32C (Castagnoli; RFC 3720 appendix B.4), by the processor's own instruction where it has one.
// Pure.
namespace z4j::consensus {

// The CRC of what `crc` stands for, followed by `bytes`.  The CRC of nothing is 0.
uint32_t ExtendCrc32c(uint32_t crc, std::string_view bytes);
inline uint32_t Crc32c(std::string_view bytes) { return ExtendCrc32c(0, bytes); }

// The same by tables alone, so that tests can compare.
uint32_t ExtendCrc32cByTables(uint32_t crc, std::string_view bytes);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_CRC32C_H_
