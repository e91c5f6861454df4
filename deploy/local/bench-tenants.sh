#!/usr/bin/env bash
# `make bench-tenants`: measures many tenants in a system of its own, below .run/bench-tenants.
#   TENANTS=<n> makes so many instead of 2,000.
source "$(dirname "$0")/lib.sh"
PYTHON=$("$ROOT/deploy/local/python.sh")
# As docs/operations.md advises: a quarter of the memory.
export GUANXI_PG_SHARED_BUFFERS=${GUANXI_PG_SHARED_BUFFERS:-$(($(awk "/^MemTotal/ { print \$2 }" /proc/meminfo) / 4096))MB}
exec "$PYTHON" "$ROOT/deploy/bench/tenants.py" ${TENANTS:+--tenants "$TENANTS"} "$@"
