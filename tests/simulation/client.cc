#include "tests/simulation/client.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace z4j::simulation {
namespace {

constexpr absl::Duration kPatience = absl::Milliseconds(700);
const char* const kKeys[] = {"a", "b", "c"};

}  // namespace

Client::Client(World& world, const Options& options, Oracle& oracle, Network& network,
               Servers& servers, int number)
    : world_(world),
      options_(options),
      oracle_(oracle),
      network_(network),
      servers_(servers),
      number_(number),
      address_{kFirstClient + static_cast<uint64_t>(number)},
      client_id_(world.random()() | 1) {}

void Client::Think() {
  if (stopped_) return;
  world_.After(world_.Between(options_.think / 2, options_.think * 3 / 2), [this] { Next(); });
}

void Client::Done() {
  ++done_;
  Think();
}

void Client::Next() {
  if (stopped_) return;
  const std::string key = kKeys[world_.random().Below(std::size(kKeys))];
  const std::string value = absl::StrCat(number_, ".", ++written_);
  switch (world_.random().Below(6)) {
    case 0:
      return Write(key, "put", {value});
    case 1:
    case 2:
      return Write(key, "cas", {seen_.try_emplace(key, "none").first->second, value});
    case 3:
      if (session_.value == 0) return OpenSession();
      return token_ ? ReleaseLock() : TakeLock();
    default:
      return ReadKey(key);
  }
}

Operation Client::Begin(const std::string& key, const std::string& call,
                        std::vector<std::string> arguments) const {
  Operation operation;
  operation.client = static_cast<uint64_t>(number_);
  operation.key = key;
  operation.call = call;
  operation.arguments = std::move(arguments);
  operation.invoked = absl::ToInt64Nanoseconds(world_.now());
  return operation;
}

void Client::End(Operation& operation, std::string result) {
  operation.result = std::move(result);
  operation.returned = absl::ToInt64Nanoseconds(world_.now());
}

RequestId Client::NextRequest(bool of_session) {
  if (of_session) return {session_, ++session_sequence_, session_sequence_};
  ++sequence_;
  return {RequestId::Client{client_id_}, sequence_, sequence_};
}

void Client::Write(const std::string& key, const std::string& call,
                   std::vector<std::string> arguments) {
  const std::string value = arguments.back();
  KvTxn txn;
  txn.then.push_back({key, KvPut{value}});
  if (call == "cas") {
    KvCompare compare{key, Revision{}};
    if (arguments[0] != "none") compare.expected = arguments[0];
    txn.compares.push_back(std::move(compare));
  }
  const size_t place = history_.size();
  history_.push_back(Begin(key, call, std::move(arguments)));
  Mutate(NextRequest(false), txn, [this, place, value](const Answered& answered) {
    Operation& operation = history_[place];
    auto answer = DecodeAnswer(answered.answer);
    if (answered.fate != Fate::kDone || !answer.ok() || answer->code != AnswerCode::kOk) {
      // Stopped while the outcome was open, or the cluster has forgotten this client: a new one.
      client_id_ = world_.random()() | 1;
      sequence_ = 0;
      return Done();
    }
    const bool succeeded = std::get<TxnDone>(answer->body).succeeded;
    End(operation, operation.call == "put" ? "ok" : succeeded ? "true" : "false");
    if (succeeded) seen_[operation.key] = value;
    Done();
  });
}

void Client::ReadKey(const std::string& key) {
  Ask([](Replica& replica, MonoTime now, CallId call,
         MonoTime deadline) { replica.Read(now, call, deadline); },
      [key](const Replica& replica) {
        const std::optional<KvEntry> entry = replica.machine().kv().Get(key);
        return entry ? entry->value : std::string("none");
      },
      [this, operation = Begin(key, "get", {})](const Answered& answered) mutable {
        if (answered.fate == Fate::kDone) {  // A read without an answer says nothing.
          seen_[operation.key] = answered.read;
          End(operation, answered.read);
          history_.push_back(std::move(operation));
        }
        Done();
      });
}

