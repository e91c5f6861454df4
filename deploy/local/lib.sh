# Shared by the scripts in this folder: where things are, how to speak, how to become another user.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
RUN=${GUANXI_RUN_DIR:-$ROOT/.run}
BUILD=${GUANXI_BUILD:-release}
BIN=$ROOT/.build/$BUILD
SERVICES=(gateway leads opportunities customers analytics)

say() { printf '%s\n' "$*"; }
step() { printf '==> %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Runs a command as root: directly, or through sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else die "'$1' needs root: run the same command as root, or install sudo"
    fi
}

# A port of 127.0.0.1 that nobody listens on.
free_port() {
    python3 - <<'PY'
import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])
PY
}

port_is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Is the process whose id is in this file alive?
alive() { [ -s "$1" ] && runs "$(cat "$1")"; }

# Does this process still run? One that has ended and whose parent has not looked yet (a zombie) does not, but one of
# whose threads some are still ending does: until they have, its ports are not free.
runs() {
    kill -0 "$1" 2>/dev/null || return 1
    local fields
    read -r -a fields < <(sed -E 's/^[0-9]+ \(.*\) //' "/proc/$1/stat" 2>/dev/null) || return 1
    [ "${fields[0]}" != Z ] || [ "${fields[17]}" -gt 1 ]
}

# Megabytes free where a folder is or will be.
free_megabytes() {
    local folder=$1
    until [ -d "$folder" ]; do folder=$(dirname "$folder"); done
    df -Pm "$folder" | awk 'NR == 2 { print $4 }'
}

# Stops the process whose id is in a file: SIGTERM, then SIGKILL after the given seconds.
stop_pid() {
    local file=$1 seconds=${2:-10} pid
    alive "$file" || { rm -f "$file"; return 0; }
    pid=$(cat "$file")
    kill -TERM "$pid" 2>/dev/null || true
    for _ in $(seq 1 $((seconds * 20))); do
        runs "$pid" || { rm -f "$file"; return 0; }
        sleep 0.05
    done
    say "process $pid did not stop in $seconds s: killing it"
    kill -KILL "$pid" 2>/dev/null || true
    rm -f "$file"
}

# A shell that has read guanxi.env names the private broker: that is no other one, and is to be started.
forget_own_broker() {
    if [ -s "$RUN/kafka/servers" ] && [ "${KAFKA_BOOTSTRAP_SERVERS:-}" = "$(cat "$RUN/kafka/servers")" ]; then
        unset KAFKA_BOOTSTRAP_SERVERS
    fi
}

# Sets KAFKA_HOME to the Apache Kafka beside the project, where it is not set and there is one; false without any.
find_kafka() {
    if [ -z "${KAFKA_HOME:-}" ] && [ -x "$ROOT/../shared/kafka/bin/kafka-server-start.sh" ]; then
        KAFKA_HOME=$(cd "$ROOT/../shared/kafka" && pwd); export KAFKA_HOME
    fi
    [ -n "${KAFKA_HOME:-}" ]
}
