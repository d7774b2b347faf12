#ifndef Z4J_CONSENSUS_SERVER_RESTORE_H_
#define Z4J_CONSENSUS_SERVER_RESTORE_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/consensus/machine/stamps.h"
#include "services/consensus/server/founding.h"

// A new cluster out of a backup.  Nobody is asked: every node is given the same file and the same
// members, and so comes to the same cluster, which is another one than the backup's.
namespace z4j::consensus {

struct RestoreOptions {
  NodeId id{1};
  std::string data_dir;  // Must not be there, or be empty.
  std::string cluster_name = "z4j";
  Members members;  // Of the new cluster, `id` among them.
  // Above that of whatever gave out tokens before: so the new cluster's are greater.  None: the one
  // after the backup's, which is right unless a cluster was restored from this backup before.
  std::optional<Epoch> epoch;
};

struct Restored {
  ClusterId cluster;
  Epoch epoch;
  Index index;  // Of the snapshot that the node begins with.
};

// Makes the directory of node `id`, as a whole or not at all.
//   INVALID_ARGUMENT     members, or an epoch that is not above the backup's.
//   ALREADY_EXISTS       there is something in the directory.
//   DATA_LOSS            the backup is damaged.
//   FAILED_PRECONDITION  it is a newer version's.
absl::StatusOr<Restored> RestoreDataDirectory(const RestoreOptions& options,
                                              std::string_view backup);

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_SERVER_RESTORE_H_
