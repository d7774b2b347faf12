#ifndef Z4J_SCHEDULER_CLI_IMPORT_READ_H_
#define Z4J_SCHEDULER_CLI_IMPORT_READ_H_

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/transfer/definition.h"
#include "services/scheduler/transfer/limits.h"
#include "services/scheduler/transfer/proof.h"
#include "services/scheduler/transfer/zone_rules.h"
#include "z4j/scheduler/v1/schedule.pb.h"

namespace z4j::scheduler {

struct ReadOptions {
  std::string project;
  std::string from, python, file;   // `file`: lines read before ("-": standard input).
  std::vector<std::string> passed;  // Further words for the Python half: where the source is.
  int prove = kProveUsually;        // Fires to compare for each schedule; 0: none.
  absl::Time now;
  // What all schedules get, whatever the source says.
  bool paused = false, shadow = false;
  std::map<std::string, std::string> labels;
};

// A schedule of the source.
struct ReadSchedule {
  Definition definition;            // Of its fires only the next few are kept.
  v1::Schedule message;             // To be written; its source has the digest.
  bool leads = true;                // It is the first of its group, or has none.
  std::optional<Proof> proof = {};  // Of the whole group; none: the source tells no fires.
  std::string unproved = {};        // Why there is none, or what it leaves out.
  absl::Time proved_until = absl::InfinitePast();
};

// All that a source has.
struct Reading {
  SourceInfo source;
  std::deque<ReadSchedule> schedules;  // Large and many: they stay where they are.
  std::vector<Refusal> refusals;
  // What the end of it said of zones.
  std::optional<std::map<std::string, ZoneRules>> zones = {};
};

// Reads the source once from now on, and, to prove it there too, once from shortly before each of
// the next changes of the clock that the first fires do not reach.  Progress goes to standard error
// if that is a terminal.  INVALID_ARGUMENT in one sentence if the source cannot be read, with what
// to do; UNAVAILABLE if its reader died.
absl::StatusOr<Reading> ReadImport(const ReadOptions& options);

// Prints what the Python half says about the flags of `options.from`, or lists the sources; `verb`:
// "import", or "watch" for a shadow run.
absl::Status ShowSourceHelp(const ReadOptions& options, const std::string& verb);

// How many fires of each side are shown.
inline constexpr int kFiresShown = 3;

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CLI_IMPORT_READ_H_
