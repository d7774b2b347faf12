#ifndef Z4J_SCHEDULER_TRANSFER_DEFINITION_H_
#define Z4J_SCHEDULER_TRANSFER_DEFINITION_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/scheduler/core/schedule.h"

// What another scheduler holds, as its reader told it: the lines of `z4j-adapter import`.
namespace z4j::scheduler {

// The kind of definitions that a scheduler of ours exported.
inline constexpr char kOwnKind[] = "z4j";

// Where definitions were read, and with what.
struct SourceInfo {
  std::string kind, version, locator;  // As in ImportSource.
  std::map<std::string, std::string> libraries = {};
  std::string tzdata = {};               // Of the source's own library; empty: it did not say.
  absl::Time fires_after = {};           // The instant after which its fires were asked for.
  std::optional<int> fires_wanted = {};  // So many for each schedule; none: it is not known.
  // The source's own library knows no due times from then on, or not to the microsecond.
  absl::Time ends = absl::InfiniteFuture();
};

// How the schedule here relates to the definition there.
enum class Exactness : uint8_t {
  kExact = 1,        // The same due times, for ever.
  kEqualSet = 2,     // One there is several here, whose union is the same due times.
  kApproximate = 3,  // Other due times; the reasons say which.
};

// Something that a person should know.  `code` is for programs: "HOST_ZONE".
struct Note {
  std::string code, message;

  friend bool operator==(const Note&, const Note&) = default;
};

// One schedule that a source has, in our terms.
struct Definition {
  // As it would be created: project, name, state, pause and source, with its digest, are set.
  Schedule schedule;
  Exactness exactness = Exactness::kExact;
  std::vector<Note> reasons;   // Why it is not exact, or how it became so.
  std::vector<Note> warnings;  // Exact, but to be looked at.
  std::string becomes;         // "cron 0 5 * * *": the schedule in a few words.
  std::string group;           // Lines of kEqualSet that belong together; empty: it stands alone.
  bool finished = false;       // It will never fire again there: nothing to create.
  // The next due times as the source's own library computes them, ascending; none: not asked for,
  // or the source cannot tell.
  std::optional<std::vector<absl::Time>> fires;
};

// One entry of a source that has no place here.
struct Refusal {
  std::string object;  // Its name or key there.
  std::string code;    // "R1_OPAQUE"
  std::string reason, remedy;
  std::string key;  // ImportSource.key, if it has one.
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_TRANSFER_DEFINITION_H_
