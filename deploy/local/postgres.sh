#!/usr/bin/env bash
# The private PostgreSQL of this checkout: postgres.sh start | stop | running | url | psql [arguments] | destroy
# It listens on a Unix socket in a folder of its owner alone, never on a port.
source "$(dirname "$0")/lib.sh"

PG_BIN=/usr/lib/postgresql/15/bin
[ "${1:-}" != start ] || mkdir -p "$RUN"
ID=$(printf '%s' "$RUN" | sha256sum | cut -c1-10)

# initdb refuses root: as root the server belongs to `postgres`, which must be able to reach its folder.
if [ "$(id -u)" = 0 ]; then
    OWNER=postgres
    as_owner() { (cd / && runuser -u postgres -- "$@"); }
    BASE=$RUN/postgres
    as_owner test -x "$RUN" 2>/dev/null || BASE=/var/lib/guanxi/$ID
else
    OWNER=$(id -un)
    as_owner() { "$@"; }
    BASE=$RUN/postgres
fi
DATA=$BASE/data
# A socket's path may have 107 bytes.
SOCKET=$BASE/s
[ ${#SOCKET} -le 80 ] || SOCKET=/tmp/guanxi-$OWNER-$ID

prepare() {
    [ -x $PG_BIN/initdb ] || die "PostgreSQL 15 is not installed: run 'make setup'"
    mkdir -p "$BASE"
    [ -d "$SOCKET" ] || mkdir -m 700 "$SOCKET"
    chown "$OWNER" "$BASE" "$SOCKET"
    [ "$(stat -c %U "$SOCKET")" = "$OWNER" ] || die "$SOCKET belongs to somebody else: remove it"
    chmod 700 "$SOCKET"
    if [ ! -s "$DATA/PG_VERSION" ]; then
        step "creating the database cluster"
        as_owner $PG_BIN/initdb -D "$DATA" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --data-checksums >/dev/null
    fi
    as_owner tee "$DATA/postgresql.auto.conf" >/dev/null <<CONF
listen_addresses = ''
unix_socket_directories = '$SOCKET'
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = ${GUANXI_PG_SHARED_BUFFERS:-256MB}
max_wal_size = 4GB
wal_compression = on
jit = off
autovacuum_naptime = 5s
log_min_duration_statement = 1000
# After a crash: one call for the whole disk, not one for each of the many tenants' many files.
recovery_init_sync_method = syncfs
CONF
}

running() { [ -s "$DATA/PG_VERSION" ] && as_owner $PG_BIN/pg_ctl -D "$DATA" status >/dev/null 2>&1; }

start() {
    prepare
    if running; then return 0; fi
    as_owner $PG_BIN/pg_ctl -D "$DATA" -l "$BASE/server.log" -w -t 300 start >/dev/null ||
        { tail -n 5 "$BASE/server.log" >&2; die "PostgreSQL did not start: see $BASE/server.log"; }
}

stop() {
    running || return 0
    as_owner $PG_BIN/pg_ctl -D "$DATA" -m "${1:-fast}" -w -t 300 stop >/dev/null
}

case "${1:-}" in
    start) start ;;
    stop) stop "${2:-fast}" ;;
    running) running ;;
    url) say "postgresql://postgres@localhost/postgres?host=$SOCKET" ;;
    psql) shift; exec $PG_BIN/psql -h "$SOCKET" -U postgres "$@" ;;
    destroy) stop immediate || true; rm -rf "$BASE" "$SOCKET" ;;
    *) die "usage: postgres.sh start | stop [fast|immediate] | running | url | psql [arguments] | destroy" ;;
esac
