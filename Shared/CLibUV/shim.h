#pragma once
#include <uv.h>

/// Asks libuv to count the time a loop sleeps; a function because Swift cannot call the variadic uv_loop_configure.
static inline int guanxi_uv_count_idle_time(uv_loop_t *loop) {
    return uv_loop_configure(loop, UV_METRICS_IDLE_TIME);
}
