// Loaded before libfaketime, which moves the timers of clocks that never jump along with the wall clock: what sleeps when a
// clock is put back by a minute would sleep a minute longer, which no real clock does.
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

int timerfd_settime(int descriptor, int flags, const struct itimerspec *value, struct itimerspec *old) {
    return syscall(SYS_timerfd_settime, descriptor, flags, value, old);
}
