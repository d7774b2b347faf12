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
      return session_.value == 0 ? OpenSession() : Claim();
    default:
      return ReadKey(key, NodeId{}, [this] { Done(); });
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

void Client::AskAtOnce(NodeId server) {
  if (stopped_) return;
  for (const char* key : kKeys) ReadKey(key, server, [] {});
}

void Client::ReadKey(const std::string& key, NodeId server, std::function<void()> then) {
  Ask([](Replica& replica, MonoTime now, CallId call,
         MonoTime deadline) { replica.Read(now, call, deadline); },
      [key](const Replica& replica) {
        const std::optional<KvEntry> entry = replica.machine().kv().Get(key);
        return entry ? entry->value : std::string("none");
      },
      [this, then = std::move(then),
       operation = Begin(key, "get", {})](const Answered& answered) mutable {
        // A read without an answer says nothing, nor does one under a lease that nothing rests on.
        if (answered.fate == Fate::kDone && options_.leases_hold()) {
          seen_[operation.key] = answered.read;
          End(operation, answered.read);
          history_.push_back(std::move(operation));
        }
        then();
      },
      server);
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
                 std::function<std::string(const Replica&)> read, Then then, NodeId server) {
  const NodeId target = server ? server : Target();
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
