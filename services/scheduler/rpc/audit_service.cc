#include "services/scheduler/rpc/audit_service.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/scheduler/audit/verify.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/rpc/answer.h"
#include "services/scheduler/rpc/paging.h"
#include "services/scheduler/rpc/unary.h"

namespace z4j::scheduler {

absl::Status AuditServiceImpl::List(const v1::ListAuditEntriesRequest& request,
                                    v1::ListAuditEntriesResponse* response) {
  ASSIGN_OR_RETURN(const int limit, PageSize(request.page_size()));
  ASSIGN_OR_RETURN(const std::string token, ReadPageToken(request));
  int64_t after = std::max<int64_t>(0, request.after_sequence());
  if (!token.empty() && !absl::SimpleAtoi(token, &after)) {
    return FieldError("page_token", "is no page token");
  }
  // Read first, so that the entries reach at least up to it.
  ASSIGN_OR_RETURN(const AuditHead head, rpc_.store.GetAuditHead());
  response->mutable_head()->set_sequence(head.seq);
  response->mutable_head()->set_mac(head.mac);
  response->mutable_head()->set_seal(head.seal);
  response->mutable_head()->set_key_id(head.key_id);

  AnswerRoom room;  // Entries hold whole schedules.
  for (int scanned = 0; scanned < kAuditScanMax;) {
    const int wanted = request.resource().empty() ? limit - response->entries_size() : kRowsPerRead;
    ASSIGN_OR_RETURN(const std::vector<AuditEntry> entries,
                     rpc_.store.ListAudit(after, std::min(wanted, kRowsPerRead)));
    for (const AuditEntry& entry : entries) {
      if (request.resource().empty() || entry.resource == request.resource()) {
        SetAuditEntry(entry, response->add_entries());
        if (!room.KeepLast(response->mutable_entries())) {
          response->set_next_page_token(MakePageToken(request, absl::StrCat(after)));
          return absl::OkStatus();
        }
      }
      after = entry.seq;
      if (response->entries_size() == limit) break;
    }
    if (entries.empty() || response->entries_size() == limit) break;
    scanned += static_cast<int>(entries.size());
  }
  if (after < head.seq) {
    response->set_next_page_token(MakePageToken(request, absl::StrCat(after)));
  }
  return absl::OkStatus();
}

AuditServiceImpl::Reactor* AuditServiceImpl::ListAuditEntries(
    Context* context, const v1::ListAuditEntriesRequest* request,
    v1::ListAuditEntriesResponse* response) {
  return AnswerOnPool(rpc_, context,
                      [this, request, response] { return List(*request, response); });
}

AuditServiceImpl::Reactor* AuditServiceImpl::VerifyAuditChain(
    Context* context, const v1::VerifyAuditChainRequest* request,
    v1::VerifyAuditChainResponse* response) {
  return AnswerOnPool(rpc_, context, [this, request, response]() -> absl::Status {
    std::optional<AuditBookmark> bookmark;
    if (request->bookmark_sequence() != 0) {
      bookmark = AuditBookmark{request->bookmark_sequence(), request->bookmark_mac()};
    }
    ASSIGN_OR_RETURN(const AuditVerdict verdict, VerifyStore(rpc_.store, rpc_.keys, bookmark));
    response->set_valid(verdict.ok());
    response->set_verified_entries(verdict.entries);
    response->set_first_bad_sequence(verdict.seq);
    response->set_problem(verdict.message);
    return absl::OkStatus();
  });
}

}  // namespace z4j::scheduler
