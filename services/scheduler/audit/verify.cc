#include "services/scheduler/audit/verify.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {

const char* AuditFaultName(AuditFault fault) {
  switch (fault) {
    case AuditFault::kNone:
      return "ok";
    case AuditFault::kGap:
      return "gap";
    case AuditFault::kWrongPrevious:
      return "wrong previous";
    case AuditFault::kMacMismatch:
      return "mac mismatch";
    case AuditFault::kUnknownKey:
      return "unknown key";
    case AuditFault::kTruncated:
      return "truncated";
    case AuditFault::kHeadSeal:
      return "head seal";
    case AuditFault::kHeadMismatch:
      return "head mismatch";
    case AuditFault::kRolledBack:
      return "rolled back";
  }
  return "unknown";
}

ChainVerifier::ChainVerifier(const Keyring& keys, AuditHead head,
                             std::optional<AuditBookmark> bookmark)
    : mac_(keys), head_(std::move(head)), bookmark_(std::move(bookmark)) {}

bool ChainVerifier::Fail(AuditFault fault, int64_t seq, std::string message) {
  verdict_.fault = fault;
  verdict_.seq = seq;
  verdict_.message = std::move(message);
  return false;
}

bool ChainVerifier::Add(const AuditEntry& entry) {
  if (!verdict_.ok()) return false;
  if (seq_ == head_.seq && entry.seq > seq_) return true;
  if (entry.seq != seq_ + 1) {
    return Fail(
        AuditFault::kGap, seq_ + 1,
        absl::StrCat("entry ", seq_ + 1, " is missing: entry ", entry.seq, " stands in its place"));
  }
  if (!MacsEqual(entry.previous_mac, last_mac_)) {
    return Fail(AuditFault::kWrongPrevious, entry.seq,
                absl::StrCat("entry ", entry.seq, " does not continue the entry before it"));
  }
  const absl::StatusOr<std::string> mac = mac_.EntryMac(entry);
  if (!mac.ok()) {
    return Fail(AuditFault::kUnknownKey, entry.seq,
                absl::StrCat("entry ", entry.seq, " was written under key '", entry.key_id,
                             "', which the key file lacks"));
  }
  if (!MacsEqual(*mac, entry.mac)) {
    return Fail(AuditFault::kMacMismatch, entry.seq,
                absl::StrCat("entry ", entry.seq, " was changed after it was written"));
  }
  if (bookmark_ && bookmark_->seq == entry.seq && !MacsEqual(bookmark_->mac, entry.mac)) {
    return Fail(AuditFault::kRolledBack, entry.seq,
                absl::StrCat("entry ", entry.seq,
                             " is not the one that was noted earlier: the "
                             "chain was rolled back and written anew"));
  }
  seq_ = entry.seq;
  last_mac_ = entry.mac;
  ++verdict_.entries;
  return true;
}

AuditVerdict ChainVerifier::Finish() {
  // The head is judged last: an edited entry says more than a seal that no longer fits.
  if (!verdict_.ok()) return verdict_;
  if (head_ != AuditHead{}) {
    const absl::StatusOr<std::string> seal = mac_.HeadSeal(head_);
    if (!seal.ok()) {
      Fail(AuditFault::kUnknownKey, 0,
           absl::StrCat("the head was sealed under key '", head_.key_id,
                        "', which the key file lacks"));
    } else if (!MacsEqual(*seal, head_.seal)) {
      Fail(AuditFault::kHeadSeal, 0,
           absl::StrCat("the head (", head_.seq, " entries) was changed after it was written"));
    }
  }
  if (!verdict_.ok()) return verdict_;
  if (seq_ < head_.seq) {
    Fail(AuditFault::kTruncated, seq_ + 1,
         absl::StrCat("the chain ends at entry ", seq_, ", but its head counts ", head_.seq));
  } else if (!MacsEqual(head_.mac, last_mac_)) {
    Fail(AuditFault::kHeadMismatch, seq_,
         absl::StrCat("the head does not name entry ", seq_, " as the last one"));
  } else if (past_head_ > seq_) {
    Fail(AuditFault::kHeadMismatch, seq_ + 1,
         absl::StrCat("the head counts ", seq_, " entries, but entry ", past_head_, " follows"));
  } else if (bookmark_ && bookmark_->seq > seq_) {
    Fail(AuditFault::kRolledBack, seq_ + 1,
         absl::StrCat("the chain has ", seq_, " entries, but entry ", bookmark_->seq,
                      " was noted earlier: it was rolled back"));
  }
  return verdict_;
}

absl::StatusOr<AuditVerdict> VerifyStore(ScheduleStore& store, const Keyring& keys,
                                         std::optional<AuditBookmark> bookmark) {
  ASSIGN_OR_RETURN(const AuditHead head, store.GetAuditHead());
  ChainVerifier verifier(keys, head, std::move(bookmark));
  int64_t after = 0;
  bool good = true;
  while (good && after < head.seq) {
    ASSIGN_OR_RETURN(const std::vector<AuditEntry> page, store.ListAudit(after, kPageSizeMax));
    if (page.empty()) break;
    for (const AuditEntry& entry : page) good = good && verifier.Add(entry);
    after = page.back().seq;
  }
  // Entries past the head are new ones, unless a head read after them still does not count them.
  ASSIGN_OR_RETURN(const std::vector<AuditEntry> beyond, store.ListAudit(head.seq, 1));
  if (!beyond.empty()) {
    ASSIGN_OR_RETURN(const AuditHead newer, store.GetAuditHead());
    if (newer.seq < beyond.front().seq) verifier.NotePastHead(beyond.front().seq);
  }
  return verifier.Finish();
}

}  // namespace z4j::scheduler
