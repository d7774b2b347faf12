// Random logs: machines that apply the same entries are the same, and queues behave as a simple
// model of them says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "services/base/testing/status_matchers.h"
#include "services/consensus/machine/testing/machine_driver.h"

namespace z4j::consensus {
namespace {

// What elections and locks are, in the plainest way: a list of places per name, of which the first
// holds.
class QueueModel {
 public:
  struct Place {
    SessionId session;
    Ticket ticket;
    ClusterTime until;
  };

  // An entry passed; `changed`: its answer says that there was something to end or give up.
  void Note(const Envelope& envelope, Revision revision, ClusterTime now, bool changed) {
    if (const auto* enter = std::get_if<Enter>(&envelope.command)) {
      Join(*enter, std::get<SessionId>(envelope.request->owner), Ticket{revision.value}, now);
    } else if (!changed) {
      return;
    } else if (const auto* close = std::get_if<CloseSession>(&envelope.command)) {
      EndSession(close->session);
    } else if (const auto* expire = std::get_if<ExpireSession>(&envelope.command)) {
      EndSession(expire->session);
    } else if (const auto* leave = std::get_if<Leave>(&envelope.command)) {
      std::erase_if(queues_[{leave->kind, leave->name}],
                    [&](const Place& place) { return place.ticket == leave->ticket; });
    } else if (const auto* forced = std::get_if<ForceRelease>(&envelope.command)) {
      std::vector<Place>& places = queues_[{forced->kind, forced->name}];
      places.erase(places.begin());
    } else if (const auto* release = std::get_if<Release>(&envelope.command)) {
      std::vector<Place>& places = queues_[{release->kind, release->name}];
      ASSERT_EQ(places.at(0).session, std::get<SessionId>(envelope.request->owner));
      places.erase(places.begin());
      std::stable_partition(places.begin(), places.end(), [&](const Place& place) {
        return place.session == release->successor;
      });
    }
  }

  void EndWaits(ClusterTime now) {
    for (auto& [name, places] : queues_) {
      for (size_t i = places.size(); i-- > 1;) {
        if (places[i].until <= now) places.erase(places.begin() + static_cast<int>(i));
      }
    }
  }

  void ExpectSame(const CoordinationMachine& machine) const {
    size_t seen = 0;
    for (const auto& [name, places] : queues_) {
      const Claim* claim = machine.claims(name.first).Find(name.second);
      ASSERT_EQ(claim == nullptr, places.empty()) << name.second;
      if (places.empty()) continue;
      ASSERT_EQ(claim->holder.session, places[0].session) << name.second;
      ASSERT_EQ(claim->queue.size(), places.size() - 1) << name.second;
      for (size_t i = 1; i < places.size(); ++i) {
        ASSERT_EQ(claim->queue[i - 1].ticket, places[i].ticket) << name.second;
        ASSERT_EQ(claim->queue[i - 1].deadline, places[i].until) << name.second;
      }
      seen += places.size();
    }
    ASSERT_EQ(seen, machine.claims(ClaimKind::kLock).places() +
                        machine.claims(ClaimKind::kElection).places());
  }

 private:
  void Join(const Enter& enter, SessionId session, Ticket ticket, ClusterTime now) {
    absl::Duration wait = enter.wait;
    if (enter.kind == ClaimKind::kLock) wait = std::min(wait, absl::Duration(absl::Seconds(60)));
    std::vector<Place>& places = queues_[{enter.kind, enter.name}];
    for (size_t i = 0; i < places.size(); ++i) {
      if (places[i].session != session) continue;
      if (i > 0) places[i].until = now + wait;
      return;
    }
    if (places.empty() || wait > absl::ZeroDuration()) {
      places.push_back({session, ticket, now + wait});
    }
  }
  void EndSession(SessionId session) {
    for (auto& [name, places] : queues_) {
      std::erase_if(places, [&](const Place& place) { return place.session == session; });
    }
  }

  std::map<std::pair<ClaimKind, std::string>, std::vector<Place>> queues_;
};

class RandomLog {
 public:
  explicit RandomLog(uint32_t seed) : random_(seed) {}

