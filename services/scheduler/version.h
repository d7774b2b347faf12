#ifndef Z4J_SCHEDULER_VERSION_H_
#define Z4J_SCHEDULER_VERSION_H_

namespace z4j::scheduler {

inline constexpr char kVersion[] = Z4J_VERSION;  // The project's, from CMakeLists.txt.

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_VERSION_H_
