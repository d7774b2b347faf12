#include "services/scheduler/audit/chain.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstdint>
#include <cstdlib>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace z4j::scheduler {
namespace {

void AppendNumber(std::string& out, int64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}

void AppendText(std::string& out, absl::string_view text) {
  AppendNumber(out, static_cast<int64_t>(text.size()));
  out.append(text.data(), text.size());
}

// The order of the fields is part of the format: a change needs a new label.
std::string EncodeEntry(const AuditEntry& entry) {
  std::string out;
  out.reserve(512 + entry.before.size() + entry.after.size());
  AppendText(out, "z4j audit entry 1");
  AppendText(out, entry.previous_mac);
  AppendNumber(out, entry.seq);
  AppendNumber(out, absl::ToUnixMicros(entry.at));
  AppendText(out, entry.actor);
  AppendText(out, entry.source);
  AppendText(out, entry.action);
  AppendText(out, entry.resource);
  AppendText(out, entry.schedule.value.ToBytes());
  AppendText(out, entry.before);
  AppendText(out, entry.after);
  AppendText(out, entry.request_id);
  AppendText(out, entry.key_id);
  return out;
}

std::string EncodeHead(const AuditHead& head) {
  std::string out;
  AppendText(out, "z4j audit head 1");
  AppendNumber(out, head.seq);
  AppendText(out, head.mac);
  AppendText(out, head.key_id);
  return out;
}

struct MacDeleter {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

}  // namespace

absl::StatusOr<Keyring> Keyring::Create(std::vector<std::pair<std::string, std::string>> keys) {
  if (keys.empty()) return absl::InvalidArgumentError("no audit key is given; give one at least");
  Keyring ring;
  ring.current_ = keys.front().first;
  for (auto& [id, key] : keys) {
    if (id.empty()) return absl::InvalidArgumentError("an audit key has no id");
    if (key.size() < kAuditKeyBytesMin) {
      return absl::InvalidArgumentError(absl::StrCat(
          "audit key '", id, "' has ", key.size(), " bytes; give ", kAuditKeyBytesMin, " or more"));
    }
    if (!ring.keys_.emplace(id, std::move(key)).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("audit key id '", id, "' stands there twice; give each key its own id"));
    }
  }
  return ring;
}

const std::string* Keyring::Find(const std::string& id) const {
  const auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : &found->second;
}

struct ChainMac::Impl {
  const Keyring& keys;
  std::unique_ptr<EVP_MAC, MacDeleter> hmac{EVP_MAC_fetch(nullptr, "HMAC", nullptr)};
  absl::flat_hash_map<std::string, std::unique_ptr<EVP_MAC_CTX, MacDeleter>> contexts;

  explicit Impl(const Keyring& ring) : keys(ring) {}

  // The context of `key_id` with its key loaded; nullptr if the ring lacks it.
  EVP_MAC_CTX* ContextOf(const std::string& key_id) {
    const auto found = contexts.find(key_id);
    if (found != contexts.end()) return found->second.get();
    const std::string* key = keys.Find(key_id);
    if (key == nullptr) return nullptr;
    std::unique_ptr<EVP_MAC_CTX, MacDeleter> context(EVP_MAC_CTX_new(hmac.get()));
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    if (EVP_MAC_init(context.get(), reinterpret_cast<const unsigned char*>(key->data()),
                     key->size(), params) != 1) {
      std::abort();  // OpenSSL without SHA-256: nothing can be audited.
    }
    return contexts.emplace(key_id, std::move(context)).first->second.get();
  }

  absl::StatusOr<std::string> Compute(const std::string& key_id, const std::string& text) {
    EVP_MAC_CTX* context = ContextOf(key_id);
    if (context == nullptr) {
      return absl::NotFoundError(absl::StrCat("the key ring has no audit key '", key_id, "'"));
    }
    std::string mac(EVP_MAX_MD_SIZE, '\0');
    size_t size = 0;
    // Without a key, init starts over with the one already loaded.
    if (EVP_MAC_init(context, nullptr, 0, nullptr) != 1 ||
        EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(text.data()), text.size()) !=
            1 ||
        EVP_MAC_final(context, reinterpret_cast<unsigned char*>(mac.data()), &size, mac.size()) !=
            1) {
      std::abort();  // Out of memory.
    }
    mac.resize(size);
    return mac;
  }
};

ChainMac::ChainMac(const Keyring& keys) : impl_(std::make_unique<Impl>(keys)) {}
ChainMac::~ChainMac() = default;

absl::StatusOr<std::string> ChainMac::EntryMac(const AuditEntry& entry) {
  return impl_->Compute(entry.key_id, EncodeEntry(entry));
}

absl::StatusOr<std::string> ChainMac::HeadSeal(const AuditHead& head) {
  return impl_->Compute(head.key_id, EncodeHead(head));
}

namespace {

absl::Status CheckHead(ChainMac& mac, const AuditHead& head) {
  if (head == AuditHead{}) return absl::OkStatus();  // A chain not yet begun.
  absl::StatusOr<std::string> seal = mac.HeadSeal(head);
  if (!seal.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the audit chain was last written under key '", head.key_id,
                     "', which the key file lacks; add it below the current key"));
  }
  if (!MacsEqual(*seal, head.seal)) {
    return absl::DataLossError(absl::StrCat(
        "the head of the audit chain (entry ", head.seq,
        ") is not sealed by its key: it was changed from outside; run 'audit verify'"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AuditHead> AppendToChain(ChainMac& mac, const Keyring& keys, const AuditHead& head,
                                        std::vector<AuditEntry>& entries) {
  RETURN_IF_ERROR(CheckHead(mac, head));
  AuditHead next = head;
  next.key_id = keys.current_id();
  for (AuditEntry& entry : entries) {
    entry.seq = next.seq + 1;
    entry.previous_mac = next.mac;
    entry.key_id = keys.current_id();
    ASSIGN_OR_RETURN(entry.mac, mac.EntryMac(entry));
    next.seq = entry.seq;
    next.mac = entry.mac;
  }
  ASSIGN_OR_RETURN(next.seal, mac.HeadSeal(next));
  return next;
}

bool MacsEqual(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace z4j::scheduler
