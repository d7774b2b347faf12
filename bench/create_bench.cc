// How many audited CreateSchedule calls a server answers per second.
//
//   create_bench ADDRESS IN_FLIGHT SECONDS
//
// Keeps IN_FLIGHT unary calls under way for SECONDS and prints one JSON line: calls per second and
// the latency of one call in ms.

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "services/base/uuid.h"
#include "z4j/scheduler/v1/schedule_service.grpc.pb.h"

namespace {

using z4j::scheduler::v1::CreateScheduleRequest;
using z4j::scheduler::v1::CreateScheduleResponse;
using z4j::scheduler::v1::ScheduleService;

struct Run {
  std::unique_ptr<ScheduleService::Stub> stub;
  std::string prefix;
  absl::Time end;
  std::atomic<int64_t> next{0}, failed{0};
  absl::Mutex mu;
  std::vector<double> latency_ms;
  std::unique_ptr<absl::BlockingCounter> lanes;
};

// One call after the other until the end of the run.
class Lane {
 public:
  explicit Lane(Run& run) : run_(run) { Next(); }

 private:
  void Next() {
    if (absl::Now() >= run_.end) {
      run_.lanes->DecrementCount();
      delete this;
      return;
    }
    context_ = std::make_unique<grpc::ClientContext>();
    request_.set_parent("projects/bench");
    request_.set_schedule_id(absl::StrCat(run_.prefix, run_.next++));
    request_.set_request_id(z4j::Uuid::Random().ToString());
    auto& schedule = *request_.mutable_schedule();
    schedule.set_engine("null");
    schedule.set_task("bench.task");
    schedule.set_args_json("[1, \"two\"]");
    schedule.set_time_zone("Europe/Berlin");
    schedule.mutable_spec()->mutable_cron()->set_expression("0 3 1 1 *");
    begin_ = absl::Now();
    run_.stub->async()->CreateSchedule(context_.get(), &request_, &response_,
                                       [this](grpc::Status status) { Done(status); });
  }
  void Done(const grpc::Status& status) {
    if (!status.ok() && run_.failed++ == 0) {
      std::fprintf(stderr, "%s\n", status.error_message().c_str());
    }
    {
      absl::MutexLock lock(&run_.mu);
      run_.latency_ms.push_back(absl::ToDoubleMilliseconds(absl::Now() - begin_));
    }
    Next();
  }

  Run& run_;
  std::unique_ptr<grpc::ClientContext> context_;
  CreateScheduleRequest request_;
  CreateScheduleResponse response_;
  absl::Time begin_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: create_bench ADDRESS IN_FLIGHT SECONDS\n");
    return 2;
  }
  const int in_flight = std::atoi(argv[2]);
  const double seconds = std::atof(argv[3]);
  Run run;
  run.stub =
      ScheduleService::NewStub(grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials()));
  run.prefix = absl::StrCat("c", absl::ToUnixMicros(absl::Now()), "-");
  run.end = absl::Now() + absl::Seconds(seconds);
  run.lanes = std::make_unique<absl::BlockingCounter>(in_flight);
  for (int i = 0; i < in_flight; ++i) new Lane(run);  // Deletes itself at the end.
  run.lanes->Wait();
  std::sort(run.latency_ms.begin(), run.latency_ms.end());
  const auto at = [&](double p) {
    return run.latency_ms[std::min(run.latency_ms.size() - 1, size_t(p * run.latency_ms.size()))];
  };
  std::printf(
      "{\"creates\": %zu, \"failed\": %lld, \"per_s\": %.0f, \"p50_ms\": %.2f, \"p99_ms\": %.2f}\n",
      run.latency_ms.size(), static_cast<long long>(run.failed.load()),
      run.latency_ms.size() / seconds, at(0.5), at(0.99));
  return run.failed == 0 ? 0 : 1;
}