void Client::OpenSession() {
  const absl::Duration ttl = world_.Between(absl::Milliseconds(300), absl::Seconds(3));
  Mutate(std::nullopt, consensus::OpenSession{world_.random()() | 1, ttl, "simulated"},
         [this](const Answered& answered) {
           auto answer = DecodeAnswer(answered.answer);
           if (answered.fate == Fate::kDone && answer.ok() && answer->code == AnswerCode::kOk) {
             const auto& opened = std::get<SessionOpened>(answer->body);
             session_ = opened.session;
             ttl_ = opened.ttl;
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
          oracle_.KeptAlive(session, ttl_, sent);
        }
        // Some clients stop saying that they are alive: their sessions expire.
        if (world_.Chance(30)) return ForgetSession();
        world_.After(ttl_ / 4, [this] { KeepAlive(); });
      });
}

void Client::ForgetSession() {
  session_ = {};
  token_.reset();
}

void Client::TakeLock() {
  const absl::Duration wait =
      world_.random().OneIn(2) ? absl::ZeroDuration() : absl::Milliseconds(500);
  Mutate(NextRequest(true), Enter{ClaimKind::kLock, "lock", "", wait},
         [this, session = session_](const Answered& answered) {
           auto answer = DecodeAnswer(answered.answer);
           if (answered.fate == Fate::kDone && answer.ok() && session == session_) {
             if (answer->code == AnswerCode::kSessionLost) session_ = {};
             const auto* entered = std::get_if<Entered>(&answer->body);
             if (entered != nullptr && entered->token.value != 0) token_ = entered->token;
           }
           Done();
         });
}

void Client::ReleaseLock() {
  Mutate(NextRequest(true), Release{ClaimKind::kLock, "lock", *token_, {}},
         [this](const Answered&) { Done(); });
  token_.reset();
}

void Client::Mutate(std::optional<RequestId> request, Command command, Then then) {
  Ask(
      [request, command](Replica& replica, MonoTime now, CallId call, MonoTime deadline) {
        replica.Propose(now, call, deadline, request, command);
      },
      nullptr,
      [this, request, command, then = std::move(then)](const Answered& answered) mutable {
        if (answered.fate == Fate::kDone || answered.fate == Fate::kInvalid || stopped_) {
          return then(answered);
        }
        // Not done, or not known: the same request again, here or elsewhere.
        world_.After(world_.Between(absl::Milliseconds(10), absl::Milliseconds(200)),
                     [this, request, command, then = std::move(then)]() mutable {
                       Mutate(std::move(request), std::move(command), std::move(then));
                     });
      });
}

NodeId Client::Target() {
  if (servers_.contains(leader_)) return leader_;
  auto it = servers_.begin();
  std::advance(it, world_.random().Below(servers_.size()));
  return it->first;
}

void Client::Ask(std::function<void(Replica&, MonoTime, CallId, MonoTime)> what,
                 std::function<std::string(const Replica&)> read, Then then) {
  const NodeId target = Target();
  auto answered = std::make_shared<bool>(false);
  auto finish = [this, answered, target, then = std::move(then)](const Answered& answer) {
    if (std::exchange(*answered, true)) return;
    leader_ = answer.fate == Fate::kDone ? target : NodeId{};
    then(answer);
  };
  world_.After(kPatience, [finish] { finish({Fate::kUnknown, "", ""}); });
  network_.Send(
      address_, target, [this, target, what = std::move(what), read = std::move(read), finish] {
        auto server = servers_.find(target);
        if (server == servers_.end()) return;
        server->second->Call(
            [what](Replica& replica, MonoTime now, CallId call) {
              what(replica, now, call, now + kPatience);
            },
            [this, target, read, finish](const CallResult& reply, const Replica& replica) {
              Answered answer{reply.fate, reply.answer, ""};
              if (read && reply.fate == Fate::kDone) answer.read = read(replica);
              network_.Send(target, address_, [finish, answer] { finish(answer); });
            });
      });
}

}  // namespace z4j::simulation
