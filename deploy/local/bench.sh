#!/usr/bin/env bash
# `make bench`: measures the release build in a system of its own, below .run/bench.
source "$(dirname "$0")/lib.sh"
exec python3 "$ROOT/deploy/bench/bench.py" "$@"
