#include "services/scheduler/elect/remote_raft_elector.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/consensus/client/consensus_client.h"

namespace z4j::scheduler {
namespace {

using consensus::client::CallOptions;
using consensus::client::Connection;
using consensus::client::ConsensusClient;
using consensus::client::LeaderWatch;
using consensus::client::Leading;
using consensus::client::Result;
using consensus::client::SessionOptions;

// What a leader announces: its name and address, a line each.  Names have no line ends.
std::string Announcement(const RemoteRaftElector::Options& options) {
  return absl::StrCat(options.node, "\n", options.address);
}

std::string NodeOf(absl::string_view announcement) {
  return std::string(announcement.substr(0, announcement.find('\n')));
}

}  // namespace

absl::StatusOr<std::unique_ptr<RemoteRaftElector>> RemoteRaftElector::Create(Options options,
                                                                             Clock& clock) {
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection,
                   Connection::Create({options.endpoints, options.tls}, clock));
  return std::unique_ptr<RemoteRaftElector>(
      new RemoteRaftElector(std::move(options), std::move(connection), clock));
}

RemoteRaftElector::RemoteRaftElector(Options options, std::unique_ptr<Connection> connection,
                                     Clock& clock)
    : options_(std::move(options)),
      election_(absl::StrCat("z4j-scheduler/", options_.cluster)),
      clock_(clock),
      connection_(std::move(connection)) {}

RemoteRaftElector::~RemoteRaftElector() { Stop(); }

