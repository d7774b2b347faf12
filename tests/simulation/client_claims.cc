#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/simulation/client.h"

// What a client does under a session, and what it believes meanwhile.
namespace z4j::simulation {
namespace {

std::string KeyOf(ClaimKind kind, const std::string& name) {
  return absl::StrCat(kind == ClaimKind::kLock ? "lock " : "election ", name);
}
std::string TextOf(SessionId session) { return absl::StrCat(session.value); }
std::string TextOf(Token token) { return absl::StrCat(token.value); }

}  // namespace

void Client::Stop() {
  stopped_ = true;
  ForgetSession();
}

void Client::OpenSession() {
  const absl::Duration ttl = world_.Between(absl::Milliseconds(300), absl::Seconds(3));
  Mutate(std::nullopt, consensus::OpenSession{world_.random()() | 1, ttl, "simulated"},
         [this, asked = world_.now()](const Answered& answered) {
           auto answer = DecodeAnswer(answered.answer);
           if (answered.fate == Fate::kDone && answer.ok() && answer->code == AnswerCode::kOk &&
               !stopped_) {
             const auto& opened = std::get<SessionOpened>(answer->body);
             session_ = opened.session;
             ttl_ = opened.ttl;
             alive_until_ = asked + ttl_ * (1 - oracle_.drift());
             sessions_[session_].least = options_.leases_hold() ? alive_until_ : asked;
             if (options_.leases_hold()) oracle_.KeptAlive(session_, ttl_, asked);
             session_sequence_ = 0;
             KeepAlive();
           }
           Done();
         });
}

void Client::KeepAlive() {
  if (session_.value == 0) return;
  const Instant sent = world_.now();
  const SessionId session = session_;
  Ask([session](Replica& replica, MonoTime now, CallId call,
                MonoTime deadline) { replica.KeepAlive(now, call, deadline, session); },
      [session](const Replica& replica) {
        return replica.machine().sessions().Find(session) != nullptr ? "alive" : "lost";
      },
      [this, sent, session](const Answered& answered) {
        if (session != session_) return;
        if (answered.fate == Fate::kDone) {
          if (answered.read != "alive") return ForgetSession();
          // A lease that nothing rests on keeps no session alive.
          if (options_.leases_hold()) {
            oracle_.KeptAlive(session, ttl_, sent);
            alive_until_ = std::max(alive_until_, sent + ttl_ * (1 - oracle_.drift()));
            sessions_[session].least = alive_until_;
          }
        }
        // Some clients stop saying that they are alive: their sessions expire.
        if (world_.Chance(30)) return ForgetSession();
        world_.After(ttl_ / 4, [this, session] {
          if (session == session_) KeepAlive();
        });
      });
}

void Client::NoteHeld(const std::string& key, const Held& held) {
  given_up_[key] = held.token;
  const Instant to = std::min(world_.now(), alive_until_);
  if (!options_.leases_hold() || to <= held.from) return;
  holdings_.push_back(
      {key, held.token.value, absl::ToInt64Nanoseconds(held.from), absl::ToInt64Nanoseconds(to)});
}

void Client::ForgetSession() {
  for (const auto& [key, held] : std::exchange(held_, {})) NoteHeld(key, held);
  session_ = {};
}

void Client::Claim() {
  const std::pair<ClaimKind, const char*> places[] = {
      {ClaimKind::kLock, "l"}, {ClaimKind::kLock, "m"}, {ClaimKind::kElection, "e"}};
  const auto& [kind, name] = places[world_.random().Below(std::size(places))];
  const std::string key = KeyOf(kind, name);
  const auto held = held_.find(key);
  switch (world_.random().Below(8)) {
    case 0:
      return LookAt(kind, name);
    case 1:  // What it does not hold any more it cannot give up again.
      if (auto old = given_up_.find(key); old != given_up_.end() && held == held_.end()) {
        return Release(kind, name, old->second);
      }
      break;
    default:
      break;
  }
  if (held != held_.end()) {
    const Held was = held->second;
    held_.erase(held);
    NoteHeld(key, was);
    return Release(kind, name, was.token);
  }
  Enter(kind, name,
        world_.random().OneIn(3)
            ? absl::ZeroDuration()
            : world_.Between(absl::Milliseconds(50), absl::Milliseconds(1500)));
}

void Client::Enter(ClaimKind kind, const std::string& name, absl::Duration wait) {
  const std::string key = KeyOf(kind, name);
  sessions_[session_].keys.insert(key);
  std::vector<std::string> arguments = {TextOf(session_)};
  if (wait > absl::ZeroDuration()) arguments.push_back(absl::StrCat(++entered_));
  const Entering call{kind, name, key, claims_.size(), Ticket{}};
  if (wait > absl::ZeroDuration()) {
    waits_[call.place] = {world_.now() + wait * (1 - oracle_.drift()), std::nullopt};
  }
  claims_.push_back(
      Begin(key, wait > absl::ZeroDuration() ? "enter" : "acquire", std::move(arguments)));
  Mutate(NextRequest(true), consensus::Enter{kind, name, "", wait},
         [this, call, session = session_](const Answered& answered) {
           if (session != session_) return Done();
           Entered(call, answered);
         });
}

void Client::Entered(const Entering& call, const Answered& answered) {
  auto answer = DecodeAnswer(answered.answer);
  if (answered.fate != Fate::kDone || !answer.ok()) return Done();
  Operation& operation = claims_[call.place];
  if (answer->code == AnswerCode::kSessionLost) {  // It may have been done before.
    ForgetSession();
  } else if (answer->code == AnswerCode::kNotGranted) {
    End(operation, "no");
  } else if (const auto* entered = std::get_if<consensus::Entered>(&answer->body)) {
    if (entered->token.value == 0) {
      End(operation, "waits");
      Entering waiting = call;
      waiting.ticket = entered->ticket;
      return LookAfter(waiting);
    }
    End(operation, TextOf(entered->token));
    waits_.erase(call.place);
    Granted(call.key, entered->token);
  }
  Done();
}

void Client::Granted(const std::string& key, Token token) { held_[key] = {token, world_.now()}; }

// Asks again and again what became of a ticket, as a server's caller is told.
void Client::LookAfter(const Entering& call) {
  const SessionId session = session_;
  const std::string number = claims_[call.place].arguments[1];
  Ask([](Replica& replica, MonoTime now, CallId id,
         MonoTime deadline) { replica.Read(now, id, deadline); },
      [call](const Replica& replica) -> std::string {
        const Claims& claims = replica.machine().claims(call.kind);
        switch (claims.FindTicket(call.name, call.ticket)) {
          case TicketState::kWaits:
            return "waits";
          case TicketState::kOver:
            return "over";
          case TicketState::kHolds:
            break;
        }
        return TextOf(claims.Find(call.name)->holder.token);
      },
      [this, call, session, look = Begin(call.key, "look", {TextOf(session), number})](
          const Answered& answered) mutable {
        const bool known = answered.fate == Fate::kDone;
        if (known && options_.leases_hold()) {
          End(look, answered.read);
          claims_.push_back(std::move(look));
        }
        if (session != session_) return Done();
        if (!known || answered.read == "waits") {
          return world_.After(world_.Between(absl::Milliseconds(20), absl::Milliseconds(150)),
                              [this, call, session] {
                                if (session != session_) return Done();
                                LookAfter(call);
                              });
        }
        waits_[call.place].over = world_.now();
        Token token;
        if (absl::SimpleAtoi(answered.read, &token.value)) Granted(call.key, token);
        Done();
      });
}

void Client::Release(ClaimKind kind, const std::string& name, Token token) {
  const std::string key = KeyOf(kind, name);
  sessions_[session_].keys.insert(key);
  const size_t place = claims_.size();
  claims_.push_back(Begin(key, "release", {TextOf(session_), TextOf(token)}));
  Mutate(NextRequest(true), consensus::Release{kind, name, token, {}},
         [this, place, session = session_](const Answered& answered) {
           auto answer = DecodeAnswer(answered.answer);
           if (answered.fate != Fate::kDone || !answer.ok()) return Done();
           if (answer->code == AnswerCode::kTokenMismatch) End(claims_[place], "false");
           if (const auto* done = std::get_if<consensus::Done>(&answer->body)) {
             End(claims_[place], done->changed ? "true" : "false");
           }
           if (answer->code == AnswerCode::kSessionLost && session == session_) ForgetSession();
           Done();
         });
}

void Client::LookAt(ClaimKind kind, const std::string& name) {
  Ask([](Replica& replica, MonoTime now, CallId call,
         MonoTime deadline) { replica.Read(now, call, deadline); },
      [kind = kind, name](const Replica& replica) -> std::string {
        const auto* claim = replica.machine().claims(kind).Find(name);
        return claim == nullptr ? "free" : TextOf(claim->holder.token);
      },
      [this, look = Begin(KeyOf(kind, name), "get", {})](const Answered& answered) mutable {
        if (answered.fate == Fate::kDone && options_.leases_hold()) {
          End(look, answered.read);
          claims_.push_back(std::move(look));
        }
        Done();
      });
}

// Adds what nobody called: a wait may end by itself once it has lasted long enough, and a session
// once nobody can rely on it any more.
History Client::ClaimHistory() const {
  History all = claims_;
  auto add = [&](const std::string& key, const char* call, std::vector<std::string> arguments,
                 Instant least, std::optional<Instant> over) {
    if (over && *over < least) return;
    Operation operation = Begin(key, call, std::move(arguments));
    operation.invoked = absl::ToInt64Nanoseconds(least);
    if (over) operation.result = "ok";
    if (over) operation.returned = absl::ToInt64Nanoseconds(*over);
    all.push_back(std::move(operation));
  };
  for (const auto& [session, past] : sessions_) {
    const std::optional<Instant> ended = oracle_.EndedAt(session);
    if (!ended) continue;
    for (const std::string& key : past.keys) add(key, "end", {TextOf(session)}, past.least, ended);
  }
  for (const auto& [place, wait] : waits_) {
    const Operation& enter = claims_[place];
    SessionId session;
    if (!absl::SimpleAtoi(enter.arguments[0], &session.value)) continue;
    add(enter.key, "leave", enter.arguments, wait.least,
        wait.over ? wait.over : oracle_.EndedAt(session));
  }
  return all;
}

}  // namespace z4j::simulation
