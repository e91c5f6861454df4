#!/usr/bin/env bash
# `make bench`: measures the release build in a system of its own, below .run/bench.
source "$(dirname "$0")/lib.sh"
PYTHON=$("$ROOT/deploy/local/python.sh")
exec "$PYTHON" "$ROOT/deploy/bench/bench.py" "$@"
