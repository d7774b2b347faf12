// An adapter that accepts every fire at once and does nothing with it: it measures what the
// scheduler can do, not a broker.
//
//   null_adapter ADDRESS SECONDS [MAX_IN_FLIGHT]
//
// Connects as engine "null", answers dispatches with ACCEPTED and outcomes with SUCCEEDED, and
// after SECONDS prints one JSON line: fires received, fires per second between the first and the
// last, and the lateness (received − due) in ms.

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "z4j/scheduler/v1/adapter.grpc.pb.h"

namespace {

using z4j::scheduler::v1::AdapterService;
using z4j::scheduler::v1::ConnectRequest;
using z4j::scheduler::v1::ConnectResponse;
using Stream = grpc::ClientReaderWriter<ConnectRequest, ConnectResponse>;

struct Figures {
  std::vector<double> lateness_ms;
  absl::Time first, last;

  double Percentile(double p) {
    if (lateness_ms.empty()) return 0;
    const size_t at = std::min(lateness_ms.size() - 1, size_t(p * lateness_ms.size()));
    std::nth_element(lateness_ms.begin(), lateness_ms.begin() + at, lateness_ms.end());
    return lateness_ms[at];
  }
};

void SayHello(Stream& stream, int max_in_flight) {
  ConnectRequest request;
  auto& hello = *request.mutable_hello();
  hello.set_engine("null");
  hello.set_instance("null-1");
  hello.set_version("bench");
  hello.set_max_in_flight(max_in_flight);
  hello.mutable_capabilities()->set_outcomes(true);
  stream.Write(request);
}

// Answers one batch: hand-overs and ends of runs, in one message each.
void Answer(Stream& stream, const z4j::scheduler::v1::DispatchBatch& batch, int64_t sequence,
            Figures& figures) {
  const absl::Time now = absl::Now();
  if (figures.lateness_ms.empty()) figures.first = now;
  figures.last = now;
  ConnectRequest results, outcomes;
  outcomes.mutable_outcomes()->set_sequence(sequence);
  for (const auto& fire : batch.fires()) {
    figures.lateness_ms.push_back((absl::ToUnixMicros(now) - fire.due_us()) / 1000.0);
    auto& result = *results.mutable_results()->add_results();
    result.set_fire_id(fire.fire_id());
    result.set_fire_ref(fire.fire_ref());
    result.set_code(z4j::scheduler::v1::DispatchResult::CODE_ACCEPTED);
    auto& outcome = *outcomes.mutable_outcomes()->add_outcomes();
    outcome.set_fire_id(fire.fire_id());
    outcome.set_fire_ref(fire.fire_ref());
    outcome.set_state(z4j::scheduler::v1::Outcome::STATE_SUCCEEDED);
    outcome.mutable_time()->set_seconds(absl::ToUnixSeconds(now));
  }
  stream.Write(results);
  stream.Write(outcomes);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: null_adapter ADDRESS SECONDS [MAX_IN_FLIGHT]\n");
    return 2;
  }
  const double seconds = std::atof(argv[2]);
  auto channel = grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials());
  auto stub = AdapterService::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(int64_t(seconds * 1000)));
  auto stream = stub->Connect(&context);
  SayHello(*stream, argc > 3 ? std::atoi(argv[3]) : 10000);

  Figures figures;
  figures.lateness_ms.reserve(4'000'000);
  int64_t sequence = 0;
  absl::Mutex writing;  // A stream takes one writer at a time.
  absl::Notification done;
  std::thread heart([&] {
    while (!done.WaitForNotificationWithTimeout(absl::Seconds(2))) {
      ConnectRequest beat;
      beat.mutable_heartbeat()->set_load(0);
      absl::MutexLock lock(&writing);
      stream->Write(beat);
    }
  });
  ConnectResponse response;
  while (stream->Read(&response)) {
    if (response.has_welcome()) std::fprintf(stderr, "connected\n");
    absl::MutexLock lock(&writing);
    if (response.has_dispatch()) Answer(*stream, response.dispatch(), ++sequence, figures);
  }
  done.Notify();
  heart.join();
  const grpc::Status end = stream->Finish();
  if (end.error_code() != grpc::StatusCode::DEADLINE_EXCEEDED) {
    std::fprintf(stderr, "null_adapter: the stream broke: %s\n", end.error_message().c_str());
    return 1;
  }
  const double span = absl::ToDoubleSeconds(figures.last - figures.first);
  const double n = figures.lateness_ms.size();
  std::printf(
      "{\"fires\": %.0f, \"fires_per_s\": %.0f, \"p50_ms\": %.2f, \"p99_ms\": %.2f, "
      "\"max_ms\": %.2f}\n",
      n, span > 0 ? n / span : 0, figures.Percentile(0.5), figures.Percentile(0.99),
      figures.Percentile(1.0));
  return 0;
}
