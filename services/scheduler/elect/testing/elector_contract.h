#ifndef Z4J_SCHEDULER_ELECT_TESTING_ELECTOR_CONTRACT_H_
#define Z4J_SCHEDULER_ELECT_TESTING_ELECTOR_CONTRACT_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/clock.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/elect/leader_elector.h"

// What every elector of several nodes promises, by real time.  INSTANTIATE_TEST_SUITE_P it with
// what makes a cluster; what is promised stands in elector_contract_test.cc.
namespace z4j::scheduler {

// The nodes of one cluster, not started: two or more.
class ElectorCluster {
 public:
  virtual ~ElectorCluster() = default;
  // Owned here.  The names of the nodes are "n1", "n2" …, in this order.
  virtual std::vector<LeaderElector*> electors() = 0;
};
using MakeElectorCluster = std::function<std::unique_ptr<ElectorCluster>()>;

class ElectorContract : public testing::TestWithParam<MakeElectorCluster> {
 protected:
  void SetUp() override {
    cluster_ = GetParam()();
    electors_ = cluster_->electors();
    for (LeaderElector* elector : electors_) ASSERT_OK(elector->Start([] {}));
  }
  void TearDown() override {
    for (LeaderElector* elector : electors_) elector->Stop();
  }

  bool Leads(size_t node) { return electors_[node]->Current(clock_.MonoNow()).has_value(); }
  // The node that leads with a token > `after`.
  size_t AwaitLeader(FencingToken after = {}) {
    const MonoTime give_up = clock_.MonoNow() + absl::Minutes(1);
    while (clock_.MonoNow() < give_up) {
      for (size_t node = 0; node < electors_.size(); ++node) {
        const auto term = electors_[node]->Current(clock_.MonoNow());
        if (!term || !(term->token > after)) continue;
        term_ = *term;
        return node;
      }
      absl::SleepFor(absl::Milliseconds(1));
    }
    ADD_FAILURE() << "nobody leads";
    return 0;
  }
  void AwaitKnown(size_t node, const std::string& leader) {
    while (electors_[node]->Leader().holder != leader) absl::SleepFor(absl::Milliseconds(1));
  }
  static std::string NameOf(size_t node) { return absl::StrCat("n", node + 1); }

  SystemClock clock_;
  std::unique_ptr<ElectorCluster> cluster_;
  std::vector<LeaderElector*> electors_;
  LeaderTerm term_;  // As AwaitLeader found it.
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_ELECT_TESTING_ELECTOR_CONTRACT_H_
