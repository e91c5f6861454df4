#!/usr/bin/env bash
# `make chaos`: breaks installations of its own while tenants write, and checks that every promise was kept.
#   chaos.sh [report | brief] [options of Tests/Chaos/chaos.py]
source "$(dirname "$0")/lib.sh"
LOG=postgres
if find_kafka; then
    "$ROOT/deploy/local/setup.sh" kafka
    LOG=kafka
fi
PYTHON=$("$ROOT/deploy/local/python.sh")
cd "$ROOT/Tests/Chaos"
case "${1:-}" in
    # Five seeds on Kafka and two on the embedded log, written down in docs/reliability.md.
    report)
        [ "$LOG" = kafka ] || die "the report needs an Apache Kafka 4: set KAFKA_HOME to its folder"
        exec "$PYTHON" chaos.py --report --runs kafka:1 kafka:2 kafka:3 kafka:4 kafka:5 postgres:1 postgres:2 "${@:2}"
        ;;
    # The short form: each fault once, few tenants. No time decides but that of a machine that stands still.
    brief) exec "$PYTHON" chaos.py --once --tenants 8 --rate 30 --recovery 60 --runs "$LOG:7" "${@:2}" ;;
    *) exec "$PYTHON" chaos.py "$@" ;;
esac
