#include "services/scheduler/mutate/committer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "services/base/field_error.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/mutate/request.h"
#include "services/scheduler/mutate/working.h"

namespace z4j::scheduler {
namespace {

using Result = Committer::Result;

absl::Time WholeMicros(absl::Time time) { return absl::FromUnixMicros(absl::ToUnixMicros(time)); }

// Whether `mutation` needs its schedule; a cancellation touches the fire alone, and a change of the
// cluster nothing here.
bool NeedsSchedule(const Mutation& mutation) {
  return !std::holds_alternative<CancelFire>(mutation.action) &&
         !std::holds_alternative<RecordClusterChange>(mutation.action);
}

// Decides all of `mutations` or, if one is refused, none of them.
void RunAtomic(const std::vector<Mutation>& mutations, const std::string& hash,
               const std::function<Uuid()>& new_id, Working& working,
               std::vector<Result>& results) {
  Working savepoint = working;
  bool refused = false;
  for (const Mutation& mutation : mutations) {
    results.push_back(working.Run(mutation, hash, new_id()));
    refused = refused || !results.back().ok();
  }
  if (!refused) return;
  working = std::move(savepoint);
  for (size_t i = results.size() - mutations.size(); i < results.size(); ++i) {
    if (results[i].ok()) {
      results[i] = absl::FailedPreconditionError(
          "not written, because another item of its batch was refused");
    }
  }
}

// Whether a refusal by the store can be the fault of one mutation, so that the others should be
// tried without it.  All other codes speak of the store itself.
bool MayBeOneMutations(absl::StatusCode code) {
  return code == absl::StatusCode::kInvalidArgument || code == absl::StatusCode::kInternal ||
         code == absl::StatusCode::kUnknown || code == absl::StatusCode::kAlreadyExists ||
         code == absl::StatusCode::kNotFound;
}

}  // namespace

Committer::Committer(ScheduleStore& store, const Keyring& keys, Clock& clock, Options options)
    : store_(store),
      keys_(keys),
      clock_(clock),
      options_(std::move(options)),
      mac_(keys),
      thread_([this] { Loop(); }) {}

Committer::~Committer() { Stop(); }

void Committer::Submit(Mutation mutation, Done done) {
  std::vector<Mutation> one;
  one.push_back(std::move(mutation));
  Enqueue({std::move(one), false, [done = std::move(done)](std::vector<Result> results) mutable {
             done(std::move(results.front()));
           }});
}

void Committer::SubmitBatch(std::vector<Mutation> mutations, bool atomic, BatchDone done) {
  if (mutations.empty() || mutations.size() > kBatchCreateMax) {
    const absl::Status refused = FieldError(
        "requests", absl::StrCat("has ", mutations.size(), " items; write 1 to ", kBatchCreateMax));
    done(std::vector<Result>(mutations.size(), refused));
    return;
  }
  for (size_t i = 0; i < mutations.size(); ++i) mutations[i].batch_item = static_cast<int>(i);
  Enqueue({std::move(mutations), atomic, std::move(done)});
}

void Committer::Enqueue(Group group) {
  const bool has_id = std::any_of(group.mutations.begin(), group.mutations.end(),
                                  [](const Mutation& m) { return !RequestKey(m).empty(); });
  if (has_id) group.request_hash = RequestHash(group.mutations);
  absl::Status refused;
  {
    absl::MutexLock lock(&mu_);
    if (stopping_) {
      refused = absl::UnavailableError("the scheduler is stopping; send it to another node");
    } else if (queued_ + group.mutations.size() > kMutationsQueuedMax) {
      refused = absl::ResourceExhaustedError(
          absl::StrCat(queued_, " changes are waiting to be written; try again in a second"));
    } else {
      queued_ += static_cast<int>(group.mutations.size());
      queue_.push_back(std::move(group));
      return;
    }
  }
  group.done(std::vector<Result>(group.mutations.size(), refused));
}

Committer::Result Committer::Run(Mutation mutation) {
  absl::Notification answered;
  Result result = absl::UnavailableError("not answered");
  Submit(std::move(mutation), [&](Result answer) {
    result = std::move(answer);
    answered.Notify();
  });
  answered.WaitForNotification();
  return result;
}

std::vector<Committer::Result> Committer::RunBatch(std::vector<Mutation> mutations, bool atomic) {
  absl::Notification answered;
  std::vector<Result> results;
  SubmitBatch(std::move(mutations), atomic, [&](std::vector<Result> answers) {
    results = std::move(answers);
    answered.Notify();
  });
  answered.WaitForNotification();
  return results;
}

void Committer::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  absl::MutexLock lock(&join_mu_);
  if (thread_.joinable()) thread_.join();
}