  // Applies one random entry and returns its bytes.
  std::string Step() {
    log.Advance(absl::Milliseconds(Roll(3000)));
    Envelope envelope = {log.time, std::nullopt, Tick{}};
    Fill(envelope);
    if (envelope.request.has_value()) {  // Some of the owner's last requests are under way still.
      envelope.request->first_outstanding -=
          std::min<uint64_t>(Roll(6), envelope.request->first_outstanding);
    }
    std::string bytes = EncodeCommand(envelope);
    if (!sent_.empty() && Roll(10) == 0) {
      // A copy that the network kept; mostly a recent one.
      bytes = sent_[sent_.size() - 1 -
                    Roll(Roll(4) == 0 ? sent_.size() : std::min<size_t>(sent_.size(), 10))];
    } else if (Roll(20) == 0) {
      Harm(bytes);
    } else if (envelope.request.has_value()) {
      sent_.push_back(bytes);
    }
    const Revision revision = RevisionAt(log.machine.epoch(), log.index + 1);
    const Answer answer = log.ApplyBytes(bytes);
    if (const auto decoded = DecodeCommand(bytes); decoded.ok()) {
      Note(*decoded, revision, answer);
    }
    return bytes;
  }

  MachineDriver log;
  QueueModel model;
  int repeated = 0;  // Requests that were answered from memory.
  int granted = 0;

 private:
  size_t Roll(size_t n) { return random_() % n; }

  SessionId AnySession() {
    if (sessions_.empty() || Roll(30) == 0) return {random_() % 1000};
    return sessions_[Roll(sessions_.size())];
  }
  std::string AnyName() { return std::string(1, static_cast<char>('a' + Roll(4))); }
  ClaimKind AnyKind() { return Roll(2) == 0 ? ClaimKind::kLock : ClaimKind::kElection; }
  Token TokenOfHolder(ClaimKind kind, const std::string& name) {
    const Claim* claim = log.machine.claims(kind).Find(name);
    if (claim == nullptr || Roll(5) == 0) return {1 + random_() % 100};
    return claim->holder.token;
  }
  RequestId Holders(ClaimKind kind, const std::string& name) {
    const SessionId holder = log.HolderOf(kind, name);
    return log.Next(holder == SessionId{} || Roll(5) == 0 ? AnySession() : holder);
  }

  void Fill(Envelope& envelope) {
    const ClaimKind kind = AnyKind();
    const std::string name = AnyName();
    switch (Roll(16)) {
      case 0:
      case 1:
        envelope.command = OpenSession{1 + Roll(30), absl::Seconds(1 + Roll(20)), "s"};
        break;
      case 2:
        envelope.command = Roll(4) == 0 ? Command(CloseSession{AnySession()}) : Command(Tick{});
        break;
      case 3: {
        const SessionId id = AnySession();
        const Session* session = log.machine.sessions().Find(id);
        envelope.command =
            ExpireSession{id, session == nullptr ? Roll(4) : session->renewals - Roll(2)};
        break;
      }
      case 4:
        envelope.command = RenewSessions{{AnySession(), AnySession()}};
        break;
      case 5:
        if (Roll(10) == 0) envelope.command = BeginLeadership{};
        if (Roll(50) == 0) envelope.command = SetEpoch{{1 + Roll(9)}};
        break;
      case 6: {
        const Claim* claim = log.machine.claims(kind).Find(name);
        const bool queued = claim != nullptr && !claim->queue.empty() && Roll(2) == 0;
        envelope.command = Leave{kind, name,
                                 queued             ? claim->queue.back().ticket
                                 : claim != nullptr ? claim->holder.ticket
                                                    : Ticket{Roll(100)}};
        break;
      }
      case 7:
      case 8:
        envelope.request = Holders(kind, name);
        envelope.command = Release{kind, name, TokenOfHolder(kind, name),
                                   Roll(2) == 0 ? AnySession() : SessionId{}};
        break;
      case 9:
        envelope.request = log.NextOfClient(1 + Roll(3));
        envelope.command = ForceRelease{kind, name, TokenOfHolder(kind, name)};
        break;
      case 10:
        envelope.request = Holders(ClaimKind::kElection, name);
        envelope.command = Proclaim{name, TokenOfHolder(ClaimKind::kElection, name), "v"};
        break;
      case 11:
        envelope.request = log.NextOfClient(1 + Roll(3));
        envelope.command = KvTxn{{{name, Revision{}}}, {{name, KvPut{name}}}, {{name, KvDelete{}}}};
        break;
      default:
        envelope.request = log.Next(AnySession());
        envelope.command = Enter{kind, name, kind == ClaimKind::kElection ? "v" : "",
                                 absl::Seconds(Roll(4) == 0 ? 0 : Roll(90))};
    }
  }

  void Harm(std::string& bytes) {
    std::string harmed = bytes;
    harmed[Roll(bytes.size())] = static_cast<char>(random_());
    const auto decoded = DecodeCommand(harmed);
    // Time must not run away, or nothing would expire any more.
    if (!decoded.ok() || decoded->time <= log.time) bytes = harmed;
  }

  static std::string Key(RequestId request) {
    request.first_outstanding = 0;
    return EncodeCommand({{}, request, Tick{}});
  }

