#include "services/scheduler/cli/client.h"

#include <pwd.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/base/field_error.h"
#include "services/base/grpc_status.h"
#include "services/base/status_macros.h"
#include "services/base/uuid.h"
#include "services/scheduler/cli/command.h"

namespace z4j::scheduler {
namespace {

std::string LoginName() {
  const passwd* user = getpwuid(geteuid());
  return user != nullptr ? user->pw_name : "unknown";
}

absl::StatusOr<std::string> ReadFile(const std::string& flag, const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path);
  if (!file) return FieldError(flag, absl::StrCat("cannot read the file '", path, "'"));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

int ExitCodeOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return kExitUnauthenticated;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return kExitConflict;
    case absl::StatusCode::kFailedPrecondition:
      return kExitPrecondition;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnavailable;
    case absl::StatusCode::kDataLoss:
    default:
      return kExitFailure;
  }
}

}  // namespace

void AddClientOptions(CLI::App& group, ClientOptions& options) {
  options.actor = absl::StrCat("cli:", LoginName());
  const std::string prefix = "Z4J_SCHEDULER_";
  group.add_option("--server", options.server, "Address of a scheduler node")
      ->envname(prefix + "SERVER")
      ->capture_default_str();
  group.add_option("-p,--project", options.project, "Project of schedules given by short name")
      ->envname(prefix + "PROJECT")
      ->capture_default_str();
  group.add_option("-o,--output", options.output, "table, json or yaml")
      ->check(CLI::IsMember({"table", "json", "yaml"}))
      ->capture_default_str();
  group.add_option("--actor", options.actor, "Who the audit log names")
      ->envname(prefix + "ACTOR")
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

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const ClientOptions& options) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (!options.tls_ca.empty()) {
    grpc::SslCredentialsOptions tls;
    ASSIGN_OR_RETURN(tls.pem_root_certs, ReadFile("--tls-ca", options.tls_ca));
    ASSIGN_OR_RETURN(tls.pem_cert_chain, ReadFile("--tls-cert", options.tls_cert));
    ASSIGN_OR_RETURN(tls.pem_private_key, ReadFile("--tls-key", options.tls_key));
    credentials = grpc::SslCredentials(tls);
  }
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // A loopback server is behind no proxy.
  return grpc::CreateCustomChannel(options.server, credentials, arguments);
}

absl::Status Invoke(const ClientOptions& options,
                    absl::FunctionRef<grpc::Status(grpc::ClientContext&)> call) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(int64_t(options.timeout_s * 1000)));
  context.AddMetadata("z4j-actor", options.actor);
  const absl::Status status = FromGrpcStatus(call(context));
  // So begins what gRPC itself says; a server that cannot reach its database says so in its words.
  absl::string_view why = status.message();
  if (absl::IsUnavailable(status) &&
      absl::ConsumePrefix(&why, "failed to connect to all addresses")) {
    absl::ConsumePrefix(&why, "; last error: ");
    return absl::UnavailableError(absl::StrCat(
        "no scheduler answers at ", options.server,
        "; start one with 'z4j-scheduler serve' or name another with --server (", why, ")"));
  }
  return status;
}

int Finish(absl::FunctionRef<absl::Status()> verb) {
  const absl::Status status = verb();
  if (status.ok()) return kExitOk;
  const std::vector<FieldViolation> violations = FieldViolationsOf(status);
  if (violations.empty()) {
    std::cerr << "error: " << status.message() << "\n";
  }
  for (const FieldViolation& violation : violations) {
    std::cerr << "error: " << violation.field << ": " << violation.description << "\n";
  }
  return ExitCodeOf(status.code());
}

std::string ScheduleName(const ClientOptions& options, const std::string& name) {
  if (absl::StartsWith(name, "projects/")) return name;
  return absl::StrCat(ParentName(options), "/schedules/", name);
}

std::string ParentName(const ClientOptions& options) {
  return absl::StrCat("projects/", options.project);
}

std::string NewRequestId() { return Uuid::Random().ToString(); }

}  // namespace z4j::scheduler
