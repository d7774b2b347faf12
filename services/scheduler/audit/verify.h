#ifndef Z4J_SCHEDULER_AUDIT_VERIFY_H_
#define Z4J_SCHEDULER_AUDIT_VERIFY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "services/scheduler/audit/chain.h"
#include "services/scheduler/store/schedule_store.h"

namespace z4j::scheduler {

// What can be wrong with a chain.
enum class AuditFault : uint8_t {
  kNone = 0,
  kGap = 1,            // An entry is missing, doubled or out of order.
  kWrongPrevious = 2,  // It does not continue the entry before it.
  kMacMismatch = 3,    // A field was changed, or whoever wrote it lacked the key.
  kUnknownKey = 4,     // The ring lacks its key: nothing can be said.
  kTruncated = 5,      // The head counts more entries than there are.
  kHeadSeal = 6,       // The head was changed.
  kHeadMismatch = 7,   // The head is sealed, but the last entry is another.
  kRolledBack = 8,     // An entry noted earlier is no longer part of the chain.
};

// "truncated", "mac mismatch", …
const char* AuditFaultName(AuditFault fault);

// The end of a verification.
struct AuditVerdict {
  AuditFault fault = AuditFault::kNone;
  int64_t seq = 0;      // The first bad entry; 0 if the head alone is bad or nothing is.
  std::string message;  // A sentence for people; empty if all is well.
  int64_t entries = 0;  // Found good.

  bool ok() const { return fault == AuditFault::kNone; }
};

// An entry that an auditor noted at an earlier time and kept elsewhere.  A chain that no longer
// holds it was rolled back or rewritten, which the chain alone cannot show.
struct AuditBookmark {
  int64_t seq = 0;
  std::string mac;  // Raw bytes.
};

// Checks a chain entry by entry, in constant memory.  Not thread-safe.
class ChainVerifier {
 public:
  // `keys` outlives this.  `head` is the end of the chain as it claims itself; entries after it
  // are not looked at, so a chain that grows meanwhile can be verified.
  ChainVerifier(const Keyring& keys, AuditHead head,
                std::optional<AuditBookmark> bookmark = std::nullopt);

  // Takes the next entry, from the first on.  Whether all is well so far; once it is not, further
  // entries change nothing.
  bool Add(const AuditEntry& entry);

  // There is an entry `seq` past the head, and the head is newer than it or will never move: the
  // head was put back.
  void NotePastHead(int64_t seq) { past_head_ = seq; }

  // After the last entry.
  AuditVerdict Finish();

 private:
  bool Fail(AuditFault fault, int64_t seq, std::string message);

  ChainMac mac_;
  const AuditHead head_;
  const std::optional<AuditBookmark> bookmark_;
  int64_t seq_ = 0;  // Of the last good entry.
  int64_t past_head_ = 0;
  std::string last_mac_;
  AuditVerdict verdict_;
};

// Verifies the whole chain in `store`, page by page.  The error is the store's; a bad chain is a
// verdict.
absl::StatusOr<AuditVerdict> VerifyStore(ScheduleStore& store, const Keyring& keys,
                                         std::optional<AuditBookmark> bookmark = std::nullopt);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_AUDIT_VERIFY_H_
