#ifndef Z4J_BASE_STATUS_MACROS_H_
#define Z4J_BASE_STATUS_MACROS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function with the error of `expr`, if it has one.
#define RETURN_IF_ERROR(expr)                                 \
  do {                                                        \
    if (absl::Status z4j_status = (expr); !z4j_status.ok()) { \
      return z4j_status;                                      \
    }                                                         \
  } while (false)

#define Z4J_CONCAT_INNER(a, b) a##b
#define Z4J_CONCAT(a, b) Z4J_CONCAT_INNER(a, b)

// ASSIGN_OR_RETURN(Schedule schedule, store.Get(id));
#define ASSIGN_OR_RETURN(lhs, expr) Z4J_ASSIGN_OR_RETURN(Z4J_CONCAT(z4j_or_, __LINE__), lhs, expr)
#define Z4J_ASSIGN_OR_RETURN(temp, lhs, expr) \
  auto temp = (expr);                         \
  if (!temp.ok()) return temp.status();       \
  lhs = *std::move(temp)

#endif  // Z4J_BASE_STATUS_MACROS_H_
