#include "services/consensus/rpc/convert.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/consensus/limits.h"

namespace z4j::consensus {
namespace {

constexpr char kTokenVersion = '1';
constexpr int64_t kDurationSecondsMax = 315'576'000'000;  // Of the proto's own definition.

}  // namespace

void SetDuration(absl::Duration duration, google::protobuf::Duration* out) {
  const absl::Duration most = absl::Seconds(kDurationSecondsMax);
  absl::Duration rest = std::clamp(duration, -most, most);
  out->set_seconds(absl::IDivDuration(rest, absl::Seconds(1), &rest));
  out->set_nanos(static_cast<int32_t>(absl::IDivDuration(rest, absl::Nanoseconds(1), &rest)));
}

absl::StatusOr<absl::Duration> DurationOf(absl::string_view field,
                                          const google::protobuf::Duration& duration) {
  const absl::Duration value =
      absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
  if (value >= absl::ZeroDuration()) return value;
  return FieldError(
      field, absl::StrCat(absl::FormatDuration(value), " is negative; write 0s for not at all"));
}

RequestId RequestIdOf(const v1::RequestId& id) {
  RequestId request;
  if (id.owner_case() == v1::RequestId::kClientId) {
    request.owner = RequestId::Client{id.client_id()};
  } else {
    request.owner = SessionId{id.session_id()};
  }
  request.sequence = id.sequence();
  request.first_outstanding = id.first_outstanding();
  return request;
}

absl::Status CheckName(absl::string_view field, const std::string& name) {
  if (!name.empty() && name.size() <= kNameBytesMax) return absl::OkStatus();
  return FieldError(
      field, absl::StrCat("has ", name.size(), " bytes; 1..", kNameBytesMax, " are allowed"));
}

void SetHeader(const RpcContext& rpc, Term term, Revision revision, v1::ResponseHeader* out) {
  out->set_cluster_id(rpc.options.identity.cluster.value);
  out->set_node_id(rpc.options.identity.id.value);
  out->set_term(term.value);
  out->set_revision(revision.value);
  SetDuration(absl::ZeroDuration(), out->mutable_staleness());
}

void SetStaleness(const RpcContext& rpc, const Replica& replica, v1::ResponseHeader* out) {
  const MonoTime since = replica.InTouch().value_or(rpc.started);
  const absl::Duration age = rpc.clock.MonoNow() - since;
  SetDuration(std::max(age, absl::ZeroDuration()), out->mutable_staleness());
}

absl::StatusOr<PageStart> PageStartOf(int32_t page_size, const std::string& page_token) {
  if (page_size < 0) {
    return FieldError("page_size", absl::StrCat(page_size, " is negative; write 0 for the default ",
                                                kPageSizeDefault, ", at most ", kPageSizeMax));
  }
  PageStart start;
  start.size = page_size == 0 ? kPageSizeDefault : std::min(page_size, kPageSizeMax);
  if (page_token.empty()) return start;
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(page_token, &bytes) || bytes.empty() ||
      bytes.front() != kTokenVersion) {
    return FieldError("page_token", "is none that this service gave; begin without one");
  }
  start.after = bytes.substr(1);
  return start;
}

std::string PageTokenAfter(const std::string& last) {
  return absl::WebSafeBase64Escape(kTokenVersion + last);
}

}  // namespace z4j::consensus
