#include "tests/simulation/scheduler_process.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace z4j::simulation {
namespace {

using scheduler::FencingToken;
using scheduler::LeaderTerm;

const absl::Duration kElectionTimeout = RaftOptions().election_timeout;
// No thread comes back sooner.
constexpr absl::Duration kLeastSleep = absl::Microseconds(100);
constexpr absl::Duration kWriteAgain = absl::Milliseconds(100);

}  // namespace

SchedulerProcess::SchedulerProcess(Around around)
    : around_(around),
      world_(around.world),
      store_(around.way, around.database),
      elector_({.election_timeout = kElectionTimeout}, *this, *this),
      writer_(store_, *this, nullptr),
      dispatcher_(writer_, *this, nullptr,
                  {.balance = scheduler::Balance::kLeastLoaded,
                   .seed = around.world.random()(),
                   .on_ended = [](auto) {}}),
      loop_(store_, elector_, dispatcher_, writer_, *this, *this, nullptr,
            {.node = Name(),
             .retention = scheduler::kFireRetentionDefault,
             .on_data_loss =
                 [this](const absl::Status& status) {
                   around_.oracle.Fail(absl::StrCat(Name(), ": ", status.ToString()));
                 },
             .on_role =
                 [this](bool leading) {
                   world_.Tell([&] {
                     return absl::StrCat("the scheduler of ", Name(),
                                         leading ? " ticks under " : " ticks no more under ",
                                         store_.raised().value);
                   });
                 }}) {}

SchedulerProcess::~SchedulerProcess() = default;

std::string SchedulerProcess::Name() const {
  return absl::StrCat("node ", around_.server.identity().id.value);
}

std::shared_ptr<SimulatedThread> SchedulerProcess::NewThread() {
  return std::make_shared<SimulatedThread>(
      world_, [&server = around_.server] { return server.paused_until(); });
}

void SchedulerProcess::Start() {
  writer_.StartElsewhere();
  turns_ = NewThread();
  writes_ = NewThread();
  elects_ = NewThread();
  Connect();
  turns_->Start([this] { TurnLoop(); });
  writes_->Start([this] { WriteLoop(); });
  elects_->Start([this] { ElectLoop(); });
}

void SchedulerProcess::Stop(std::function<void()> stopped) {
  if (on_stopped_) return;
  on_stopped_ = std::move(stopped);
  turns_->Wake();
}

void SchedulerProcess::Kill() {
  if (std::exchange(dead_, true)) return;
  if (operator_ != nullptr) operator_->Kill();
  turns_->Kill();
  writes_->Kill();
  elects_->Kill();
  loop_.RunOnce();  // It lets go of the term, so that its end waits for nothing.
}

// As Server::TransferLeadership.
void SchedulerProcess::AskToHandOver() {
  if (asked_ || !elector_.Current(MonoNow()) || !elector_.CheckSuccessor("").ok()) return;
  asked_ = true;
  operator_ = NewThread();
  operator_->Start([this] {
    turns_->Wake();
    loop_.HandOver("").IgnoreError();
    asked_ = false;
  });
}

void SchedulerProcess::Calm() {
  calm_ = true;
  if (link_ != nullptr) link_->Calm();
}

void SchedulerProcess::LeadershipChanged() {
  elects_->Wake();
  turns_->Wake();
}

// --- The threads ------------------------------------------------------------------------------

void SchedulerProcess::TurnLoop() {
  while (!dead_ && !on_stopped_) {
    const bool led = loop_.leading();
    const absl::Duration sleep = loop_.RunOnce();
    if (dead_) return;
    const FencingToken token = store_.raised();
    if (loop_.leading() && store_.refused() >= token) {
      around_.oracle.LeadsOnRefused(around_.server.identity().id, token);
    }
    if (led && !loop_.leading()) elects_->Wake();  // It may have resigned.
    Do([this] { Pump(); });
    turns_->Sleep(std::max(kLeastSleep, around_.server.Lasts(sleep)));
  }
  if (dead_) return;
  loop_.Stop();
  loop_stopped_ = true;
  elects_->Wake();
}

