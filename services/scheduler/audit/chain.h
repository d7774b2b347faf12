#ifndef Z4J_SCHEDULER_AUDIT_CHAIN_H_
#define Z4J_SCHEDULER_AUDIT_CHAIN_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/scheduler/store/schedule_store.h"

// The arithmetic of the audit chain.  Pure: no clock, no I/O.
//
//   mac(n)  = HMAC-SHA256(key, "z4j audit entry 1" ‖ previous mac ‖ every field of entry n)
//   seal(n) = HMAC-SHA256(key, "z4j audit head 1" ‖ n ‖ mac(n) ‖ key id)
//
// where each string is preceded by its length and each number has eight bytes, so that no two
// entries have the same encoding.  docs/security.md says what this catches and what it cannot.
namespace z4j::scheduler {

inline constexpr size_t kAuditKeyBytesMin = 32;

// The keys of the chain: one to write with, and older ones to verify with.  Immutable and
// thread-safe after construction.
class Keyring {
 public:
  // `keys` are (id, key) pairs, the current one first.  INVALID_ARGUMENT if there are none, an id
  // is empty or doubled, or a key is shorter than kAuditKeyBytesMin.  Messages never hold a key.
  static absl::StatusOr<Keyring> Create(std::vector<std::pair<std::string, std::string>> keys);

  const std::string& current_id() const { return current_; }
  // nullptr if there is no key of that id.
  const std::string* Find(const std::string& id) const;

 private:
  Keyring() = default;
  std::string current_;
  std::map<std::string, std::string> keys_;
};

// Computes HMAC-SHA256 over and over under the keys of a ring; keeps one prepared context for each,
// which is four times as fast as starting anew.  Not thread-safe.
class ChainMac {
 public:
  explicit ChainMac(const Keyring& keys);  // `keys` outlives this.
  ~ChainMac();
  ChainMac(const ChainMac&) = delete;
  ChainMac& operator=(const ChainMac&) = delete;

  // The MAC that `entry` ought to have, given its previous_mac and key_id; its own `mac` is not
  // looked at.  NOT_FOUND if the ring lacks the key.
  absl::StatusOr<std::string> EntryMac(const AuditEntry& entry);
  // The seal that `head` ought to have, given its seq, mac and key_id.  NOT_FOUND likewise.
  absl::StatusOr<std::string> HeadSeal(const AuditHead& head);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Links `entries` to the chain that ends in `head`: fills seq, previous_mac, key_id and mac of each
// and returns the new head.  DATA_LOSS, and nothing linked, if `head` is not sealed by a key of the
// ring: to go on from a head that someone rewrote would hide that.  FAILED_PRECONDITION if the
// ring lacks the head's key.
absl::StatusOr<AuditHead> AppendToChain(ChainMac& mac, const Keyring& keys, const AuditHead& head,
                                        std::vector<AuditEntry>& entries);

// Equal in time that does not depend on where they differ.
bool MacsEqual(absl::string_view a, absl::string_view b);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_AUDIT_CHAIN_H_
