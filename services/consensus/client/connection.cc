#include "services/consensus/client/connection.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/uuid.h"
#include "services/consensus/client/failure.h"

namespace z4j::consensus::client {
namespace {

// By the monotone clock, unlike a time point.
gpr_timespec In(absl::Duration duration) {
  return gpr_time_from_nanos(absl::ToInt64Nanoseconds(duration), GPR_TIMESPAN);
}

std::shared_ptr<grpc::ChannelCredentials> CredentialsOf(const std::optional<Tls>& tls) {
  if (!tls.has_value()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = tls->ca;
  options.pem_private_key = tls->key;
  options.pem_cert_chain = tls->certificate;
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::Channel> MakeChannel(
    const std::string& endpoint, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  const auto milliseconds = [](absl::Duration duration) {
    return static_cast<int>(absl::ToInt64Milliseconds(duration));
  };
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, milliseconds(kBackoffMin));
  // Despite its name it is also the time that one attempt to connect has.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, milliseconds(kConnectTimeout));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, milliseconds(kBackoffMax));
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // They are this room's own business.
  arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
  return grpc::CreateCustomChannel(endpoint, credentials, arguments);
}

// False: not connected in time, or the last attempt failed and the next is not due.
bool AwaitReady(grpc::Channel& channel, absl::Duration timeout) {
  const gpr_timespec deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), In(timeout));
  while (true) {
    const grpc_connectivity_state state = channel.GetState(true);
    if (state == GRPC_CHANNEL_READY) return true;
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN) return false;
    if (!channel.WaitForStateChange(state, deadline)) return false;
  }
}

