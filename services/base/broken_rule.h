#ifndef Z4J_BASE_BROKEN_RULE_H_
#define Z4J_BASE_BROKEN_RULE_H_

// Rules that a build can break on purpose, one at a time, to see whether the tests and the
// simulator notice:  cmake -DCMAKE_CXX_FLAGS=-DZ4J_MUTANT=7.  Without the macro all are kept and
// every `if (Broken(…))` is compiled away.  With -1 the build holds all of them, and `broken_rule`
// chooses.  The rules have their numbers from consensus/raft/mutants.h and scheduler/mutants.h.
#ifndef Z4J_MUTANT
#define Z4J_MUTANT 0
#endif

namespace z4j {

#if Z4J_MUTANT < 0
inline int broken_rule = 0;  // 0: none.
inline bool IsBroken(int rule) { return rule == broken_rule; }
#else
constexpr bool IsBroken(int rule) { return Z4J_MUTANT != 0 && Z4J_MUTANT == rule; }
#endif

}  // namespace z4j

#endif  // Z4J_BASE_BROKEN_RULE_H_
