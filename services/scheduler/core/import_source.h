#ifndef Z4J_SCHEDULER_CORE_IMPORT_SOURCE_H_
#define Z4J_SCHEDULER_CORE_IMPORT_SOURCE_H_

#include <vector>

#include "services/base/field_error.h"
#include "services/scheduler/core/schedule.h"

namespace z4j::scheduler {

// What is wrong with `source`; fields are "source.kind", ….  Whether the locator leads anywhere and
// the digest fits is for whoever imports.  Pure.
std::vector<FieldViolation> CheckImportSource(const ImportSource& source);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_CORE_IMPORT_SOURCE_H_
