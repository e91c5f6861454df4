#!/usr/bin/env bash
# `make run` before anything long: says in one sentence what would stop it.
source "$(dirname "$0")/lib.sh"
PORT=${GUANXI_PORT:-8080}

[[ $PORT =~ ^[0-9]{1,5}$ ]] && [ "$PORT" -ge 1 ] && [ "$PORT" -le 64000 ] ||
    die "GUANXI_PORT is '$PORT': it must be a number from 1 to 64000"

for folder in "$RUN" "$ROOT/.build" "$ROOT"; do
    [ ! -e "$folder" ] && continue
    [ -w "$folder" ] ||
        die "$folder belongs to $(stat -c %U "$folder") and $(id -un) may not write there: run as $(stat -c %U "$folder"), or clone into a folder of your own"
    # What root started belongs to root and postgres; another user can neither stop nor go on with it.
    [ "$folder" != "$RUN" ] || [ "$(stat -c %u "$folder")" = "$(id -u)" ] || [ ! -s "$folder/services.env" ] ||
        die "$folder was made by $(stat -c %U "$folder"): run as that user, or 'make clean' as that user first"
done

# Debian's packages, the build and the demo's data take about 1.5 GB.
if [ ! -x "$BIN/guanxi" ]; then
    free=$(free_megabytes "$ROOT")
    [ "$free" -ge 2048 ] || die "only $free MB are free at $ROOT: the first run needs 2048; free some space or clone elsewhere"
elif free=$(free_megabytes "$RUN"); [ "$free" -lt 512 ]; then
    die "only $free MB are free at $RUN: free some space first (512 MB at least)"
fi

forget_own_broker
case ${GUANXI_EVENT_LOG:-} in
    '' | postgres) ;;
    kafka)
        [ -n "${KAFKA_BOOTSTRAP_SERVERS:-}${KAFKA_HOME:-}" ] ||
            die "GUANXI_EVENT_LOG is kafka but no Kafka is named: set KAFKA_BOOTSTRAP_SERVERS to its brokers, or KAFKA_HOME to a folder of Apache Kafka 4" ;;
    *) die "GUANXI_EVENT_LOG is '$GUANXI_EVENT_LOG': it must be 'kafka' or 'postgres'" ;;
esac
if [ -n "${KAFKA_HOME:-}" ] && [ -z "${KAFKA_BOOTSTRAP_SERVERS:-}" ] && [ "${GUANXI_EVENT_LOG:-kafka}" = kafka ]; then
    [ -x "$KAFKA_HOME/bin/kafka-server-start.sh" ] ||
        die "KAFKA_HOME is '$KAFKA_HOME', where bin/kafka-server-start.sh is missing: point it at a folder of Apache Kafka 4"
fi

for index in "${!SERVICES[@]}"; do
    service=${SERVICES[$index]}
    alive "$RUN/pids/$service.pid" && continue
    for port in $((PORT + index)) $((PORT + index + 1000)); do
        ! port_is_open "$port" ||
            die "port $port, which $service needs, is taken: stop what listens there, or choose other ports with GUANXI_PORT=18080 make run"
    done
done
