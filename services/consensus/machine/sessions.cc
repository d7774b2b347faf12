#include "services/consensus/machine/sessions.h"

#include <algorithm>

#include "services/consensus/limits.h"
#include "services/consensus/machine/codec.h"
#include "services/consensus/raft/mutants.h"

namespace z4j::consensus {

const Reply* Replies::Find(uint64_t sequence) const {
  const auto found = replies_.find(sequence);
  return found == replies_.end() ? nullptr : &found->second;
}

void Replies::ForgetBelow(uint64_t first_outstanding) {
  first_outstanding_ = std::max(first_outstanding_, first_outstanding);
  while (!replies_.empty() && replies_.begin()->first < first_outstanding_) {
    bytes_ -= replies_.begin()->second.answer.size();
    replies_.erase(replies_.begin());
  }
}

void Replies::Add(uint64_t sequence, Reply reply) {
  bytes_ += reply.answer.size();
  replies_.emplace(sequence, std::move(reply));
}

void Replies::Count() {
  bytes_ = 0;
  for (const auto& [sequence, reply] : replies_) bytes_ += reply.answer.size();
}

Answer Sessions::Open(const OpenSession& command, Turn& turn) {
  const auto answer = [&turn](SessionId id, const Session& session) {
    return turn.Ok(SessionOpened{id, session.ttl, Epoch{turn.revision.value >> kEpochShift}});
  };
  if (const auto known = by_nonce_.find(command.nonce); known != by_nonce_.end()) {
    return answer(known->second, sessions_.at(known->second));
  }
  if (sessions_.size() >= kSessionsMax) {
    return turn.Refuse(AnswerCode::kExhausted, "as many sessions are open as may be");
  }
  const SessionId id{turn.revision.value};
  Session session;
  session.nonce = command.nonce;
  session.ttl = std::clamp(command.ttl, kSessionTtlMin, kSessionTtlMax);
  session.owner = command.owner;
  session.renewed = turn.now;
  by_nonce_.emplace(command.nonce, id);
  return answer(id, sessions_.emplace(id, std::move(session)).first->second);
}

void Sessions::Renew(SessionId id, ClusterTime now) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  found->second.renewed = now;
  ++found->second.renewals;
}

void Sessions::RenewAll(ClusterTime now) {
  if (Broken(Rule::kNewLeaderRenewsSessions)) return;
  for (auto& [id, session] : sessions_) {
    session.renewed = now;
    ++session.renewals;
  }
}

bool Sessions::MayExpire(SessionId id, uint64_t seen_renewals, ClusterTime now) const {
  const Session* session = Find(id);
  if (Broken(Rule::kExpiryIsDecidedInLog)) return session != nullptr;
  return session != nullptr && session->renewals == seen_renewals &&
         now >= session->renewed + session->ttl;
}

bool Sessions::Close(SessionId id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return false;
  reply_bytes_ -= found->second.replies.bytes();
  by_nonce_.erase(found->second.nonce);
  sessions_.erase(found);
  return true;
}

void Sessions::ForgetIdleClients(ClusterTime now) {
  while (!by_last_use_.empty() && by_last_use_.begin()->first + kClientIdle <= now) {
    const auto client = clients_.find(by_last_use_.begin()->second);
    reply_bytes_ -= client->second.replies.bytes();
    clients_.erase(client);
    by_last_use_.erase(by_last_use_.begin());
  }
}

ClusterTime Sessions::NextDeadline() const {
  return by_last_use_.empty() ? kNever : by_last_use_.begin()->first + kClientIdle;
}

std::optional<std::string> Sessions::Admit(const RequestId& request, uint64_t request_hash,
                                           const Turn& turn) {
  if (const auto* owner = std::get_if<RequestId::Client>(&request.owner)) {
    auto client = clients_.find(owner->value);
    if (client == clients_.end()) {
      // One that has had answers before is a forgotten one: its request may have been done then.
      if (request.first_outstanding > 1) {
        return EncodeAnswer(turn.Refuse(AnswerCode::kSessionLost, "the client was forgotten"));
      }
      if (clients_.size() >= kClientsMax) {
        return EncodeAnswer(turn.Refuse(AnswerCode::kBusy, "too many clients without a session"));
      }
      client = clients_.emplace(owner->value, Client{}).first;
    }
    by_last_use_.erase({client->second.last_used, owner->value});
    client->second.last_used = turn.now;
    by_last_use_.emplace(turn.now, owner->value);
  }
  Replies* replies = RepliesOf(request);
  if (replies == nullptr) {
    return EncodeAnswer(turn.Refuse(AnswerCode::kSessionLost, "the session has ended"));
  }
  if (replies->Forgotten(request.sequence)) {
    return EncodeAnswer(
        turn.Refuse(AnswerCode::kSequenceForgotten, "the sequence lies below first_outstanding"));
  }
  reply_bytes_ -= replies->bytes();
  replies->ForgetBelow(request.first_outstanding);
  reply_bytes_ += replies->bytes();
  const Reply* reply = replies->Find(request.sequence);
  if (reply == nullptr || Broken(Rule::kMutationsAreDoneOnce)) return std::nullopt;
  if (reply->request_hash == request_hash) return reply->answer;
  return EncodeAnswer(
      turn.Refuse(AnswerCode::kInvalid, "another request was sent under the same sequence"));
}

size_t Sessions::ReplyRoom(const RequestId& request) const {
  const Replies* replies = RepliesOf(request);
  const size_t own = replies == nullptr ? 0 : replies->bytes();
  const size_t left = std::min(kReplyBytesMax - std::min(own, kReplyBytesMax),
                               kReplyBytesTotalMax - std::min(reply_bytes_, kReplyBytesTotalMax));
  return std::max(left, kReplyBytesAlways);
}

void Sessions::Remember(const RequestId& request, Reply reply) {
  Replies* replies = RepliesOf(request);
  if (replies == nullptr) return;
  reply_bytes_ += reply.answer.size();
  replies->Add(request.sequence, std::move(reply));
}

const Session* Sessions::Find(SessionId id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

const Replies* Sessions::RepliesOf(const RequestId& request) const {
  if (const auto* session = std::get_if<SessionId>(&request.owner)) {
    const Session* found = Find(*session);
    return found == nullptr ? nullptr : &found->replies;
  }
  const auto client = clients_.find(std::get<RequestId::Client>(request.owner).value);
  return client == clients_.end() ? nullptr : &client->second.replies;
}

Replies* Sessions::RepliesOf(const RequestId& request) {
  return const_cast<Replies*>(std::as_const(*this).RepliesOf(request));
}

bool Sessions::Index() {
  by_nonce_.clear();
  by_last_use_.clear();
  reply_bytes_ = 0;
  for (auto& [id, session] : sessions_) {
    if (Broken(Rule::kAnswersInSnapshot)) session.replies = Replies();
    if (id.value == 0 || !by_nonce_.emplace(session.nonce, id).second) return false;
    session.replies.Count();
    reply_bytes_ += session.replies.bytes();
  }
  for (auto& [id, client] : clients_) {
    if (Broken(Rule::kAnswersInSnapshot)) client.replies = Replies();
    by_last_use_.emplace(client.last_used, id);
    client.replies.Count();
    reply_bytes_ += client.replies.bytes();
  }
  return true;
}

}  // namespace z4j::consensus
