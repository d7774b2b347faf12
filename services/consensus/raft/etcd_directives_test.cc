#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "services/consensus/raft/membership.h"
#include "services/consensus/raft/quorum.h"
#include "services/consensus/raft/testing/directives.h"

// etcd's own expectations of quorums and changes of membership, read from a checkout of
// github.com/etcd-io/raft that ETCD_RAFT_TESTDATA names; they are not part of this repository.
namespace z4j::consensus {
namespace {

using Ids = std::set<NodeId>;
using RunOne = std::function<std::string(const Directive&)>;

uint64_t NumberOf(absl::string_view text) {
  uint64_t number = 0;
  EXPECT_TRUE(absl::SimpleAtoi(text, &number)) << text;
  return number;
}

// Runs all files of a folder; `fresh` gives each its own state.  Returns how many directives.
int RunFolder(const std::string& folder, const std::function<RunOne()>& fresh) {
  int count = 0;
  const std::filesystem::path root(std::getenv("ETCD_RAFT_TESTDATA"));
  for (const auto& file : std::filesystem::directory_iterator(root / folder / "testdata")) {
    std::stringstream text;
    text << std::ifstream(file.path()).rdbuf();
    const RunOne run = fresh();
    for (const Directive& directive : ParseDirectives(text.str())) {
      SCOPED_TRACE(absl::StrCat(file.path().string(), ":", directive.line));
      EXPECT_EQ(run(directive), directive.expected);
      ++count;
    }
  }
  return count;
}

Ids IdsOf(const Directive& directive, const std::string& key) {
  Ids ids;
  const auto values = directive.arguments.find(key);
  if (values == directive.arguments.end()) return ids;
  for (const std::string& value : values->second) {
    if (value != "zero") ids.insert(NodeId{NumberOf(value)});
  }
  return ids;
}

// The values of `key` belong to the voters in the order in which the two lists first name them.
std::map<NodeId, std::string> ValuesOf(const Directive& directive, const std::string& key) {
  std::vector<NodeId> order;
  for (const char* list : {"cfg", "cfgj"}) {
    const auto values = directive.arguments.find(list);
    if (values == directive.arguments.end()) continue;
    for (const std::string& value : values->second) {
      if (value == "zero") continue;
      const NodeId id{NumberOf(value)};
      if (std::find(order.begin(), order.end(), id) == order.end()) order.push_back(id);
    }
  }
  std::map<NodeId, std::string> result;
  const auto values = directive.arguments.find(key);
  for (size_t i = 0; i < order.size(); ++i) {
    if (values->second.at(i) != "_") result[order[i]] = values->second[i];
  }
  return result;
}

// The chart that precedes the answer: for each voter how many are behind it.
std::string Chart(const Ids& voters, const std::map<NodeId, Index>& match) {
  if (voters.empty()) return "<empty majority quorum>";
  const auto of = [&](NodeId id) { return match.contains(id) ? match.at(id) : Index{}; };
  std::string chart = std::string(voters.size(), ' ') + "    idx\n";
  for (NodeId id : voters) {
    const bool known = match.contains(id);
    const size_t bar = std::count_if(voters.begin(), voters.end(),
                                     [&](NodeId other) { return of(other) < of(id); });
    chart += std::string(bar, 'x') + (known ? ">" : "?") + std::string(voters.size() - bar, ' ');
    absl::StrAppendFormat(&chart, " %5d    (id=%d)\n", of(id).value, id.value);
  }
  return chart;
}

std::string RunQuorum(const Directive& directive) {
  const Ids voters = IdsOf(directive, "cfg");
  const Ids outgoing = IdsOf(directive, "cfgj");
  if (directive.command == "vote") {
    std::map<NodeId, bool> votes;
    for (const auto& [id, vote] : ValuesOf(directive, "votes")) votes[id] = vote == "y";
    const VoteResult result = JointVote(voters, outgoing, votes);
    EXPECT_EQ(result, JointVote(outgoing, voters, votes));
    if (outgoing.empty()) {
      EXPECT_EQ(result, MajorityVote(voters, votes));
    }
    return result == VoteResult::kWon    ? "VoteWon\n"
           : result == VoteResult::kLost ? "VoteLost\n"
                                         : "VotePending\n";
  }
  std::map<NodeId, Index> match;
  for (const auto& [id, index] : ValuesOf(directive, "idx")) match[id] = {NumberOf(index)};
  const auto of = [&](NodeId id) { return match.contains(id) ? match.at(id) : Index{}; };
  const Index all{UINT64_MAX};
  const Index committed = QuorumValue(voters, outgoing, all, of);
  EXPECT_EQ(committed, QuorumValue(outgoing, voters, all, of));
  EXPECT_EQ(MajorityValue(voters, all, of), QuorumValue(voters, voters, all, of));
  Ids everybody = voters;
  everybody.insert(outgoing.begin(), outgoing.end());
  return Chart(everybody, match) + (committed == all ? "∞" : absl::StrCat(committed.value)) + "\n";
}

// etcd's words for our refusals.
std::string RefusalOf(const absl::Status& status) {
  const std::pair<const char*, const char*> words[] = {
      {"joint already", "config is already joint"},
      {"is not joint", "can't leave a non-joint config"},
      {"without voters", "can't make a zero-voter config joint"},
      {"no simple change", "can't apply simple config change in joint config"},
      {"all voters", "removed all voters"},
      {"more than one voter", "more than one voter changed without entering joint config"},
  };
  for (const auto& [ours, theirs] : words) {
    if (absl::StrContains(status.message(), ours)) return absl::StrCat(theirs, "\n");
  }
  return status.ToString();
}

class ChangeRunner {
 public:
  std::string Run(const Directive& directive) {
    const absl::StatusOr<Config> next = Change(directive);
    const uint64_t round = round_++;
    if (!next.ok()) return RefusalOf(next.status());
    config_ = *next;
    // A member's log begins where it became one; it keeps that place while it stays.
    std::erase_if(next_, [&](const auto& entry) { return !config_.IsMember(entry.first); });
    for (const auto& [id, member] : config_.members) {
      next_.try_emplace(id, std::max<uint64_t>(round, 1));
    }
    return Text();
  }

