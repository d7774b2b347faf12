// How many keys three consensus nodes write per second, and how long one write takes: ours, or
// etcd's, by the same client.
//
//   put_bench z4j|etcd ADDRESS CLIENTS SECONDS [RATE]
//
// z4j-consensus needs --max-requests-per-second 0 for it.
//
// CLIENTS writers have one write of 100 bytes under way each, at ADDRESS, the leader's.  With a
// RATE, so many writes a second are begun at even distances, and a write that had to wait for a
// free client has waited: its latency counts from when it was due.  Prints one JSON line.

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "z4j/consensus/v1/kv.pb.h"

namespace {

constexpr int kClientsPerChannel = 64;  // As both services advise: few connections, many calls.
constexpr int kValueBytes = 100;

// One field of protobuf's wire format; etcd's PutRequest is key = 1, value = 2.
std::string BytesField(int number, absl::string_view bytes) {
  return absl::StrCat(std::string(1, static_cast<char>(number << 3 | 2)),
                      std::string(1, static_cast<char>(bytes.size())), bytes);  // < 128.
}

struct Run {
  bool etcd = false;
  absl::Time end;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs;

  absl::Mutex mu;
  std::deque<class Client*> idle ABSL_GUARDED_BY(mu);
  int failed ABSL_GUARDED_BY(mu) = 0;
  std::vector<double> latency_ms ABSL_GUARDED_BY(mu);
};

// Writes one key after the other, each once.
class Client {
 public:
  Client(Run& run, int number) : run_(run), key_(absl::StrCat("bench/key-", number)) {
    absl::BitGen random;
    id_ = absl::Uniform<uint64_t>(random, 1, UINT64_MAX);
    stub_ = run.stubs[number / kClientsPerChannel].get();
  }

  // Then it is in `idle` again.
  void Put(absl::Time due) {
    due_ = due;
    const grpc::Slice slice(Request());
    request_ = grpc::ByteBuffer(&slice, 1);
    context_ = std::make_unique<grpc::ClientContext>();
    context_->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    const char* method = run_.etcd ? "/etcdserverpb.KV/Put" : "/z4j.consensus.v1.KvService/Put";
    stub_->UnaryCall(context_.get(), method, {}, &request_, &response_,
                     [this](grpc::Status status) { Done(status); });
  }

 private:
  std::string Request() {
    const std::string value(kValueBytes, 'v');
    if (run_.etcd) return BytesField(1, key_) + BytesField(2, value);
    z4j::consensus::v1::PutRequest put;
    put.mutable_request_id()->set_client_id(id_);
    put.mutable_request_id()->set_sequence(++sequence_);
    put.mutable_request_id()->set_first_outstanding(sequence_);
    put.set_key(key_);
    put.set_value(value);
    return put.SerializeAsString();
  }

  void Done(const grpc::Status& status) {
    absl::MutexLock lock(&run_.mu);
    if (status.ok()) {
      run_.latency_ms.push_back(absl::ToDoubleMilliseconds(absl::Now() - due_));
    } else if (run_.failed++ == 0) {
      std::fprintf(stderr, "%s\n", status.error_message().c_str());
    }
    run_.idle.push_back(this);
  }

  Run& run_;
  const std::string key_;
  uint64_t id_ = 0, sequence_ = 0;
  grpc::GenericStub* stub_;
  std::unique_ptr<grpc::ClientContext> context_;
  grpc::ByteBuffer request_, response_;
  absl::Time due_;
};

Client* TakeIdle(Run& run) {
  absl::MutexLock lock(&run.mu);
  run.mu.Await(absl::Condition(
      +[](std::deque<Client*>* idle) { return !idle->empty(); }, &run.idle));
  Client* const client = run.idle.front();
  run.idle.pop_front();
  return client;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: put_bench z4j|etcd ADDRESS CLIENTS SECONDS [RATE]\n");
    return 2;
  }
  Run run;
  run.etcd = std::string(argv[1]) == "etcd";
  const int clients = std::atoi(argv[3]);
  const double seconds = std::atof(argv[4]), rate = argc > 5 ? std::atof(argv[5]) : 0;
  for (int i = 0; i * kClientsPerChannel < clients; ++i) {
    grpc::ChannelArguments own;  // Channels with equal arguments would share a connection.
    own.SetInt("bench.channel", i);
    run.stubs.push_back(std::make_unique<grpc::GenericStub>(
        grpc::CreateCustomChannel(argv[2], grpc::InsecureChannelCredentials(), own)));
  }
  std::deque<Client> all;
  for (int i = 0; i < clients; ++i) run.idle.push_back(&all.emplace_back(run, i));
  const absl::Time begin = absl::Now();
  run.end = begin + absl::Seconds(seconds);
  for (int64_t i = 0;; ++i) {
    absl::Time due = begin + absl::Seconds(i / std::max(rate, 1.0));
    if (rate > 0) absl::SleepFor(due - absl::Now());
    Client* const client = TakeIdle(run);
    if (rate == 0) due = absl::Now();
    if (due >= run.end) {
      absl::MutexLock lock(&run.mu);
      run.idle.push_back(client);
      break;
    }
    client->Put(due);
  }
  for (int i = 0; i < clients; ++i) TakeIdle(run);

  absl::MutexLock lock(&run.mu);
  std::sort(run.latency_ms.begin(), run.latency_ms.end());
  if (run.latency_ms.empty()) return 1;
  const auto at = [&](double p) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run.mu) {
    return run.latency_ms[std::min(run.latency_ms.size() - 1, size_t(p * run.latency_ms.size()))];
  };
  std::printf(
      "{\"puts\": %zu, \"failed\": %d, \"per_s\": %.0f, \"p50_ms\": %.2f, \"p99_ms\": %.2f}\n",
      run.latency_ms.size(), run.failed, run.latency_ms.size() / seconds, at(0.5), at(0.99));
  return run.failed == 0 ? 0 : 1;
}
