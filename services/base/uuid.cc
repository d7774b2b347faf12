#include "services/base/uuid.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace z4j {
namespace {

void SetVersion(Uuid& id, uint8_t version) {
  id.bytes[6] = static_cast<uint8_t>((id.bytes[6] & 0x0f) | (version << 4));
  id.bytes[8] = static_cast<uint8_t>((id.bytes[8] & 0x3f) | 0x80);  // RFC 4122 §4.1.1: variant 10.
}

// SHA-1 of two texts, one after the other.  Every fire takes one: OpenSSL's one-shot SHA1() looks
// the algorithm up each time, which costs more than the digest.
std::array<uint8_t, SHA_DIGEST_LENGTH> Sha1(absl::string_view first, absl::string_view second) {
  static EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                                EVP_MD_CTX_free);
  std::array<uint8_t, SHA_DIGEST_LENGTH> digest;
  if (EVP_DigestInit_ex2(context.get(), sha1, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), first.data(), first.size()) != 1 ||
      EVP_DigestUpdate(context.get(), second.data(), second.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) {
    std::abort();  // Without SHA-1 there are no fire ids.
  }
  return digest;
}

}  // namespace

Uuid Uuid::Random() {
  Uuid id;
  if (RAND_bytes(id.bytes.data(), id.bytes.size()) != 1) std::abort();  // No randomness, no ids.
  SetVersion(id, 4);
  return id;
}

Uuid Uuid::FromName(const Uuid& space, absl::string_view name) {
  // RFC 4122 §4.3: the first 16 bytes of SHA-1(space || name).
  const std::array<uint8_t, SHA_DIGEST_LENGTH> digest = Sha1(space.ToBytes(), name);
  Uuid id;
  std::copy_n(digest.begin(), id.bytes.size(), id.bytes.begin());
  SetVersion(id, 5);
  return id;
}

absl::StatusOr<Uuid> Uuid::Parse(absl::string_view text) {
  const std::string hex = absl::StrReplaceAll(text, {{"-", ""}});
  const bool plain = text.size() == 32 || (text.size() == 36 && text[8] == '-' && text[13] == '-' &&
                                           text[18] == '-' && text[23] == '-');
  if (!plain || hex.size() != 32 || !std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is not a UUID; write 32 hexadecimal digits"));
  }
  return FromBytes(absl::HexStringToBytes(hex));
}

absl::StatusOr<Uuid> Uuid::FromBytes(absl::string_view bytes) {
  if (bytes.size() != 16) {
    return absl::InvalidArgumentError(absl::StrCat("a UUID has 16 bytes, not ", bytes.size()));
  }
  Uuid id;
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(id.bytes.data()));
  return id;
}

std::string Uuid::ToString() const {
  std::string hex = absl::BytesToHexString(ToBytes());
  for (int at : {20, 16, 12, 8}) hex.insert(at, "-");
  return hex;
}

std::string Uuid::ToBytes() const {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace z4j
