#include "services/consensus/transport/mac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "services/base/check.h"

namespace z4j::consensus {
namespace {

char kSha256[] = "SHA256";  // OpenSSL's parameters are not const; it does not write to them.

const unsigned char* BytesOf(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* BytesOf(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

OSSL_PARAM Octets(const char* name, std::string_view bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(bytes.data()), bytes.size());
}

}  // namespace

HmacSha256::HmacSha256(std::string_view key) : context_(nullptr, EVP_MAC_CTX_free) {
  static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  Z4J_CHECK(hmac != nullptr && !key.empty());
  context_.reset(EVP_MAC_CTX_new(hmac));
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, kSha256, 0),
      OSSL_PARAM_construct_end(),
  };
  Z4J_CHECK(context_ != nullptr &&
            EVP_MAC_init(context_.get(), BytesOf(key), key.size(), params) == 1);
}

std::string HmacSha256::Of(std::string_view first, std::string_view second) {
  std::string mac(kMacBytes, '\0');
  size_t size = 0;
  // Without a key, init starts over with the one already loaded.
  Z4J_CHECK(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1 &&
            EVP_MAC_update(context_.get(), BytesOf(first), first.size()) == 1 &&
            EVP_MAC_update(context_.get(), BytesOf(second), second.size()) == 1 &&
            EVP_MAC_final(context_.get(), BytesOf(mac), &size, mac.size()) == 1);
  Z4J_CHECK(size == kMacBytes);
  return mac;
}

std::string Sha256Of(std::string_view bytes) {
  std::string digest(kMacBytes, '\0');
  Z4J_CHECK(EVP_Q_digest(nullptr, kSha256, nullptr, bytes.data(), bytes.size(), BytesOf(digest),
                         nullptr) == 1);
  return digest;
}

std::string HkdfSha256(std::string_view secret, std::string_view salt, std::string_view info,
                       size_t bytes) {
  static EVP_KDF* const hkdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  Z4J_CHECK(hkdf != nullptr);
  const std::unique_ptr<EVP_KDF_CTX, void (*)(EVP_KDF_CTX*)> context(EVP_KDF_CTX_new(hkdf),
                                                                     EVP_KDF_CTX_free);
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, kSha256, 0),
      Octets(OSSL_KDF_PARAM_KEY, secret),
      Octets(OSSL_KDF_PARAM_SALT, salt),
      Octets(OSSL_KDF_PARAM_INFO, info),
      OSSL_PARAM_construct_end(),
  };
  std::string out(bytes, '\0');
  Z4J_CHECK(context != nullptr &&
            EVP_KDF_derive(context.get(), BytesOf(out), out.size(), params) == 1);
  return out;
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string RandomBytes(size_t bytes) {
  std::string out(bytes, '\0');
  Z4J_CHECK(RAND_bytes(BytesOf(out), static_cast<int>(bytes)) == 1);
  return out;
}

}  // namespace z4j::consensus
