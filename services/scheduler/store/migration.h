#ifndef Z4J_SCHEDULER_STORE_MIGRATION_H_
#define Z4J_SCHEDULER_STORE_MIGRATION_H_

#include <string>

namespace z4j::scheduler {

// One step of a database's schema; step n leads from version n - 1 to n.  z4j_embed_sql() builds
// the files of store/migrations/<database> into the program as these.
struct Migration {
  std::string name;  // "0001_init"
  std::string sql;
};

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_STORE_MIGRATION_H_
