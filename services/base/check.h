#ifndef Z4J_BASE_CHECK_H_
#define Z4J_BASE_CHECK_H_

#include <cstdio>
#include <cstdlib>

#include "absl/base/optimization.h"

namespace z4j {

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace z4j

// States what only a bug could break, where going on would do harm.  Stays on in release.
#define Z4J_CHECK(condition)                              \
  do {                                                    \
    if (ABSL_PREDICT_FALSE(!(condition))) {               \
      ::z4j::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                     \
  } while (false)

#endif  // Z4J_BASE_CHECK_H_