void SchedulerProcess::WriteLoop() {
  bool again = false;
  while (!dead_) {
    if (again) {
      writes_->Sleep(kWriteAgain);
    } else if (writer_.queued() == 0) {
      writes_->Sleep(absl::InfiniteDuration());
      writes_->Sleep(scheduler::kUpdatesFlushAfter);
    }
    if (dead_) return;
    again = !writer_.FlushOnce();
    turns_->Wake();
    Do([this] { Pump(); });
  }
}

void SchedulerProcess::ElectLoop() {
  while (!dead_ && !loop_stopped_) {
    elector_.Step();
    elects_->Sleep(Held() ? kElectionTimeout / 2 : absl::InfiniteDuration());
  }
  if (dead_) return;
  elector_.Step();  // As its thread does when it is joined.
  Do([this] { on_stopped_(); });
}

void SchedulerProcess::Do(std::function<void()> what) {
  if (dead_) return;
  world_.At(std::max(world_.now(), around_.server.paused_until()),
            [self = weak_from_this(), what = std::move(what)]() mutable {
              const auto process = self.lock();
              if (process == nullptr || process->dead_) return;
              if (process->around_.server.paused()) return process->Do(std::move(what));
              what();
            });
}

void SchedulerProcess::Pump() {
  const absl::Duration sleep = dispatcher_.RunOnce();
  if (writer_.queued() > 0) writes_->Wake();
  if (sleep < absl::InfiniteDuration()) {
    PumpAt(world_.now() + std::max(kLeastSleep, around_.server.Lasts(sleep)));
  }
}

void SchedulerProcess::PumpAt(Instant when) {
  if (when >= pump_at_ && pump_at_ > world_.now()) return;
  pump_at_ = when;
  world_.At(when, [self = weak_from_this(), when] {
    const auto process = self.lock();
    if (process == nullptr || process->pump_at_ != when) return;
    process->pump_at_ = absl::InfiniteDuration();
    process->Do([&process = *process] { process.Pump(); });
  });
}

void SchedulerProcess::Connect() {
  EngineLink::Events events;
  events.sent = [this](const scheduler::DispatchItem& item) {
    around_.oracle.HandsOver(around_.server.identity().id, store_.raised_at(), item);
  };
  events.results = [this](std::vector<scheduler::DispatchResult> results) {
    Do([this, results = std::move(results)] {
      dispatcher_.OnResults(*link_, results);
      turns_->Wake();
      Pump();
    });
  };
  events.ended = [this](std::vector<scheduler::Outcome> ended,
                        std::function<void(bool durable)> done) {
    Do([this, ended = std::move(ended), done = std::move(done)] {
      dispatcher_.OnOutcomes(*link_, ended, done);
      turns_->Wake();
      Pump();
    });
  };
  events.broken = [this] {
    Do([this] {
      dispatcher_.OnDisconnected(*link_);
      world_.After(world_.Between(absl::Milliseconds(10), absl::Milliseconds(300)),
                   [self = weak_from_this()] {
                     const auto process = self.lock();
                     if (process != nullptr && !process->dead_) process->Connect();
                   });
    });
  };
  link_ = std::make_shared<EngineLink>(world_, around_.options, around_.engine, std::move(events));
  if (calm_) link_->Calm();
  dispatcher_.OnConnected(link_);
  around_.engine.Watch(link_);
  Do([this] { Pump(); });
}

// --- What the loop is told --------------------------------------------------------------------

absl::Time SchedulerProcess::Now() { return kWorldBegan + world_.now() + around_.wall_clock_ahead; }

void SchedulerProcess::Finish(const scheduler::ScheduleKey& key) {
  around_.oracle.Fail(absl::StrCat(key.name, " is finished, and has no end"));
}