  void Note(const Envelope& envelope, Revision revision, const Answer& answer) {
    model.EndWaits(log.machine.now());
    if (answer.code == AnswerCode::kInvalid) return;
    std::string& first = first_answers_[envelope.request.has_value() ? Key(*envelope.request) : ""];
    if (answer.revision != revision) {
      ++repeated;
      ASSERT_EQ(first, log.bytes);
      return;
    }
    if (answer.code != AnswerCode::kSequenceForgotten) first = log.bytes;
    if (const auto* opened = std::get_if<SessionOpened>(&answer.body)) {
      sessions_.push_back(opened->session);
    }
    if (const auto* entered = std::get_if<Entered>(&answer.body))
      granted += entered->token.value > 0;
    if (answer.code != AnswerCode::kOk) return;
    const auto* done = std::get_if<Done>(&answer.body);
    model.Note(envelope, revision, log.machine.now(), done != nullptr && done->changed);
  }

  std::mt19937 random_;
  std::vector<SessionId> sessions_;
  std::vector<std::string> sent_;
  std::map<std::string, std::string> first_answers_;  // By Key.
};

class MachinePropertyTest : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Rounds, MachinePropertyTest, testing::Range(0, 8));

TEST_P(MachinePropertyTest, MachinesThatApplyTheSameEntriesAreTheSame) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed + 1);
  RandomLog log(seed);
  CoordinationMachine twin;
  for (int step = 0; step < 3000; ++step) {
    const std::string entry = log.Step();
    ASSERT_EQ(twin.Apply(log.log.index, entry), log.log.bytes) << "step " << step;
    ASSERT_EQ(twin.Hash(), log.log.machine.Hash()) << "step " << step;
    if (random() % 40 != 0) continue;
    const std::string bytes = log.log.machine.Save();
    ASSERT_EQ(twin.Save(), bytes) << "step " << step;
    CoordinationMachine reborn;
    ASSERT_OK(reborn.Load(bytes));
    twin = std::move(reborn);
  }
  EXPECT_GT(log.repeated, 10);
  EXPECT_GT(log.granted, 50);
}

TEST_P(MachinePropertyTest, QueuesAreAsTheirModelSaysAndTokensGrowStrictly) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  RandomLog log(seed);
  std::map<std::pair<ClaimKind, std::string>, Token> held;
  Token newest;
  for (int step = 0; step < 3000; ++step) {
    log.Step();
    log.model.ExpectSame(log.log.machine);
    if (testing::Test::HasFatalFailure()) FAIL() << "step " << step;
    std::set<Token> granted;
    for (const ClaimKind kind : {ClaimKind::kElection, ClaimKind::kLock}) {
      for (const auto& [name, claim] : log.log.machine.claims(kind).all()) {
        Token& before = held[{kind, name}];
        if (claim.holder.token == before) continue;
        before = claim.holder.token;
        ASSERT_GT(claim.holder.token, newest) << "step " << step;
        ASSERT_TRUE(granted.insert(claim.holder.token).second) << "step " << step;
      }
    }
    if (!granted.empty()) newest = *granted.rbegin();
  }
}

// Whoever follows the events from the start knows what whoever looks at the state knows.
TEST_P(MachinePropertyTest, EventsTellObserversAllThatTheStateShows) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  RandomLog log(seed);
  std::map<std::string, Holder> leaders;
  std::map<std::string, Revision> revisions;
  std::map<std::string, std::string> keys;
  for (int step = 0; step < 3000; ++step) {
    log.Step();
    for (const Event& event : log.log.machine.TakeEvents()) {
      if (const auto* change = std::get_if<LeaderChanged>(&event)) {
        ASSERT_GT(change->revision, std::exchange(revisions[change->name], change->revision));
        leaders.erase(change->name);
        if (change->leader.has_value()) leaders.emplace(change->name, *change->leader);
      } else if (const auto* written = std::get_if<KvChanged>(&event)) {
        for (const KvChange& one : written->changes) {
          keys.erase(one.key);
          if (one.value != nullptr) keys.emplace(one.key, *one.value);
        }
      }
    }
    std::map<std::string, Holder> shown;
    for (const auto& [name, claim] : log.log.machine.claims(ClaimKind::kElection).all()) {
      shown.emplace(name, claim.holder);
    }
    ASSERT_EQ(leaders, shown) << "step " << step;
    std::map<std::string, std::string> stored;
    for (const KvEntry& entry : log.log.machine.kv().List("", "", 1000, 1'000'000)) {
      stored.emplace(entry.key, entry.value);
    }
    ASSERT_EQ(keys, stored) << "step " << step;
  }
}

}  // namespace
}  // namespace z4j::consensus