uint64_t RandomSeed() {
  const Uuid random = Uuid::Random();
  uint64_t seed = 0;
  std::memcpy(&seed, random.bytes.data(), sizeof(seed));
  return seed;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Create(ConnectionOptions options,
                                                               Clock& clock) {
  if (options.endpoints.empty()) {
    return FieldError("endpoints", "none are given; name at least one node of the cluster");
  }
  for (const std::string& endpoint : options.endpoints) {
    if (!endpoint.empty()) continue;
    return FieldError("endpoints", "one is empty; write host:port");
  }
  return std::unique_ptr<Connection>(new Connection(std::move(options), clock));
}

Connection::Connection(ConnectionOptions options, Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      credentials_(CredentialsOf(options_.tls)),
      rng_(RandomSeed()),
      finder_(options_.endpoints, rng_.Next()) {
  absl::MutexLock lock(&mu_);
  // All connect now, so that a change of leader need not wait for it.
  for (const std::string& endpoint : options_.endpoints) ChannelTo(endpoint)->GetState(true);
}

Connection::~Connection() = default;

uint64_t Connection::NextSeed() {
  absl::MutexLock lock(&mu_);
  return rng_.Next();
}

std::shared_ptr<grpc::Channel> Connection::ChannelTo(const std::string& endpoint) {
  std::shared_ptr<grpc::Channel>& channel = channels_[endpoint];
  if (channel == nullptr) channel = MakeChannel(endpoint, credentials_);
  return channel;
}

Connection::Target Connection::target() {
  absl::MutexLock lock(&mu_);
  return {finder_.target(), ChannelTo(finder_.target())};
}

void Connection::Leads(const std::string& endpoint) {
  absl::MutexLock lock(&mu_);
  if (!finder_.Leads(endpoint)) return;
  for (FollowsLeader* call : followers_) {
    if (call->endpoint_ != endpoint) call->context_->TryCancel();
  }
  // Addresses that hints gave and nobody uses are forgotten.
  for (auto it = channels_.begin(); it != channels_.end();) {
    const bool kept = it->first == endpoint ||
                      std::count(options_.endpoints.begin(), options_.endpoints.end(), it->first);
    it = kept ? std::next(it) : channels_.erase(it);
  }
}

bool Connection::Failed(const std::string& endpoint, const Failure& failure) {
  absl::MutexLock lock(&mu_);
  switch (failure.reason) {
    case Reason::kNotLeader:
    case Reason::kInterrupted:
    case Reason::kDropped:
      return finder_.DoesNotLead(endpoint, failure.leader);
    case Reason::kOther:
    case Reason::kNoAnswer:
    case Reason::kNoQuorum:
      finder_.Failed(endpoint);
      return false;
    default:
      return false;  // A leader's answer.
  }
}

Result<Done> Connection::Call(const CallPlan& plan, Attempt attempt) {
  Pursuit pursuit(plan.repeat, nodes(), NextSeed());
  Cancellation none;
  Cancellation& cancellation =
      plan.options.cancellation != nullptr ? *plan.options.cancellation : none;
  std::string last = "nothing was sent";
  while (true) {
    if (cancellation.cancelled()) {
      return pursuit.GiveUp(Reason::kCancelled, absl::CancelledError("no longer wanted"));
    }
    if (clock_.MonoNow() >= plan.options.deadline) {
      return pursuit.GiveUp(Reason::kNoAnswer,
                            absl::DeadlineExceededError(absl::StrCat("no answer in time: ", last)));
    }
    const Target to = target();
    std::optional<Failure> failure =
        Try(to, plan.options, plan.waits ? absl::InfiniteDuration() : options_.attempt_timeout,
            plan.waits, attempt);
    if (!failure.has_value()) {
      if (plan.leader_only) Leads(to.endpoint);
      return Done{};
    }
    last = failure->status.ToString();
    // Whose patience was short learns nothing about the node.
    const bool blame = !cancellation.cancelled() && clock_.MonoNow() < plan.options.deadline;
    const bool hinted = blame && Failed(to.endpoint, *failure);
    const Pursuit::Next next = pursuit.Failed(*std::move(failure), hinted);
    if (const auto* over = std::get_if<Failure>(&next)) return *over;
    cancellation.Sleep(
        std::min(std::get<absl::Duration>(next), plan.options.deadline - clock_.MonoNow()));
  }
}

Result<Done> Connection::CallNode(const std::string& endpoint, const CallOptions& options,
                                  Attempt attempt) {
  Target to{endpoint, nullptr};
  {
    absl::MutexLock lock(&mu_);
    to.channel = ChannelTo(endpoint);
  }
  std::optional<Failure> failure = Try(to, options, absl::InfiniteDuration(), false, attempt);
  if (failure.has_value()) return *std::move(failure);
  return Done{};
}

std::optional<Failure> Connection::Try(const Target& target, const CallOptions& options,
                                       absl::Duration timeout, bool follow, Attempt attempt) {
  const absl::Duration left = options.deadline - clock_.MonoNow();
  // What was never sent is surely not done.
  if (!AwaitReady(*target.channel, std::min(left, kConnectTimeout))) {
    return Failure{
        .outcome = Outcome::kNotDone,
        .reason = Reason::kNoAnswer,
        .status = absl::UnavailableError(absl::StrCat(
            "cannot connect to ", target.endpoint,
            options_.tls ? ": nothing listens there, or its certificate is not of the authority "
                           "given, or does not name this host"
                         : ""))};
  }
  grpc::ClientContext context;
  timeout = std::min(timeout, left);
  if (timeout != absl::InfiniteDuration()) context.set_deadline(In(timeout));
  const Cancellation::Scope cancellation(options.cancellation, &context);
  std::optional<FollowsLeader> follows;
  if (follow) follows.emplace(*this, target.endpoint, &context);
  const grpc::Status status = attempt(target.channel, &context);
  if (status.ok()) return std::nullopt;
  return FailureOf(status);
}

Connection::FollowsLeader::FollowsLeader(Connection& connection, std::string endpoint,
                                         grpc::ClientContext* context)
    : connection_(connection), endpoint_(std::move(endpoint)), context_(context) {
  absl::MutexLock lock(&connection_.mu_);
  connection_.followers_.insert(this);
  const LeaderFinder& finder = connection_.finder_;
  if (finder.sure() && finder.target() != endpoint_) context_->TryCancel();
}

Connection::FollowsLeader::~FollowsLeader() {
  absl::MutexLock lock(&connection_.mu_);
  connection_.followers_.erase(this);
}

}  // namespace z4j::consensus::client