void SchedulerProcess::Quarantine(const scheduler::ScheduleKey& key, const std::string& reason) {
  around_.oracle.Fail(absl::StrCat(key.name, " is quarantined: ", reason));
}

void SchedulerProcess::Resume(const scheduler::ScheduleKey& key) {
  scheduler::Mutation mutation;
  mutation.action = scheduler::ResumeSchedule{key, /*if_expired=*/true};
  mutation.caller = {"scheduler", Name()};
  around_.way.Send(around_.database.Change(std::move(mutation), around_.wall_clock_ahead),
                   [](bool) {});
}

// --- The consensus node -----------------------------------------------------------------------

std::optional<LeaderTerm> SchedulerProcess::Held() {
  const Replica* const replica = around_.server.replica();
  if (dead_ || replica == nullptr) return std::nullopt;
  const auto leadership = replica->leadership();
  if (!leadership) return std::nullopt;
  return LeaderTerm{{static_cast<int64_t>(leadership->token().value)}, leadership->lease_until};
}

absl::Status SchedulerProcess::CheckSuccessor(const std::string& node) {
  const Replica* const replica = around_.server.replica();
  if (dead_ || replica == nullptr) return absl::FailedPreconditionError("it does not run");
  if (!node.empty()) return absl::InvalidArgumentError("nobody is chosen here");
  if (replica->status().config.voters.size() > 1) return absl::OkStatus();
  return absl::FailedPreconditionError("there is no other node that votes");
}

absl::Duration SchedulerProcess::Patience(MonoTime deadline) const {
  return around_.server.Lasts(deadline - around_.server.Clock());
}

std::optional<CallResult> SchedulerProcess::AskNode(
    std::function<void(Replica&, MonoTime, CallId)> what, MonoTime deadline) {
  auto answer = std::make_shared<CallResult>();
  auto came = std::make_shared<bool>(false);
  const auto thread = SimulatedThread::Current()->shared_from_this();
  // As events of their own: the node's work is not done on the stack of this thread.
  Do([this, what = std::move(what), answer, came, waits = std::weak_ptr(thread)] {
    around_.server.Call(what, [answer, came, waits](const CallResult& result, const Replica&) {
      const auto thread = waits.lock();
      if (thread == nullptr) return;
      *answer = result;
      *came = true;
      thread->Look();
    });
  });
  if (!thread->Await(came, Patience(deadline))) return std::nullopt;
  return *answer;
}

absl::Status SchedulerProcess::HandOver(const std::string&, MonoTime deadline) {
  // As Node::StepDown: a hand-over that got stuck is begun again.
  while (!dead_ && MonoNow() < deadline) {
    const MonoTime soon = std::min(deadline, MonoNow() + 2 * kElectionTimeout);
    const auto result =
        AskNode([soon](Replica& replica, MonoTime now,
                       CallId call) { replica.Transfer(now, call, soon, NodeId{}); },
                soon + kElectionTimeout);
    if (!result) continue;
    if (result->fate == Fate::kDone || result->fate == Fate::kNotLeader) return absl::OkStatus();
    if (result->fate != Fate::kUnknown) return absl::UnavailableError(result->detail);
  }
  return absl::UnavailableError("no other node took over in time");
}

void SchedulerProcess::Campaign() {
  Do([this] { around_.server.Do([](Replica& replica, MonoTime now) { replica.Campaign(now); }); });
}

absl::Status SchedulerProcess::RaiseTokens(FencingToken seen, MonoTime deadline) {
  const uint64_t epoch = (static_cast<uint64_t>(seen.value) >> kEpochShift) + 1;
  const auto result = AskNode(
      [epoch, deadline](Replica& replica, MonoTime now, CallId call) {
        replica.Propose(now, call, deadline, std::nullopt, SetEpoch{{epoch}});
      },
      deadline);
  if (result && result->fate == Fate::kDone) return absl::OkStatus();
  return absl::UnavailableError("the epoch is not raised");
}

}  // namespace z4j::simulation
