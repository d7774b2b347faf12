#include "services/consensus/machine/command.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/consensus/limits.h"

namespace z4j::consensus {
namespace {

constexpr uint64_t kTimeMax = uint64_t{1} << 62;  // In µs; leaves room to add waits.

absl::Status CheckBytes(absl::string_view field, const std::string& text, size_t min, size_t max) {
  if (text.size() >= min && text.size() <= max) return absl::OkStatus();
  return FieldError(field,
                    absl::StrCat("has ", text.size(), " bytes; ", min, "..", max, " are allowed"));
}

absl::Status CheckName(const std::string& name) {
  return CheckBytes("name", name, 1, kNameBytesMax);
}

absl::Status CheckToken(Token token) {
  if (token.value > 0) return absl::OkStatus();
  return FieldError("token", "is 0; give the token that was granted");
}

absl::Status CheckOperations(absl::string_view field, const std::vector<KvOperation>& operations) {
  if (operations.size() > kTxnPartsMax) {
    return FieldError(field, absl::StrCat("has ", operations.size(), " operations; at most ",
                                          kTxnPartsMax, " are allowed"));
  }
  std::set<absl::string_view> written;
  for (const KvOperation& operation : operations) {
    RETURN_IF_ERROR(CheckBytes(absl::StrCat(field, ".key"), operation.key, 1, kNameBytesMax));
    if (const auto* put = std::get_if<KvPut>(&operation.action)) {
      RETURN_IF_ERROR(CheckBytes(absl::StrCat(field, ".put"), put->value, 0, kKvValueBytesMax));
    }
    if (std::holds_alternative<KvGet>(operation.action)) continue;
    if (!written.insert(operation.key).second) {
      return FieldError(absl::StrCat(field, ".key"), "is written twice; leave one of them out");
    }
  }
  return absl::OkStatus();
}

absl::Status Check(const OpenSession& open) {
  if (open.nonce == 0) return FieldError("nonce", "is 0; draw one at random");
  return CheckBytes("owner", open.owner, 0, kSessionOwnerBytesMax);
}
absl::Status Check(const RenewSessions& renew) {
  if (renew.sessions.size() <= kSessionsMax) return absl::OkStatus();
  return FieldError("sessions", absl::StrCat("more than ", kSessionsMax));
}
absl::Status Check(const SetEpoch& set) {
  if (set.epoch.value >= 1 && set.epoch.value <= kEpochMax) return absl::OkStatus();
  return FieldError("epoch", absl::StrCat(set.epoch.value, " is not in 1..", kEpochMax));
}
absl::Status Check(const Enter& enter) {
  RETURN_IF_ERROR(CheckName(enter.name));
  return CheckBytes("value", enter.value, 0,
                    enter.kind == ClaimKind::kElection ? kAnnouncementBytesMax : 0);
}
absl::Status Check(const Leave& leave) { return CheckName(leave.name); }
absl::Status Check(const Release& release) {
  RETURN_IF_ERROR(CheckName(release.name));
  return CheckToken(release.token);
}
absl::Status Check(const ForceRelease& release) {
  RETURN_IF_ERROR(CheckName(release.name));
  return CheckToken(release.token);
}
absl::Status Check(const Proclaim& proclaim) {
  RETURN_IF_ERROR(CheckName(proclaim.name));
  RETURN_IF_ERROR(CheckToken(proclaim.token));
  return CheckBytes("value", proclaim.value, 0, kAnnouncementBytesMax);
}
absl::Status Check(const KvTxn& txn) {
  if (txn.compares.size() > kTxnPartsMax) {
    return FieldError("compares", absl::StrCat("has ", txn.compares.size(), "; at most ",
                                               kTxnPartsMax, " are allowed"));
  }
  for (const KvCompare& compare : txn.compares) {
    RETURN_IF_ERROR(CheckBytes("compares.key", compare.key, 1, kNameBytesMax));
  }
  RETURN_IF_ERROR(CheckOperations("then", txn.then));
  return CheckOperations("otherwise", txn.otherwise);
}
template <typename Other>
absl::Status Check(const Other&) {
  return absl::OkStatus();
}

enum class Owner { kNone, kSession, kAny };

template <typename C>
constexpr Owner kOwnerOf = Owner::kNone;
template <>
constexpr Owner kOwnerOf<Enter> = Owner::kSession;
template <>
constexpr Owner kOwnerOf<Release> = Owner::kSession;
template <>
constexpr Owner kOwnerOf<Proclaim> = Owner::kSession;
template <>
constexpr Owner kOwnerOf<ForceRelease> = Owner::kAny;
template <>
constexpr Owner kOwnerOf<KvTxn> = Owner::kAny;

absl::Status CheckRequest(const std::optional<RequestId>& request, Owner owner) {
  if (owner == Owner::kNone) {
    if (!request.has_value()) return absl::OkStatus();
    return FieldError("request_id", "has no meaning here; leave it out");
  }
  if (!request.has_value()) return FieldError("request_id", "is missing");
  if (request->sequence == 0) return FieldError("request_id.sequence", "is 0; count from 1 on");
  if (request->sequence < request->first_outstanding) {
    return FieldError("request_id.first_outstanding", "is above the request's own sequence");
  }
  if (request->sequence - request->first_outstanding > kOutstandingMax) {
    return FieldError("request_id.sequence",
                      absl::StrCat("is ", request->sequence - request->first_outstanding,
                                   " above first_outstanding; at most ", kOutstandingMax));
  }
  if (const auto* session = std::get_if<SessionId>(&request->owner)) {
    if (session->value > 0) return absl::OkStatus();
    return FieldError("request_id.session_id", "is 0; open a session");
  }
  if (owner == Owner::kSession) return FieldError("request_id.session_id", "is missing");
  if (std::get<RequestId::Client>(request->owner).value > 0) return absl::OkStatus();
  return FieldError("request_id.client_id", "is 0; draw one at random");
}

}  // namespace

absl::Status CheckEnvelope(const Envelope& envelope) {
  if (envelope.time.micros > kTimeMax) {
    return FieldError("time", "lies beyond what any cluster lives to see");
  }
  return std::visit(
      [&](const auto& command) -> absl::Status {
        RETURN_IF_ERROR(CheckRequest(envelope.request, kOwnerOf<std::decay_t<decltype(command)>>));
        return Check(command);
      },
      envelope.command);
}

}  // namespace z4j::consensus
