#include "services/consensus/transport/peer_name.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace z4j::consensus {
namespace {

constexpr size_t kNamesShownMax = 5;  // Of a certificate, in a message.

std::vector<std::string> ValuesOf(const grpc::AuthContext& connection, const char* property) {
  std::vector<std::string> values;
  for (const grpc::string_ref& value : connection.FindPropertyValues(property)) {
    values.emplace_back(value.data(), value.size());
  }
  return values;
}

bool IsUriOf(absl::string_view uri, NodeId node) {
  return absl::StartsWithIgnoreCase(uri, "spiffe://") &&
         absl::EndsWithIgnoreCase(uri, absl::StrCat("/node/", node.value));
}

bool IsDnsNameOf(absl::string_view name, NodeId node) {
  return absl::EqualsIgnoreCase(name.substr(0, name.find('.')), absl::StrCat("node-", node.value));
}

std::string Describe(const PeerNames& names) {
  std::vector<std::string> shown;
  for (const auto* list : {&names.uris, &names.dns}) {
    for (const std::string& name : *list) {
      if (shown.size() < kNamesShownMax) shown.push_back(absl::CHexEscape(name.substr(0, 100)));
    }
  }
  if (shown.empty() && !names.common_name.empty()) {
    shown.push_back(absl::CHexEscape(names.common_name.substr(0, 100)));
  }
  return shown.empty() ? "has no name" : "names " + absl::StrJoin(shown, ", ");
}

}  // namespace

PeerNames NamesOf(const grpc::AuthContext& connection) {
  PeerNames names{.uris = ValuesOf(connection, GRPC_PEER_URI_PROPERTY_NAME),
                  .dns = ValuesOf(connection, GRPC_PEER_DNS_PROPERTY_NAME),
                  .common_name = {}};
  const std::vector<std::string> common = ValuesOf(connection, GRPC_X509_CN_PROPERTY_NAME);
  if (common.size() == 1) names.common_name = common[0];
  return names;
}

absl::Status CheckPeerName(const PeerNames& names, NodeId node) {
  const bool by_uri = std::any_of(names.uris.begin(), names.uris.end(),
                                  [node](const auto& uri) { return IsUriOf(uri, node); });
  const bool by_dns = std::any_of(names.dns.begin(), names.dns.end(),
                                  [node](const auto& name) { return IsDnsNameOf(name, node); });
  const bool has_neither = names.uris.empty() && names.dns.empty();
  if (by_uri || by_dns || (has_neither && IsDnsNameOf(names.common_name, node))) {
    return absl::OkStatus();
  }
  return absl::UnauthenticatedError(absl::StrCat("the certificate of node ", node.value, " ",
                                                 Describe(names), "; it must name node-",
                                                 node.value));
}

}  // namespace z4j::consensus
