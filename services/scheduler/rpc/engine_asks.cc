#include "services/scheduler/rpc/engine_asks.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "services/base/field_error.h"
#include "services/scheduler/core/text_rules.h"

namespace z4j::scheduler {
namespace {

// What was asked for and what has come of it.
class Gathering {
 public:
  Gathering(RpcContext& rpc, std::vector<std::string> instances, OnAnswers done)
      : rpc_(rpc),
        instances_(std::move(instances)),
        done_(std::move(done)),
        answers_(instances_.size(), absl::UnknownError("")),
        missing_(instances_.size()) {}

  // Of one instance; true if it was the last.
  bool Take(size_t index, absl::StatusOr<AdapterAnswer> answer) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    answers_[index] = std::move(answer);
    return --missing_ == 0;
  }

  // All have answered.
  static void Finish(std::shared_ptr<Gathering> all) {
    WorkerPool& pool = all->rpc_.pool;
    pool.Post([all = std::move(all)] { all->done_(all->Together()); });
  }

 private:
  absl::StatusOr<std::vector<InstanceAnswer>> Together() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    std::vector<InstanceAnswer> together;
    for (size_t i = 0; i < instances_.size(); ++i) {
      if (!answers_[i].ok()) {
        const absl::Status& why = answers_[i].status();
        return absl::Status(why.code(),
                            absl::StrCat("instance ", instances_[i], ": ", why.message()));
      }
      together.push_back({instances_[i], *std::move(answers_[i])});
    }
    return together;
  }

  RpcContext& rpc_;
  const std::vector<std::string> instances_;
  OnAnswers done_;
  absl::Mutex mu_;
  std::vector<absl::StatusOr<AdapterAnswer>> answers_ ABSL_GUARDED_BY(mu_);
  size_t missing_ ABSL_GUARDED_BY(mu_);
};

// "; connected are celery, rq"
std::string Connected(const std::set<std::string>& names) {
  return names.empty() ? "; none is" : absl::StrCat("; connected: ", absl::StrJoin(names, ", "));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> InstancesMeant(const std::vector<AdapterStatus>& adapters,
                                                        const std::string& engine,
                                                        const std::string& instance) {
  std::set<std::string> engines, instances;
  for (const AdapterStatus& adapter : adapters) {
    engines.insert(adapter.info.engine);
    if (adapter.info.engine == engine) instances.insert(adapter.info.instance);
  }
  if (engine.empty()) return FieldError("engine", "is required, such as celery");
  if (instances.empty()) {
    return absl::NotFoundError(absl::StrCat("no adapter of an engine ", Quoted(engine),
                                            " is connected to this node", Connected(engines)));
  }
  if (instance.empty()) return std::vector<std::string>(instances.begin(), instances.end());
  if (!instances.contains(instance)) {
    return absl::NotFoundError(absl::StrCat("no instance ", Quoted(instance), " of ", engine,
                                            " is connected to this node", Connected(instances)));
  }
  return std::vector<std::string>{instance};
}

void AskInstances(RpcContext& rpc, const std::string& engine,
                  const std::vector<std::string>& instances, const AdapterQuestion& question,
                  OnAnswers done) {
  const auto all = std::make_shared<Gathering>(rpc, instances, std::move(done));
  for (size_t i = 0; i < instances.size(); ++i) {
    rpc.cluster.Ask(engine, instances[i], question, [all, i](absl::StatusOr<AdapterAnswer> answer) {
      if (all->Take(i, std::move(answer))) Gathering::Finish(all);
    });
  }
}

}  // namespace z4j::scheduler
