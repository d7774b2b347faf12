// Preloaded into a program, shifts its wall clock by as many seconds as the file says that
// Z4J_SHIFTED_CLOCK names: eight bytes, read at each look at the clock.  The kernel's clock stays, so
// that a wait until a wall-clock time is prolonged by the shift, as by a clock that is set back while
// somebody waits.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t* shift_s;

__attribute__((constructor)) static void open_shift(void) {
  const int file = open(getenv("Z4J_SHIFTED_CLOCK"), O_RDONLY | O_CLOEXEC);
  void* mapped = mmap(NULL, sizeof(*shift_s), PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) abort();
  close(file);
  shift_s = mapped;
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  const int result = (int)syscall(SYS_clock_gettime, clock, time);
  const int wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (wall && shift_s) time->tv_sec += *shift_s;
  return result;
}

int gettimeofday(struct timeval* time, void* zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
