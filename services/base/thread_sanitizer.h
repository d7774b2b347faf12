#ifndef Z4J_BASE_THREAD_SANITIZER_H_
#define Z4J_BASE_THREAD_SANITIZER_H_

// libgrpc orders what one thread starts before what another completes, and is not instrumented:
// these say so to ThreadSanitizer.  They do nothing else, and nothing at all in other builds.
#if defined(__SANITIZE_THREAD__)
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace z4j {

// Before `reactor` starts something of gRPC's: all until now comes before its next callback.
inline void HandToGrpc([[maybe_unused]] void* reactor) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(reactor);
#endif
}

// First in each callback.
inline void TakeFromGrpc([[maybe_unused]] void* reactor) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(reactor);
#endif
}

}  // namespace z4j

#endif  // Z4J_BASE_THREAD_SANITIZER_H_