void Committer::Loop() {
  while (true) {
    std::vector<Group> groups;
    {
      absl::MutexLock lock(&mu_);
      const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return stopping_ || !queue_.empty();
      };
      mu_.Await(absl::Condition(&ready));
      if (queue_.empty()) return;
      groups = TakeGroups();
    }
    Commit(std::move(groups));
  }
}

std::vector<Committer::Group> Committer::TakeGroups() {
  std::vector<Group> groups;
  std::set<ScheduleKey> changed, deleted;
  int taken = 0;
  while (!queue_.empty()) {
    Group& group = queue_.front();
    const int size = static_cast<int>(group.mutations.size());
    if (taken > 0 && taken + size > kMutationsPerCommitMax) break;
    // A deletion shares no transaction with other changes of its schedule: see Working::Run.
    const bool clashes =
        std::any_of(group.mutations.begin(), group.mutations.end(), [&](const Mutation& m) {
          if (!NeedsSchedule(m)) return false;
          const ScheduleKey key = KeyOf(m.action);
          return deleted.count(key) > 0 ||
                 (std::holds_alternative<DeleteSchedule>(m.action) && changed.count(key) > 0);
        });
    if (clashes) break;
    for (const Mutation& m : group.mutations) {
      if (!NeedsSchedule(m)) continue;
      changed.insert(KeyOf(m.action));
      if (std::holds_alternative<DeleteSchedule>(m.action)) deleted.insert(KeyOf(m.action));
    }
    taken += size;
    groups.push_back(std::move(group));
    queue_.pop_front();
  }
  queued_ -= taken;
  return groups;
}

absl::Status Committer::Transact(const std::vector<Group>& groups, std::vector<Result>& results,
                                 bool& wrote) {
  std::set<ScheduleKey> keys;
  std::set<std::string> request_ids;
  for (const Group& group : groups) {
    for (const Mutation& mutation : group.mutations) {
      if (NeedsSchedule(mutation)) keys.insert(KeyOf(mutation.action));
      const std::string id = RequestKey(mutation);
      if (!id.empty()) request_ids.insert(id);
    }
  }
  bool nothing = false;
  const EngineOffers offers = options_.offers();
  const absl::Status status = store_.Transact(
      std::vector<ScheduleKey>(keys.begin(), keys.end()),
      std::vector<std::string>(request_ids.begin(), request_ids.end()),
      [&](const ReadSet& read) -> absl::StatusOr<WriteSet> {
        results.clear();
        // Read under the head's lock, so that entries stand in the order of their times.
        Working working(read, WholeMicros(clock_.Now()), &offers);
        for (const Group& group : groups) {
          if (group.atomic) {
            RunAtomic(group.mutations, group.request_hash, options_.new_id, working, results);
            continue;
          }
          for (const Mutation& mutation : group.mutations) {
            results.push_back(working.Run(mutation, group.request_hash, options_.new_id()));
          }
        }
        nothing = !working.dirty();
        if (nothing) return absl::CancelledError("nothing to write");
        return std::move(working).Finish(mac_, keys_);
      });
  wrote = status.ok();
  return nothing ? absl::OkStatus() : status;
}

void Committer::Commit(std::vector<Group> groups) {
  std::vector<Result> results;
  bool wrote = false;
  const absl::Status status = Transact(groups, results, wrote);
  if (!status.ok() && groups.size() > 1 && MayBeOneMutations(status.code())) {
    for (Group& group : groups) {
      std::vector<Group> one;
      one.push_back(std::move(group));
      Commit(std::move(one));
    }
    return;
  }
  if (wrote) options_.on_commit();
  auto next = results.begin();
  for (Group& group : groups) {
    const size_t size = group.mutations.size();
    if (status.ok()) {
      group.done(
          std::vector<Result>(std::make_move_iterator(next), std::make_move_iterator(next + size)));
      next += size;
    } else {
      // Also for those that were refused: what they were refused for may not have come to pass.
      group.done(std::vector<Result>(size, status));
    }
  }
}

}  // namespace z4j::scheduler
