#include "services/scheduler/rpc/purge_tokens.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kMacChars = 2 * SHA256_DIGEST_LENGTH;  // In hex.

unsigned char* BytesOf(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

PurgeTokens::PurgeTokens() : key_(kKeyBytes, '\0') {
  if (RAND_bytes(BytesOf(key_), kKeyBytes) != 1) std::abort();  // No randomness, no secrets.
}

std::string PurgeTokens::MacOf(const QueuePlace& place, const std::string& until) const {
  // Each part behind its length, so that no two look alike.
  std::string text;
  for (const std::string& part : {place.engine, place.instance, place.queue, until}) {
    absl::StrAppend(&text, part.size(), ":", part);
  }
  std::string mac(SHA256_DIGEST_LENGTH, '\0');
  if (HMAC(EVP_sha256(), key_.data(), kKeyBytes, BytesOf(text), text.size(), BytesOf(mac),
           nullptr) == nullptr) {
    std::abort();  // OpenSSL without SHA-256.
  }
  return absl::BytesToHexString(mac);
}

std::string PurgeTokens::Make(const QueuePlace& place, MonoTime now) const {
  const std::string until =
      absl::StrCat(absl::ToInt64Microseconds((now + kPurgeTokenTtl).since_boot));
  return absl::StrCat(MacOf(place, until), until);
}

absl::Status PurgeTokens::Check(const std::string& token, const QueuePlace& place,
                                MonoTime now) const {
  constexpr char kAgain[] = "; ask for a new one by purging without it";
  const std::string until = token.size() > kMacChars ? token.substr(kMacChars) : "";
  int64_t until_us = 0;
  const bool ours = absl::SimpleAtoi(until, &until_us) &&
                    CRYPTO_memcmp(token.data(), MacOf(place, until).data(), kMacChars) == 0;
  if (!ours) {
    return absl::FailedPreconditionError(
        absl::StrCat("the confirm_token is not of this queue and instance, or of another node, or "
                     "this node was restarted",
                     kAgain));
  }
  if (now >= MonoTime{absl::Microseconds(until_us)}) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the confirm_token is older than ", absl::FormatDuration(kPurgeTokenTtl), kAgain));
  }
  return absl::OkStatus();
}

}  // namespace z4j::scheduler
