#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "services/consensus/raft/mutants.h"

// Breaks one rule after the other and says which of this folder's tests noticed first.  Exit code 1
// if a broken rule went unnoticed.
namespace z4j::consensus {
namespace {

class NameTests : public testing::EmptyTestEventListener {
 public:
  explicit NameTests(int pipe) : pipe_(pipe) {}
  void OnTestStart(const testing::TestInfo& test) override {
    if (testing::UnitTest::GetInstance()->Failed()) return;  // The rest is skipped.
    const std::string name = std::string(test.test_suite_name()) + "." + test.name() + "\n";
    if (write(pipe_, name.data(), name.size()) < 0) std::_Exit(2);
  }

 private:
  int pipe_;
};

int RunTests(Rule rule, int pipe) {
  broken_rule = static_cast<int>(rule);
  const int nowhere = open("/dev/null", O_WRONLY);
  if (dup2(nowhere, STDOUT_FILENO) < 0 || dup2(nowhere, STDERR_FILENO) < 0) std::_Exit(2);
  testing::UnitTest::GetInstance()->listeners().Append(new NameTests(pipe));
  return RUN_ALL_TESTS();
}

// The test that noticed; empty: none did.  In a process of its own, as a broken rule may break an
// assertion as well.
std::string NoticedBy(Rule rule) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    std::_Exit(RunTests(rule, ends[1]));
  }
  close(ends[1]);
  std::string names;
  char buffer[4096];
  for (ssize_t size; (size = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    names.append(buffer, static_cast<size_t>(size));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (names.empty() || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) return "";
  names.pop_back();
  return names.substr(names.rfind('\n') + 1);
}

}  // namespace
}  // namespace z4j::consensus

int main(int argc, char** argv) {
  using namespace z4j::consensus;
  testing::InitGoogleTest(&argc, argv);
  testing::GTEST_FLAG(fail_fast) = true;
  if (const std::string test = NoticedBy(Rule::kNone); !test.empty()) {
    std::printf("nothing is broken, yet %s fails\n", test.c_str());
    return 1;
  }
  int unnoticed = 0;
  for (int rule = 1; rule < static_cast<int>(Rule::kCount); ++rule) {
    const std::string test = NoticedBy(static_cast<Rule>(rule));
    unnoticed += test.empty() ? 1 : 0;
    std::printf("rule %d: %s\n", rule, test.empty() ? "UNNOTICED" : test.c_str());
    std::fflush(stdout);
  }
  return unnoticed == 0 ? 0 : 1;
}
