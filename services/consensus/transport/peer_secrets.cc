#include "services/consensus/transport/peer_secrets.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/private_file.h"
#include "services/base/status_macros.h"
#include "services/consensus/transport/limits.h"

namespace z4j::consensus {
namespace {

bool IsSecretId(absl::string_view id) {
  return !id.empty() && id.size() <= kPeerSecretIdCharsMax &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

}  // namespace

absl::StatusOr<PeerSecrets> PeerSecrets::Create(std::vector<PeerSecret> secrets) {
  if (secrets.empty() || secrets.size() > kPeerSecretsMax) {
    return absl::InvalidArgumentError(absl::StrCat("there are ", secrets.size(),
                                                   " peer secrets; give one, or two while they ",
                                                   "are exchanged"));
  }
  for (const PeerSecret& secret : secrets) {
    if (secret.key.size() < kPeerSecretBytesMin) {
      return absl::InvalidArgumentError(absl::StrCat("peer secret '", secret.id, "' has ",
                                                     secret.key.size(), " bytes; give ",
                                                     kPeerSecretBytesMin, " or more"));
    }
  }
  if (secrets.front().id == secrets.back().id && secrets.size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat("peer secret id '", secrets.front().id,
                                                   "' stands there twice; give each its own"));
  }
  PeerSecrets out;
  out.secrets_ = std::move(secrets);
  return out;
}

const PeerSecret* PeerSecrets::Find(std::string_view id) const {
  for (const PeerSecret& secret : secrets_) {
    if (secret.id == id) return &secret;
  }
  return nullptr;
}

absl::StatusOr<PeerSecrets> ParsePeerSecrets(std::string_view text) {
  std::vector<PeerSecret> secrets;
  int line_number = 0;
  for (absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    ++line_number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    PeerSecret secret{.id = std::string(parts.first), .key = {}};
    if (!IsSecretId(parts.first) || parts.second.empty() ||
        !absl::Base64Unescape(parts.second, &secret.key)) {
      // The line itself may be a secret: it is not repeated.
      return absl::InvalidArgumentError(
          absl::StrCat("line ", line_number, " of the peer secret file is not 'id:base64'"));
    }
    secrets.push_back(std::move(secret));
  }
  return PeerSecrets::Create(std::move(secrets));
}

absl::StatusOr<PeerSecrets> LoadPeerSecrets(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text,
                   ReadPrivateFile(path, "peer secret file", kPeerSecretFileBytesMax));
  return ParsePeerSecrets(text);
}

}  // namespace z4j::consensus
