#!/usr/bin/env bash
# A private Apache Kafka (KRaft, one node) from the folder in KAFKA_HOME: kafka.sh start | stop | servers
source "$(dirname "$0")/lib.sh"

DIR=$RUN/kafka
PID=$DIR/pid

start() {
    [ -n "${KAFKA_HOME:-}" ] || die "KAFKA_HOME is not set: point it at an Apache Kafka 4 folder"
    [ -x "$KAFKA_HOME/bin/kafka-server-start.sh" ] || die "no Apache Kafka 4 in $KAFKA_HOME: bin/kafka-server-start.sh is missing"
    command -v java >/dev/null || die "Kafka needs Java 17: run 'make setup' with KAFKA_HOME set"
    alive "$PID" && return 0
    mkdir -p "$DIR"
    if [ ! -s "$DIR/server.properties" ]; then
        local port controller
        port=$(free_port); controller=$(free_port)
        cat >"$DIR/server.properties" <<CONF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=$DIR/data
num.partitions=12
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
CONF
        echo "127.0.0.1:$port" >"$DIR/servers"
        "$KAFKA_HOME/bin/kafka-storage.sh" format -t "$("$KAFKA_HOME/bin/kafka-storage.sh" random-uuid)" \
            -c "$DIR/server.properties" >"$DIR/format.log" 2>&1 ||
            { rm -f "$DIR/server.properties"; tail -n 5 "$DIR/format.log" >&2; die "formatting Kafka's storage failed"; }
    fi
    # A collector that stops the broker for 20 ms now and then makes every hundredth event late by as much.
    export KAFKA_OPTS=${KAFKA_OPTS:--XX:-UseSerialGC -XX:-UseG1GC -XX:+UseZGC} KAFKA_HEAP_OPTS=${KAFKA_HEAP_OPTS:--Xms512M -Xmx1G}
    setsid nohup "$KAFKA_HOME/bin/kafka-server-start.sh" "$DIR/server.properties" >"$DIR/server.log" 2>&1 </dev/null &
    echo $! >"$PID"
    local port; port=$(cut -d: -f2 "$DIR/servers")
    for _ in $(seq 1 600); do
        port_is_open "$port" && return 0
        alive "$PID" || { tail -n 5 "$DIR/server.log" >&2; die "Kafka did not start: see $DIR/server.log"; }
        sleep 0.1
    done
    die "Kafka did not open port $port within 60 s: see $DIR/server.log"
}

case "${1:-}" in
    start) start ;;
    stop) stop_pid "$PID" 20 ;;
    servers) cat "$DIR/servers" ;;
    *) die "usage: kafka.sh start | stop | servers" ;;
esac
