#include "services/consensus/machine/coordination_machine.h"

#include <algorithm>
#include <utility>

#include "services/consensus/limits.h"
#include "services/consensus/machine/codec.h"
#include "services/consensus/machine/wire.h"
#include "services/consensus/raft/mutants.h"

namespace z4j::consensus {
namespace {

constexpr std::string_view kMagic = "Z4JM\x01";  // With the version of the format.
constexpr size_t kChecksumBytes = 8;

std::string Checksum(std::string_view bytes) {
  const uint64_t hash = HashBytes(bytes);
  std::string checksum;
  for (int shift = 0; shift < 64; shift += 8) checksum.push_back(static_cast<char>(hash >> shift));
  return checksum;
}

// CheckEnvelope saw to it that there is one.
SessionId SessionOf(const Envelope& envelope) {
  return std::get<SessionId>(envelope.request->owner);
}

uint64_t HashOf(const Command& command) {
  Writer writer;
  writer.Put(command);
  return HashBytes(writer.Take());
}

// Whether all who hold or wait have a session.
bool AllHaveSessions(const Claims& claims, const Sessions& sessions) {
  for (const auto& [name, claim] : claims.all()) {
    if (sessions.Find(claim.holder.session) == nullptr) return false;
    for (const Waiter& waiter : claim.queue) {
      if (sessions.Find(waiter.session) == nullptr) return false;
    }
  }
  return true;
}

}  // namespace

std::string CoordinationMachine::Apply(Index index, std::string_view command) {
  const Revision revision = RevisionAt(epoch_, index);
  if (index <= applied_) {
    return EncodeAnswer({AnswerCode::kApplied, revision, "the entry was applied before", {}});
  }
  const absl::StatusOr<Envelope> envelope = DecodeCommand(command);
  if (!envelope.ok()) {
    return EncodeAnswer(
        {AnswerCode::kUnreadable, revision, std::string(envelope.status().message()), {}});
  }
  if (const absl::Status status = CheckEnvelope(*envelope); !status.ok()) {
    return EncodeAnswer({AnswerCode::kInvalid, revision, std::string(status.message()), {}});
  }
  applied_ = index;
  now_ = std::max(now_, envelope->time);
  Turn turn{revision, now_, last_token_, events_};
  elections_.EndWaits(turn);
  locks_.EndWaits(turn);
  sessions_.ForgetIdleClients(now_);

  std::optional<std::string> answer;
  uint64_t request_hash = 0;
  if (envelope->request.has_value()) {
    request_hash = HashOf(envelope->command);
    answer = sessions_.Admit(*envelope->request, request_hash, turn);
  }
  if (!answer.has_value()) {
    answer = EncodeAnswer(
        std::visit([&](const auto& body) { return Do(body, *envelope, turn); }, envelope->command));
    if (envelope->request.has_value()) {
      sessions_.Remember(*envelope->request, {request_hash, *answer});
    }
  }
  if (events_.size() > kEventsMax) events_ = {StateReplaced{}};
  Chain(index, command, *answer);
  return *std::move(answer);
}

void CoordinationMachine::Chain(Index index, std::string_view command, std::string_view answer) {
  Writer link;
  link.Number(hash_);
  link.Number(index.value);
  link.Number(HashBytes(command));
  link.Number(HashBytes(answer));
  link.Number(now_.micros);
  link.Number(last_token_.value);
  for (const size_t count : {sessions_.all().size(), sessions_.clients(), elections_.places(),
                             locks_.places(), kv_.size(), kv_.bytes()}) {
    link.Number(count);
  }
  hash_ = HashBytes(link.Take());
}

std::vector<Event> CoordinationMachine::TakeEvents() { return std::exchange(events_, {}); }

ClusterTime CoordinationMachine::NextDeadline() const {
  return std::min({elections_.NextDeadline(), locks_.NextDeadline(), sessions_.NextDeadline()});
}

std::string CoordinationMachine::Save() const {
  Writer writer;
  writer.Reserve(kv_.bytes());  // Most of a large state.
  writer.Raw(kMagic);
  std::apply([&](const auto&... field) { (writer.Put(field), ...); }, Fields(*this));
  std::string bytes = writer.Take();
  return bytes.append(Checksum(bytes));
}

absl::Status CoordinationMachine::Load(std::string_view bytes) {
  const absl::Status bad = absl::DataLossError("the bytes are no state of this version");
  if (bytes.size() < kMagic.size() + kChecksumBytes) return bad;
  const std::string_view checked = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (checked.substr(0, kMagic.size()) != kMagic) return bad;
  if (bytes.substr(checked.size()) != Checksum(checked)) {
    return absl::DataLossError("the checksum of the state is wrong");
  }
  Reader reader(checked.substr(kMagic.size()));
  CoordinationMachine loaded;
  std::apply([&](auto&... field) { (reader.Fill(field), ...); }, Fields(loaded));
  if (!reader.done() || loaded.epoch_ < Epoch{} || loaded.epoch_.value > kEpochMax) return bad;
  const bool whole = loaded.sessions_.Index() && loaded.elections_.Index() &&
                     loaded.locks_.Index() && loaded.kv_.Index() &&
                     AllHaveSessions(loaded.elections_, loaded.sessions_) &&
                     AllHaveSessions(loaded.locks_, loaded.sessions_);
  if (!whole) return absl::DataLossError("parts of the state contradict each other");
  if (Broken(Rule::kTokenInSnapshot)) loaded.last_token_ = {};
  loaded.events_ = {StateReplaced{}};
  *this = std::move(loaded);
  return absl::OkStatus();
}

Answer CoordinationMachine::Do(const OpenSession& command, const Envelope&, Turn& turn) {
  return sessions_.Open(command, turn);
}

Answer CoordinationMachine::Do(const CloseSession& command, const Envelope&, Turn& turn) {
  return turn.Ok(Done{EndSession(command.session, /*expired=*/false, turn)});
}

Answer CoordinationMachine::Do(const RenewSessions& command, const Envelope&, Turn& turn) {
  for (const SessionId session : command.sessions) sessions_.Renew(session, turn.now);
  return turn.Ok(Done{true});
}

Answer CoordinationMachine::Do(const ExpireSession& command, const Envelope&, Turn& turn) {
  if (!sessions_.MayExpire(command.session, command.seen_renewals, turn.now)) {
    return turn.Ok(Done{false});
  }
  return turn.Ok(Done{EndSession(command.session, /*expired=*/true, turn)});
}

Answer CoordinationMachine::Do(const BeginLeadership&, const Envelope&, Turn& turn) {
  sessions_.RenewAll(turn.now);
  return turn.Ok(Done{true});
}

Answer CoordinationMachine::Do(const Tick&, const Envelope&, Turn& turn) {
  return turn.Ok(Done{true});
}

Answer CoordinationMachine::Do(const SetEpoch& command, const Envelope&, Turn& turn) {
  const bool raised = command.epoch > epoch_;
  epoch_ = std::max(epoch_, command.epoch);
  return turn.Ok(Done{raised});
}

Answer CoordinationMachine::Do(const Enter& command, const Envelope& envelope, Turn& turn) {
  return ClaimsOf(command.kind).Join(SessionOf(envelope), command, turn);
}

Answer CoordinationMachine::Do(const Leave& command, const Envelope&, Turn& turn) {
  return turn.Ok(Done{ClaimsOf(command.kind).Leave(command.name, command.ticket, turn)});
}

Answer CoordinationMachine::Do(const Release& command, const Envelope& envelope, Turn& turn) {
  Claims& claims = ClaimsOf(command.kind);
  const Claim* claim = claims.Find(command.name);
  const bool may = claim != nullptr && (claim->holder.session == SessionOf(envelope) ||
                                        Broken(Rule::kReleaseNeedsToken));
  const bool own = may && claims.Release(command.name, command.token, command.successor, turn);
  if (!own && command.kind == ClaimKind::kElection) {
    return turn.Refuse(AnswerCode::kTokenMismatch, "the token is not the present leader's");
  }
  return turn.Ok(Done{own});
}

Answer CoordinationMachine::Do(const ForceRelease& command, const Envelope&, Turn& turn) {
  Claims& claims = ClaimsOf(command.kind);
  if (claims.Find(command.name) == nullptr) return turn.Ok(Done{false});
  if (!claims.Release(command.name, command.token, SessionId{}, turn)) {
    return turn.Refuse(AnswerCode::kTokenMismatch, "another token holds it");
  }
  return turn.Ok(Done{true});
}

Answer CoordinationMachine::Do(const Proclaim& command, const Envelope& envelope, Turn& turn) {
  const Claim* claim = elections_.Find(command.name);
  if (claim == nullptr || claim->holder.session != SessionOf(envelope) ||
      !elections_.Proclaim(command.name, command.token, command.value, turn)) {
    return turn.Refuse(AnswerCode::kTokenMismatch, "the token is not the present leader's");
  }
  return turn.Ok(Done{true});
}

Answer CoordinationMachine::Do(const KvTxn& command, const Envelope& envelope, Turn& turn) {
  return kv_.Run(command, sessions_.ReplyRoom(*envelope.request), turn);
}

bool CoordinationMachine::EndSession(SessionId session, bool expired, Turn& turn) {
  if (!sessions_.Close(session)) return false;
  turn.events.push_back(SessionEnded{session, expired});
  if (Broken(Rule::kSessionEndFreesNames)) return true;
  elections_.EndSession(session, turn);
  locks_.EndSession(session, turn);
  return true;
}

}  // namespace z4j::consensus
