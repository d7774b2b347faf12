#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/consensus/raft/testing/directives.h"
#include "services/consensus/raft/testing/etcd_expectation.h"
#include "services/consensus/raft/testing/etcd_replay.h"

// etcd's interaction tests, read from a checkout of github.com/etcd-io/raft that ETCD_RAFT_TESTDATA
// names.  Not their texts are compared but the states that the texts tell of: term, vote, commit
// index, role, leader, log and progress, wherever all is quiet and wherever a test asks for them.
namespace z4j::consensus {
namespace {

struct Deviation {
  const char* file;
  int line;  // Of the directive; 0: the file is not run.
  const char* why;
};

// Each of these differs, for the reason given; docs/raft.md tells more of the reasons.  Lines are
// those of the commit that docs/raft.md names.
constexpr char kPreVote[] = "a campaign that cannot win raises no term";
constexpr char kOnAppend[] = "a configuration is in force from its append on";
constexpr char kRemoved[] = "a leader that was removed steps down; the others elect the next";
constexpr char kBatching[] = "proposals of one turn share an append, which leaves with the output";
constexpr char kWithheld[] = "a vote is kept back for a time, whatever the voter became meanwhile";
constexpr char kExplicit[] = "not run: a joint phase is entered if needed and left by itself";
constexpr char kForget[] = "not run: nothing here forgets a leader that lives";
constexpr char kWrites[] = "not run: it counts single writes, and writes are grouped otherwise";
constexpr Deviation kDeviations[] = {
    {"async_storage_writes_append_aba_race.txt", 0, kWrites},
    {"checkquorum.txt", 35, kPreVote},
    {"checkquorum.txt", 67, kPreVote},
    {"checkquorum.txt", 164, kPreVote},
    {"confchange_disable_validation.txt", 0, kExplicit},
    {"confchange_v1_remove_leader.txt", 36, kOnAppend},
    {"confchange_v1_remove_leader.txt", 146, kRemoved},
    {"confchange_v1_remove_leader.txt", 221, kRemoved},
    {"confchange_v1_remove_leader.txt", 246, kRemoved},
    {"confchange_v1_remove_leader_stepdown.txt", 37, kOnAppend},
    {"confchange_v1_remove_leader_stepdown.txt", 113, kOnAppend},
    {"confchange_v2_add_double_implicit.txt", 0, kExplicit},
    {"confchange_v2_add_single_explicit.txt", 0, kExplicit},
    {"confchange_v2_replace_leader.txt", 0, kExplicit},
    {"confchange_v2_replace_leader_stepdown.txt", 0, kExplicit},
    {"forget_leader.txt", 0, kForget},
    {"forget_leader_prevote_checkquorum.txt", 0, kForget},
    {"forget_leader_read_only_lease_based.txt", 0, kForget},
    {"prevote_checkquorum.txt", 230, kWithheld},
    {"replicate_pause.txt", 95, kBatching},
    {"replicate_pause.txt", 115, kBatching},
    {"slow_follower_after_compaction.txt", 80, kBatching},
};

const char* DeviationAt(const std::string& file, int line) {
  for (const Deviation& deviation : kDeviations) {
    if (deviation.file == file && deviation.line == line) return deviation.why;
  }
  return nullptr;
}

// Whether all nodes have done what they had to: states in between depend on the order of messages,
// which is each implementation's own.
bool IsQuiet(const Directive& directive) {
  return directive.command == "stabilize" && directive.words.empty();
}

bool Asks(const Directive& directive) {
  return directive.command == "raft-state" || directive.command == "raft-log" ||
         directive.command == "status";
}

// Returns how many directives were compared.
int RunFile(const std::filesystem::path& path) {
  const std::string file = path.filename().string();
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  EtcdReplay replay;
  EtcdExpectation expectation;
  int compared = 0;
  for (const Directive& directive : ParseDirectives(text.str())) {
    const std::string where = absl::StrCat(file, ":", directive.line, " ", directive.command);
    if (!replay.Run(directive)) {
      ADD_FAILURE() << where << " has no counterpart";
      return compared;
    }
    expectation.Read(directive);
    if (absl::StartsWith(directive.command, "propose")) {
      EXPECT_EQ(replay.accepted(), !absl::StrContains(directive.expected, "dropped")) << where;
    }
    std::vector<std::string> differences = expectation.Differences(directive, replay);
    if (IsQuiet(directive)) {
      const std::vector<std::string> more = expectation.Differences(replay);
      differences.insert(differences.end(), more.begin(), more.end());
    }
    compared += IsQuiet(directive) || Asks(directive) ? 1 : 0;
    const char* const why = DeviationAt(file, directive.line);
    if (why != nullptr) {
      EXPECT_FALSE(differences.empty()) << where << " agrees; strike out: " << why;
      continue;
    }
    for (const std::string& difference : differences) ADD_FAILURE() << where << ": " << difference;
  }
  return compared;
}

class EtcdInteractionTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("ETCD_RAFT_TESTDATA") == nullptr) {
      GTEST_SKIP() << "ETCD_RAFT_TESTDATA does not name a checkout of github.com/etcd-io/raft";
    }
  }
};

TEST_F(EtcdInteractionTest, StatesAreWhatEtcdExpects) {
  const std::filesystem::path root(std::getenv("ETCD_RAFT_TESTDATA"));
  int files = 0, compared = 0;
  for (const auto& file : std::filesystem::directory_iterator(root / "testdata")) {
    if (DeviationAt(file.path().filename().string(), 0) != nullptr) continue;
    ++files;
    compared += RunFile(file.path());
  }
  EXPECT_GE(files, 19);
  EXPECT_GT(compared, 70);
  std::cout << files << " files, " << compared << " states compared\n";
}

}  // namespace
}  // namespace z4j::consensus
