#include "services/consensus/admission/source.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace z4j::consensus {
namespace {

constexpr size_t kPrefixBytes = 8;  // Of an IPv6 address.

}  // namespace

std::string SourceOf(std::string_view address) {
  // gRPC escapes the brackets.
  const std::string whole = absl::StrReplaceAll(absl::string_view(address.data(), address.size()),
                                                {{"%5B", "["}, {"%5D", "]"}});
  absl::string_view text = whole;
  const size_t port = text.rfind(':');
  if (port == absl::string_view::npos) return whole;
  if (absl::ConsumePrefix(&text, "ipv4:")) return std::string(text.substr(0, text.rfind(':')));
  if (!absl::ConsumePrefix(&text, "ipv6:[")) return whole;
  std::string host(text.substr(0, text.find(']')));
  host = host.substr(0, host.find('%'));  // Without the link.
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(AF_INET6, host.c_str(), bytes.data()) != 1) return host;
  std::fill(bytes.begin() + kPrefixBytes, bytes.end(), 0);
  std::array<char, INET6_ADDRSTRLEN> out{};
  inet_ntop(AF_INET6, bytes.data(), out.data(), out.size());
  return std::string(out.data()) + "/64";
}

}  // namespace z4j::consensus
