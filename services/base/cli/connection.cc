#include "services/base/cli/connection.h"

#include <chrono>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/base/field_error.h"
#include "services/base/grpc_status.h"
#include "services/base/status_macros.h"

namespace z4j {
namespace {

absl::StatusOr<std::string> ReadFile(const std::string& flag, const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path);
  if (!file) return FieldError(flag, absl::StrCat("cannot read the file '", path, "'"));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

void AddConnectionOptions(CLI::App& group, ConnectionOptions& options, const std::string& prefix,
                          const std::string& server_help) {
  group.add_option("--server", options.server, server_help)
      ->envname(prefix + "SERVER")
      ->capture_default_str();
  group.add_option("-o,--output", options.output, "table, json or yaml")
      ->check(CLI::IsMember({"table", "json", "yaml"}))
      ->capture_default_str();
  group.add_option("--timeout", options.timeout_s, "Seconds allowed for one call")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  group.add_option("--tls-ca", options.tls_ca, "CA certificate of the server; turns TLS on")
      ->envname(prefix + "CLIENT_TLS_CA");
  group.add_option("--tls-cert", options.tls_cert, "Own certificate, for mutual TLS")
      ->envname(prefix + "CLIENT_TLS_CERT");
  group.add_option("--tls-key", options.tls_key, "Key of --tls-cert")
      ->envname(prefix + "CLIENT_TLS_KEY");
  group.fallthrough();
}

absl::StatusOr<TlsTexts> ReadTlsFiles(const ConnectionOptions& options) {
  TlsTexts tls;
  ASSIGN_OR_RETURN(tls.ca, ReadFile("--tls-ca", options.tls_ca));
  ASSIGN_OR_RETURN(tls.certificate, ReadFile("--tls-cert", options.tls_cert));
  ASSIGN_OR_RETURN(tls.key, ReadFile("--tls-key", options.tls_key));
  return tls;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const ConnectionOptions& options) {
  ASSIGN_OR_RETURN(const TlsTexts tls, ReadTlsFiles(options));
  const auto credentials = tls.ca.empty()
                               ? grpc::InsecureChannelCredentials()
                               : grpc::SslCredentials({tls.ca, tls.key, tls.certificate});
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // A loopback server is behind no proxy.
  return grpc::CreateCustomChannel(options.server, credentials, arguments);
}

void SetDeadline(const ConnectionOptions& options, grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(int64_t(options.timeout_s * 1000)));
}

absl::Status StatusOfCall(const grpc::Status& result, absl::string_view nobody) {
  const absl::Status status = FromGrpcStatus(result);
  // So begins what gRPC itself says; a server that lacks something says so in its own words.
  absl::string_view why = status.message();
  if (!absl::IsUnavailable(status) ||
      !absl::ConsumePrefix(&why, "failed to connect to all addresses")) {
    return status;
  }
  absl::ConsumePrefix(&why, "; last error: ");
  return absl::UnavailableError(absl::StrCat(nobody, " (", why, ")"));
}

}  // namespace z4j
