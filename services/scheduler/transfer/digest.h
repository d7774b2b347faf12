#ifndef Z4J_SCHEDULER_TRANSFER_DIGEST_H_
#define Z4J_SCHEDULER_TRANSFER_DIGEST_H_

#include <string>

#include "absl/strings/string_view.h"
#include "services/scheduler/core/schedule.h"

namespace z4j::scheduler {

// What `schedule` does, as one text: equal for two schedules exactly if they run the same task in
// the same way by the same rules.  Fields that have their default value do not appear, so that a
// field which later versions add changes no text.  Apart from what names a schedule and says what
// became of it (name, state, pause, times, source), these do not count:
//   * labels, which people here sort by;
//   * the anchor of an interval: a source that counts from its last run moves it with every run.
std::string DefinitionText(const Schedule& schedule);

// SHA-256 of that text, in lower-case hex: ImportSource.digest.
std::string DefinitionDigest(const Schedule& schedule);

// SHA-256 of `text` in lower-case hex.
std::string HexDigest(absl::string_view text);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_TRANSFER_DIGEST_H_
