#ifndef Z4J_CONSENSUS_TRANSPORT_MAC_H_
#define Z4J_CONSENSUS_TRANSPORT_MAC_H_

#include <openssl/evp.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

// What OpenSSL is used for here.  A failure of the library itself (no memory, no randomness) ends
// the process: there would be no proof of anything.
namespace z4j::consensus {

inline constexpr size_t kMacBytes = 32;

// HMAC-SHA256 under one key, which is prepared once.  Not thread-safe.
class HmacSha256 {
 public:
  explicit HmacSha256(std::string_view key);
  // kMacBytes, of `first` and `second` one after the other.
  std::string Of(std::string_view first, std::string_view second = {});

 private:
  std::unique_ptr<EVP_MAC_CTX, void (*)(EVP_MAC_CTX*)> context_;
};

std::string Sha256Of(std::string_view bytes);

// HKDF (RFC 5869) with SHA-256: `bytes` of key material, at most 255 * 32.
std::string HkdfSha256(std::string_view secret, std::string_view salt, std::string_view info,
                       size_t bytes);

// Takes as long whatever the contents are; only the lengths show.
bool EqualInConstantTime(std::string_view a, std::string_view b);

std::string RandomBytes(size_t bytes);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_MAC_H_
