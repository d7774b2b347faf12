#ifndef Z4J_BASE_CLI_CONNECTION_H_
#define Z4J_BASE_CLI_CONNECTION_H_

#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/cli/output.h"

// What every verb that asks a server shares: where it is, how to call it, how to print its answer.
namespace z4j {

struct ConnectionOptions : OutputOptions {
  std::string server;                     // "host:port"
  std::string tls_ca, tls_cert, tls_key;  // tls_ca turns TLS on.
  double timeout_s = 30;
};

// Adds --server, -o, --timeout and the TLS options to a verb group; its verbs take them too.  They
// are also read from the environment, behind `prefix` ("Z4J_SCHEDULER_").
void AddConnectionOptions(CLI::App& group, ConnectionOptions& options, const std::string& prefix,
                          const std::string& server_help);

// PEM texts.
struct TlsTexts {
  std::string ca, certificate, key;
};
// Of the files that the options name; empty for those that are not given.  INVALID_ARGUMENT.
absl::StatusOr<TlsTexts> ReadTlsFiles(const ConnectionOptions& options);

// A channel to options.server.  INVALID_ARGUMENT if a TLS file cannot be read.
absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const ConnectionOptions& options);

// Gives a call its deadline.
void SetDeadline(const ConnectionOptions& options, grpc::ClientContext& context);

// What a call ended with.  If nothing listens there, `nobody` is the error, with gRPC's reason
// behind it: a sentence such as "no scheduler answers at …; start one with …".
absl::Status StatusOfCall(const grpc::Status& result, absl::string_view nobody);

}  // namespace z4j

#endif  // Z4J_BASE_CLI_CONNECTION_H_
