#ifndef Z4J_SCHEDULER_CLI_CLIENT_H_
#define Z4J_SCHEDULER_CLI_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/base/cli/command.h"
#include "services/base/cli/connection.h"

// What every client verb shares: where the server is, how to call it, how to say what went wrong.
namespace z4j::scheduler {

struct ClientOptions : ConnectionOptions {
  ClientOptions() { server = "127.0.0.1:7801"; }
  std::string project = "default";
  std::string actor;  // Who the audit log shall name; the user's login by default.
};

// Adds --server, --project, -o and the TLS options to a verb group; its verbs take them too.
void AddClientOptions(CLI::App& group, ClientOptions& options);

// Runs one unary call with deadline and caller identity.  A refused connection becomes a sentence
// that says how to start or name the server.
absl::Status Invoke(const ClientOptions& options,
                    absl::FunctionRef<grpc::Status(grpc::ClientContext&)> call);

// "projects/default/schedules/nightly" for "nightly"; a full name stays as it is.
std::string ScheduleName(const ClientOptions& options, const std::string& name);
std::string ParentName(const ClientOptions& options);  // "projects/default"

// A new request id: a call that is sent again has the same effect once.
std::string NewRequestId();

// A stub for `Service` on a new channel:  ASSIGN_OR_RETURN(auto stub,
// StubOf<FireService>(options));
template <typename Service>
absl::StatusOr<std::unique_ptr<typename Service::Stub>> StubOf(const ClientOptions& options) {
  auto channel = Connect(options);
  if (!channel.ok()) return channel.status();
  return Service::NewStub(*std::move(channel));
}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_CLIENT_H_
