#ifndef Z4J_CONSENSUS_CLIENT_CANCELLATION_H_
#define Z4J_CONSENSUS_CLIENT_CANCELLATION_H_

#include <condition_variable>
#include <mutex>
#include <set>
#include <vector>

#include "absl/time/time.h"

namespace grpc {
class ClientContext;
}

namespace z4j::consensus::client {

// Ends calls that another thread waits for.  Once cancelled, it stays so.  Thread-safe.
class Cancellation {
 public:
  Cancellation() = default;
  // Cancelled as soon as one of `parents` is, which outlive it and may be null.
  explicit Cancellation(std::vector<Cancellation*> parents);
  ~Cancellation();
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  void Cancel();
  bool cancelled() const;
  // Waits so long, or until cancelled, which it returns.
  bool Sleep(absl::Duration duration);

  // While it exists, Cancel() ends the call of `context`.  `cancellation` may be null.
  class Scope {
   public:
    Scope(Cancellation* cancellation, grpc::ClientContext* context);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Cancellation* const cancellation_;
    grpc::ClientContext* const context_;
  };

 private:
  mutable std::mutex mu_;
  std::condition_variable changed_;
  bool cancelled_ = false;
  std::multiset<grpc::ClientContext*> calls_;
  std::set<Cancellation*> children_;
  const std::vector<Cancellation*> parents_;
};

}  // namespace z4j::consensus::client

#endif  // Z4J_CONSENSUS_CLIENT_CANCELLATION_H_
