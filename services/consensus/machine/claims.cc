#include "services/consensus/machine/claims.h"

#include <algorithm>
#include <iterator>

#include "services/consensus/limits.h"
#include "services/consensus/raft/mutants.h"

namespace z4j::consensus {
namespace {

auto FindSession(std::deque<Waiter>& queue, SessionId session) {
  return std::find_if(queue.begin(), queue.end(),
                      [session](const Waiter& waiter) { return waiter.session == session; });
}

}  // namespace

Answer Claims::Join(SessionId session, const Enter& command, Turn& turn) {
  const Ticket ticket{turn.revision.value};
  const auto found = claims_.find(command.name);
  if (found != claims_.end() && found->second.holder.session == session) {
    return turn.Ok(Entered{found->second.holder.ticket, found->second.holder.token});
  }
  const absl::Duration wait =
      kind_ == ClaimKind::kLock ? std::min(command.wait, kLockWaitMax) : command.wait;
  const ClusterTime deadline = turn.now + wait;
  if (found != claims_.end()) {
    std::deque<Waiter>& queue = found->second.queue;
    if (const auto place = FindSession(queue, session); place != queue.end()) {
      deadlines_.erase({place->deadline, command.name, place->ticket});
      place->deadline = deadline;
      place->value = command.value;
      deadlines_.emplace(deadline, command.name, place->ticket);
      return turn.Ok(Entered{place->ticket, Token{}});
    }
    if (wait == absl::ZeroDuration()) {
      return turn.Refuse(AnswerCode::kNotGranted, "somebody else holds it");
    }
    if (queue.size() >= kWaitersMax) {
      return turn.Refuse(AnswerCode::kExhausted, "as many wait for it as may");
    }
  }
  if (places_ >= kPlacesMax) {
    return turn.Refuse(AnswerCode::kExhausted, "as many hold or wait as may");
  }
  AddPlace(session, command.name);
  if (found != claims_.end()) {
    found->second.queue.push_back({session, ticket, deadline, command.value});
    deadlines_.emplace(deadline, command.name, ticket);
    return turn.Ok(Entered{ticket, Token{}});
  }
  const Claim& claim =
      claims_.emplace(command.name, Claim{{session, turn.NextToken(), ticket, command.value}, {}})
          .first->second;
  TellLeader(command.name, &claim.holder, turn);
  return turn.Ok(Entered{ticket, claim.holder.token});
}

bool Claims::Leave(const std::string& name, Ticket ticket, Turn& turn) {
  const auto claim = claims_.find(name);
  if (claim == claims_.end()) return false;
  if (claim->second.holder.ticket == ticket) {
    PassOn(claim, SessionId{}, turn);
    return true;
  }
  std::deque<Waiter>& queue = claim->second.queue;
  const auto place = std::find_if(queue.begin(), queue.end(), [ticket](const Waiter& waiter) {
    return waiter.ticket == ticket;
  });
  if (place == queue.end()) return false;
  Drop(claim, place, WaitEnded::Why::kLeft, turn);
  return true;
}

bool Claims::Release(const std::string& name, Token token, SessionId successor, Turn& turn) {
  const auto claim = claims_.find(name);
  if (claim == claims_.end()) return false;
  if (claim->second.holder.token != token && !Broken(Rule::kReleaseNeedsToken)) return false;
  PassOn(claim, successor, turn);
  return true;
}

bool Claims::Proclaim(const std::string& name, Token token, std::string value, Turn& turn) {
  const auto claim = claims_.find(name);
  if (claim == claims_.end() || claim->second.holder.token != token) return false;
  claim->second.holder.value = std::move(value);
  TellLeader(name, &claim->second.holder, turn);
  return true;
}

void Claims::EndSession(SessionId session, Turn& turn) {
  for (const std::string& name : NamesOf(session)) {
    const auto claim = claims_.find(name);
    if (claim->second.holder.session == session) {
      PassOn(claim, SessionId{}, turn);
    } else {
      Drop(claim, FindSession(claim->second.queue, session), WaitEnded::Why::kSessionEnded, turn);
    }
  }
}

void Claims::EndWaits(Turn& turn) {
  while (!deadlines_.empty() && std::get<0>(*deadlines_.begin()) <= turn.now &&
         std::get<0>(*deadlines_.begin()) != kNever) {
    const auto [deadline, name, ticket] = *deadlines_.begin();
    const auto claim = claims_.find(name);
    std::deque<Waiter>& queue = claim->second.queue;
    Drop(claim,
         std::find_if(queue.begin(), queue.end(),
                      [t = ticket](const Waiter& waiter) { return waiter.ticket == t; }),
         WaitEnded::Why::kTimedOut, turn);
  }
}

const Claim* Claims::Find(const std::string& name) const {
  const auto found = claims_.find(name);
  return found == claims_.end() ? nullptr : &found->second;
}

TicketState Claims::FindTicket(const std::string& name, Ticket ticket) const {
  const Claim* claim = Find(name);
  if (claim == nullptr) return TicketState::kOver;
  if (claim->holder.ticket == ticket) return TicketState::kHolds;
  const bool waits =
      std::any_of(claim->queue.begin(), claim->queue.end(),
                  [ticket](const Waiter& waiter) { return waiter.ticket == ticket; });
  return waits ? TicketState::kWaits : TicketState::kOver;
}

std::vector<std::string> Claims::NamesOf(SessionId session) const {
  const auto found = by_session_.find(session);
  if (found == by_session_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

ClusterTime Claims::NextDeadline() const {
  return deadlines_.empty() ? kNever : std::get<0>(*deadlines_.begin());
}

void Claims::AddPlace(SessionId session, const std::string& name) {
  by_session_[session].insert(name);
  ++places_;
}

void Claims::DropPlace(SessionId session, const std::string& name) {
  const auto names = by_session_.find(session);
  names->second.erase(name);
  if (names->second.empty()) by_session_.erase(names);
  --places_;
}

void Claims::Drop(ClaimMap::iterator claim, std::deque<Waiter>::iterator waiter, WaitEnded::Why why,
                  Turn& turn) {
  deadlines_.erase({waiter->deadline, claim->first, waiter->ticket});
  DropPlace(waiter->session, claim->first);
  turn.events.push_back(WaitEnded{kind_, claim->first, waiter->session, waiter->ticket, why});
  claim->second.queue.erase(waiter);
}

void Claims::PassOn(ClaimMap::iterator claim, SessionId successor, Turn& turn) {
  const std::string name = claim->first;
  std::deque<Waiter>& queue = claim->second.queue;
  DropPlace(claim->second.holder.session, name);
  auto next = FindSession(queue, successor);
  if (next == queue.end()) next = queue.begin();
  if (Broken(Rule::kFirstComeFirstServed) && !queue.empty()) next = std::prev(queue.end());
  if (next == queue.end()) {
    claims_.erase(claim);
    TellLeader(name, nullptr, turn);
    return;
  }
  deadlines_.erase({next->deadline, name, next->ticket});
  claim->second.holder = {next->session, turn.NextToken(), next->ticket, std::move(next->value)};
  queue.erase(next);
  const Holder& holder = claim->second.holder;
  turn.events.push_back(Granted{kind_, name, holder.session, holder.ticket, holder.token});
  TellLeader(name, &holder, turn);
}

void Claims::TellLeader(const std::string& name, const Holder* leader, Turn& turn) const {
  if (kind_ != ClaimKind::kElection) return;
  turn.events.push_back(LeaderChanged{
      name, turn.revision, leader == nullptr ? std::nullopt : std::make_optional(*leader)});
}

bool Claims::Index() {
  by_session_.clear();
  deadlines_.clear();
  places_ = 0;
  for (const auto& [name, claim] : claims_) {
    std::set<SessionId> sessions = {claim.holder.session};
    std::set<Ticket> tickets = {claim.holder.ticket};
    AddPlace(claim.holder.session, name);
    for (const Waiter& waiter : claim.queue) {
      if (!sessions.insert(waiter.session).second) return false;
      if (!tickets.insert(waiter.ticket).second) return false;
      AddPlace(waiter.session, name);
      deadlines_.emplace(waiter.deadline, name, waiter.ticket);
    }
  }
  return true;
}

}  // namespace z4j::consensus