absl::Status RemoteRaftElector::Start(absl::AnyInvocable<void()> on_change) {
  on_change_ = std::move(on_change);
  watch_ = std::make_unique<LeaderWatch>(*connection_, election_,
                                         [this](const Leading& leading) { Observed(leading); });
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void RemoteRaftElector::Run() {
  while (StandBack()) Strive();
}

bool RemoteRaftElector::StandBack() {
  while (!stopping_.cancelled()) {
    absl::Duration pause;
    {
      absl::MutexLock lock(&mu_);
      pause = paused_until_ - clock_.MonoNow();
    }
    if (pause <= absl::ZeroDuration()) return true;
    stopping_.Sleep(pause);
  }
  return false;
}

void RemoteRaftElector::Strive() {
  SessionOptions opening;
  opening.ttl = options_.session_ttl;
  opening.owner = options_.node;
  opening.on_change = [this] { wake_up_.Notify(); };
  opening.before_sign = options_.before_sign;
  CallOptions call;
  call.cancellation = &stopping_;
  Result<std::unique_ptr<Session>> opened = Session::Open(*connection_, opening, call);
  if (!opened.ok()) {
    if (stopping_.cancelled()) return;
    LogWarning("no session with the consensus", {{"status", opened.status().ToString()}});
    stopping_.Sleep(kRemoteRetryPause);
    return;
  }
  const std::shared_ptr<Session> session = *std::move(opened);
  SetSession(session);
  bool useful = true;
  while (useful && StandBack()) {
    const Result<uint64_t> token = session->Campaign(election_, Announcement(options_), call);
    useful = token.ok() && Lead(*session, {static_cast<int64_t>(*token)});
    if (token.ok() || stopping_.cancelled() || session->lost()) continue;
    LogWarning("cannot campaign", {{"status", token.status().ToString()}});
    stopping_.Sleep(kRemoteRetryPause);
  }
  SetSession(nullptr);
  // Whatever it still holds or waits for goes with it.
  call.cancellation = nullptr;
  call.deadline = clock_.MonoNow() + kRemoteTellMax;
  session->Close(call).status().IgnoreError();
}

bool RemoteRaftElector::Lead(Session& session, FencingToken token) {
  {
    absl::MutexLock lock(&mu_);
    must_exceed_.reset();  // It was of an earlier term.
    // Who resigned while waiting stands back, too.
    if (!stopping_.cancelled() && clock_.MonoNow() >= paused_until_) token_ = token;
  }
  while (true) {
    wake_up_.Clear();
    std::optional<FencingToken> must_exceed;
    {
      absl::MutexLock lock(&mu_);
      if (token_ != token || stopping_.cancelled() || session.lost()) break;
      must_exceed = std::exchange(must_exceed_, std::nullopt);
    }
    if (must_exceed.has_value() && RaiseTokens(token, *must_exceed)) break;
    on_change_();
    wake_up_.Await(absl::Hours(1));
  }
  {
    absl::MutexLock lock(&mu_);
    if (token_ == token) token_.reset();
    given_up_ = token;
  }
  on_change_();
  // The end of the session ends the leadership, too.
  if (session.lost() || stopping_.cancelled()) return false;
  return PassOn(session, token);
}

bool RemoteRaftElector::RaiseTokens(FencingToken token, FencingToken seen) {
  // A greater token of this very cluster means that the session ended, which is not known here yet.
  const std::optional<LeaderTerm> held = Current(clock_.MonoNow());
  if (token > seen || !held.has_value() || held->token != token) return false;
  LogWarning("the store has seen a greater token than this cluster ever gave; raising the epoch",
             {{"token", token.value}, {"seen", seen.value}});
  consensus::v1::RaiseTokensRequest request;
  request.set_above(static_cast<uint64_t>(seen.value));
  CallOptions call;
  call.deadline = clock_.MonoNow() + kRemoteTellMax;
  call.cancellation = &stopping_;
  const absl::Status status = ConsensusClient(*connection_).RaiseTokens(request, call).status();
  if (!status.ok()) LogWarning("cannot raise the epoch", {{"status", status.ToString()}});
  return status.ok();
}

bool RemoteRaftElector::PassOn(Session& session, FencingToken token) {
  std::string successor;
  {
    absl::MutexLock lock(&mu_);
    successor = std::exchange(successor_, "");
  }
  uint64_t next = 0;  // The first that waits.
  if (!successor.empty()) next = FindCandidate(session, successor).value_or(0);
  CallOptions call;
  call.deadline = clock_.MonoNow() + kRemoteTellMax;
  return session.Resign(election_, static_cast<uint64_t>(token.value), next, call).ok();
}

absl::StatusOr<uint64_t> RemoteRaftElector::FindCandidate(Session& session,
                                                          const std::string& name) {
  CallOptions call;
  call.deadline = clock_.MonoNow() + kRemoteTellMax;
  const auto candidates = session.Candidates(election_, call);
  if (!candidates.ok()) return candidates.status();
  for (const Session::Candidate& candidate : *candidates) {
    const bool fits = name.empty() ? candidate.owner != options_.node : candidate.owner == name;
    if (fits) return candidate.session_id;
  }
  return absl::NotFoundError("no such node waits to lead");
}

void RemoteRaftElector::SetSession(std::shared_ptr<Session> session) {
  absl::MutexLock lock(&mu_);
  session_ = std::move(session);
}

void RemoteRaftElector::Observed(const Leading& leading) {
  absl::MutexLock lock(&mu_);
  leader_ = {NodeOf(leading.value), {static_cast<int64_t>(leading.token)}};
}

std::optional<LeaderTerm> RemoteRaftElector::Current(MonoTime now) {
  absl::MutexLock lock(&mu_);
  if (!token_.has_value() || session_ == nullptr) return std::nullopt;
  const std::optional<MonoTime> trusted = session_->trusted_until();
  if (!trusted.has_value() || now >= *trusted) return std::nullopt;
  return LeaderTerm{*token_, *trusted};
}

LeaderInfo RemoteRaftElector::Leader() {
  if (const std::optional<LeaderTerm> term = Current(clock_.MonoNow())) {
    return {options_.node, term->token};
  }
  absl::MutexLock lock(&mu_);
  return leader_.token <= given_up_ ? LeaderInfo{} : leader_;
}

void RemoteRaftElector::ResignTo(const std::string& successor, absl::Duration pause) {
  {
    absl::MutexLock lock(&mu_);
    if (token_.has_value()) given_up_ = *token_;
    token_.reset();
    paused_until_ = clock_.MonoNow() + pause;
    successor_ = successor;
  }
  wake_up_.Notify();
}

absl::Status RemoteRaftElector::CheckSuccessor(const std::string& successor) {
  if (successor == options_.node) {
    return absl::InvalidArgumentError(absl::StrCat(successor, " leads already; name another node"));
  }
  std::shared_ptr<Session> session;
  {
    absl::MutexLock lock(&mu_);
    session = session_;
  }
  if (session == nullptr) return absl::FailedPreconditionError("the consensus does not answer");
  const absl::StatusOr<uint64_t> found = FindCandidate(*session, successor);
  if (!absl::IsNotFound(found.status())) return found.status();
  if (successor.empty()) return absl::FailedPreconditionError("no other node waits to lead");
  return absl::InvalidArgumentError(absl::StrCat(successor, " does not wait to lead"));
}

void RemoteRaftElector::MustExceed(FencingToken seen) {
  {
    absl::MutexLock lock(&mu_);
    if (!token_.has_value()) return;  // Whoever leads is told the same.
    must_exceed_ = seen;
  }
  wake_up_.Notify();
}

void RemoteRaftElector::Stop() {
  stopping_.Cancel();
  {
    absl::MutexLock lock(&mu_);
    token_.reset();
  }
  wake_up_.Notify();
  if (watch_ != nullptr) watch_->Stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace z4j::scheduler
