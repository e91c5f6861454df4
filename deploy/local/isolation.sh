#!/usr/bin/env bash
# `make isolation`: tries to reach one tenant from another, in an installation of its own.
#   SEED=<n> makes the attempts of an earlier run; LOG=kafka uses Kafka instead of the embedded log.
source "$(dirname "$0")/lib.sh"
python=$("$ROOT/deploy/local/python.sh")
exec "$python" "$ROOT/Tests/Isolation/attack.py" --log "${LOG:-postgres}" ${SEED:+--seed "$SEED"}
