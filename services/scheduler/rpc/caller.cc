#include "services/scheduler/rpc/caller.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "services/scheduler/core/text_rules.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

// A certificate may name its holder with bytes that no text column takes.
std::string Storable(const std::string& identity) {
  const bool fine = CheckText(identity, 0, kActorCharsMax, TextShape::kOneLine).empty();
  return fine ? identity : absl::CHexEscape(identity).substr(0, kActorCharsMax);
}

std::string ActorOf(const grpc::CallbackServerContext& context) {
  const auto auth = context.auth_context();
  if (auth != nullptr && auth->IsPeerAuthenticated()) {
    const std::vector<grpc::string_ref> identity = auth->GetPeerIdentity();
    if (!identity.empty()) return "tls:" + Storable({identity[0].data(), identity[0].size()});
  }
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("z4j-actor");
  if (found == metadata.end()) return "anonymous";
  const std::string actor(found->second.data(), found->second.size());
  const bool sane = !actor.empty() && actor.size() <= kActorCharsMax &&
                    std::all_of(actor.begin(), actor.end(), absl::ascii_isprint);
  return sane ? actor : "anonymous";
}

// "ipv4:127.0.0.1:5000" and "ipv6:%5B::1%5D:5000" without the scheme.
std::string SourceOf(const grpc::CallbackServerContext& context) {
  const std::string peer = absl::StrReplaceAll(context.peer(), {{"%5B", "["}, {"%5D", "]"}});
  absl::string_view source = peer;
  if (!absl::ConsumePrefix(&source, "ipv4:")) absl::ConsumePrefix(&source, "ipv6:");
  return std::string(source);
}

}  // namespace

Caller CallerOf(const grpc::CallbackServerContext& context) {
  return {ActorOf(context), SourceOf(context)};
}

}  // namespace z4j::scheduler
