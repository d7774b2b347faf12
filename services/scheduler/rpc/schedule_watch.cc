#include "services/scheduler/rpc/schedule_watch.h"

#include "services/base/status_macros.h"
#include "services/scheduler/limits.h"
#include "services/scheduler/mutate/mutation.h"
#include "services/scheduler/rpc/answer.h"
#include "services/scheduler/store/schedule_match.h"

namespace z4j::scheduler {

absl::StatusOr<bool> ScheduleWatch::Next(v1::WatchSchedulesResponse* out) {
  if (snapshot_) return NextOfSnapshot(out);
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<ScheduleChange> changes,
                     store_.ListChanges(revision_, kEventsPerMessage));
    if (changes.empty()) return false;
    AnswerRoom room;
    for (const ScheduleChange& change : changes) {
      // What does not fit is read again for the next message.
      if (AddChange(change, out) && !room.KeepLast(out->mutable_events())) break;
      revision_ = change.revision;
    }
    out->set_revision(revision_);
    if (out->events_size() > 0) return true;  // Otherwise all were other projects'.
  }
}

absl::StatusOr<bool> ScheduleWatch::NextOfSnapshot(v1::WatchSchedulesResponse* out) {
  if (!begun_) {
    // Read first: what changes while the snapshot is read comes once more as a change.
    ASSIGN_OR_RETURN(const AuditHead head, store_.GetAuditHead());
    revision_ = head.seq;
    query_.limit = kEventsPerMessage;
    begun_ = true;
  }
  AnswerRoom room;
  const auto add = [&](const StoredSchedule& stored) {
    v1::ScheduleEvent* event = out->add_events();
    event->set_type(v1::ScheduleEvent::TYPE_PRESENT);
    SetSchedule(stored, event->mutable_schedule());
    event->set_name(event->schedule().name());
    return room.KeepLast(out->mutable_events());
  };
  ASSIGN_OR_RETURN(
      query_.after,
      ReadPage(
          query_, [this](const ScheduleQuery& part) { return store_.ListSchedules(part); }, add));
  snapshot_ = !query_.after.empty();
  // Sent even if there is nothing: it says that the snapshot is complete.
  if (!snapshot_) out->set_revision(revision_);
  return true;
}

bool ScheduleWatch::AddChange(const ScheduleChange& change, v1::WatchSchedulesResponse* out) {
  if (change.key.project != query_.project) return false;
  v1::ScheduleEvent* event = out->add_events();
  event->set_name(ResourceName(change.key));
  event->set_action(change.action);
  if (change.stored && Matches(query_, change.stored->schedule)) {
    event->set_type(v1::ScheduleEvent::TYPE_PRESENT);
    SetSchedule(*change.stored, event->mutable_schedule());
  } else {
    event->set_type(v1::ScheduleEvent::TYPE_REMOVED);
  }
  return true;
}

}  // namespace z4j::scheduler