 private:
  absl::StatusOr<Config> Change(const Directive& directive) {
    if (directive.command == "leave-joint") return LeaveJoint(config_);
    std::vector<ConfigStep> steps;
    for (absl::string_view token :
         absl::StrSplit(directive.input, absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
      const ConfigStep::Kind kind = token[0] == 'v'   ? ConfigStep::Kind::kAddVoter
                                    : token[0] == 'l' ? ConfigStep::Kind::kAddLearner
                                    : token[0] == 'r' ? ConfigStep::Kind::kRemove
                                                      : ConfigStep::Kind::kUpdate;
      steps.push_back({kind, NodeId{NumberOf(token.substr(1))}, {}});
    }
    if (directive.command == "simple") return SimpleChange(config_, steps);
    const auto leaves = directive.arguments.find("autoleave");
    return EnterJoint(config_, steps,
                      leaves != directive.arguments.end() && leaves->second[0] == "true");
  }

  static std::string TextOf(const Ids& ids) {
    std::string text;
    for (NodeId id : ids) absl::StrAppend(&text, text.empty() ? "" : " ", id.value);
    return absl::StrCat("(", text, ")");
  }

  std::string Text() const {
    std::string text = absl::StrCat("voters=", TextOf(config_.voters));
    if (config_.joint()) absl::StrAppend(&text, "&&", TextOf(config_.outgoing));
    if (!config_.learners.empty()) absl::StrAppend(&text, " learners=", TextOf(config_.learners));
    if (!config_.learners_next.empty()) {
      absl::StrAppend(&text, " learners_next=", TextOf(config_.learners_next));
    }
    absl::StrAppend(&text, config_.auto_leave ? " autoleave\n" : "\n");
    for (const auto& [id, next] : next_) {
      absl::StrAppend(&text, id.value, ": StateProbe match=0 next=", next,
                      config_.learners.contains(id) ? " learner\n" : "\n");
    }
    return text;
  }

  Config config_;
  std::map<NodeId, uint64_t> next_;
  uint64_t round_ = 0;
};

class EtcdDirectivesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("ETCD_RAFT_TESTDATA") == nullptr) {
      GTEST_SKIP() << "ETCD_RAFT_TESTDATA does not name a checkout of github.com/etcd-io/raft";
    }
  }
};

TEST_F(EtcdDirectivesTest, QuorumsAreWhatEtcdExpects) {
  EXPECT_GT(RunFolder("quorum", [] { return RunQuorum; }), 100);
}

TEST_F(EtcdDirectivesTest, ChangesLeadWhereEtcdExpects) {
  const int count = RunFolder("confchange", [] {
    auto runner = std::make_shared<ChangeRunner>();
    return [runner](const Directive& directive) { return runner->Run(directive); };
  });
  EXPECT_GT(count, 50);
}

}  // namespace
}  // namespace z4j::consensus
