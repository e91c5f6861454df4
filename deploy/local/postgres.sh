#!/usr/bin/env bash
# The private PostgreSQL of this checkout: postgres.sh start | stop | running | url | psql [arguments] | backup |
#   restore <moment | latest> | destroy
# It listens on a Unix socket in a folder of its owner alone, and on a port, 5432, only of the address that
# GUANXI_PG_LISTEN names; there it asks for passwords.
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
# Copies of the whole server and the log since then; there once the first copy was made.
BACKUPS=$BASE/backups
ARCHIVE=$BASE/archive
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
        local before; before=$(put_aside)
        [ -z "$before" ] || die "a restore was interrupted: run it again, or 'mv $before $DATA' to stay with what was there"
        step "creating the database cluster"
        as_owner $PG_BIN/initdb -D "$DATA" -U postgres --auth-local=trust --auth-host=scram-sha-256 -E UTF8 \
            --locale=C.UTF-8 --data-checksums >/dev/null
    fi
    configure
}

# The newest data folder that a restore put aside.
put_aside() { find "$BASE" -maxdepth 1 -name "${DATA##*/}.before-*" 2>/dev/null | sort | tail -n 1; }

configure() {
    local archive=/bin/true recovery=
    # On its way to a moment it still needs to know where the log is.
    if [ -e "$DATA/recovery.signal" ]; then
        recovery=$(as_owner grep -E '^(restore_command|recovery_target)' "$DATA/postgresql.auto.conf" || true)
    fi
    # The server's owner may not be able to reach this checkout.
    if [ -d "$ARCHIVE" ]; then archive="\"$BASE/archive-wal\" \"%p\" \"$ARCHIVE/%f\""; fi
    as_owner tee "$DATA/postgresql.auto.conf" >/dev/null <<CONF
listen_addresses = '${GUANXI_PG_LISTEN:-}'
unix_socket_directories = '$SOCKET'
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = ${GUANXI_PG_SHARED_BUFFERS:-256MB}
max_wal_size = 4GB
# Files of the log that are made anew hold up every commit; those that are there are used again.
min_wal_size = 2GB
wal_compression = lz4
jit = off
# A round reads the catalogues of a database, which are large where tenants are many.
autovacuum_naptime = 30s
log_min_duration_statement = 1000
# After a crash: one call for the whole disk, not one for each of the many tenants' many files.
recovery_init_sync_method = syncfs
archive_mode = on
archive_command = '$archive'
archive_timeout = 60
$recovery
CONF
}

running() { [ -s "$DATA/PG_VERSION" ] && as_owner $PG_BIN/pg_ctl -D "$DATA" status >/dev/null 2>&1; }

start() {
    prepare
    if running; then return 0; fi
    as_owner $PG_BIN/pg_ctl -D "$DATA" -l "$BASE/server.log" -w -t 300 start >/dev/null ||
        { tail -n 5 "$BASE/server.log" >&2; die "PostgreSQL did not start: see $BASE/server.log"; }
    # One that was on its way to a moment gets there first.
    until [ "$(sql 'select pg_is_in_recovery()' 2>/dev/null)" = f ]; do
        running || die "PostgreSQL ended: see $BASE/server.log"
        sleep 0.2
    done
}

stop() {
    running || return 0
    as_owner $PG_BIN/pg_ctl -D "$DATA" -m "${1:-fast}" -w -t 300 stop >/dev/null
}

sql() { $PG_BIN/psql -h "$SOCKET" -U postgres -XAtc "$1" postgres; }

backup() {
    running || die "PostgreSQL does not run: start it first"
    [ "$(sql 'show archive_mode')" = on ] || die "PostgreSQL was started before there were backups: stop and start it once"
    if [ ! -d "$ARCHIVE" ]; then
        install -m 755 "$ROOT/deploy/backup/archive-wal" "$BASE/archive-wal"
        install -d -o "$OWNER" -m 700 "$BACKUPS" "$ARCHIVE"
        configure
        as_owner $PG_BIN/pg_ctl -D "$DATA" reload >/dev/null
    fi
    as_owner sh -s "$BACKUPS" -h "$SOCKET" -U postgres <"$ROOT/deploy/backup/base-backup"
}

# Sets the server back to a moment; what was there is kept beside it.
restore() {
    local moment=$1 before backup
    [ -d "$BACKUPS" ] || die "there is no backup here: 'guanxi-local backup' makes one"
    [ "$moment" = latest ] || date -ud "$moment" >/dev/null 2>&1 || die "'$moment' is no time such as 2026-11-26T04:00:00Z"
    if running; then sql 'select pg_switch_wal()' >/dev/null; stop; fi
    before=$DATA.before-$(date -u +%Y%m%dT%H%M%SZ)
    if [ -d "$DATA" ]; then mv "$DATA" "$before"; else before=$(put_aside); fi
    if ! backup=$(as_owner sh -s "$BACKUPS" "$ARCHIVE" "$DATA" "$moment" "$before" <"$ROOT/deploy/backup/prepare-recovery"); then
        if [ -n "$before" ]; then mv "$before" "$DATA"; start; fi
        die "nothing was changed"
    fi
    step "going on from the backup of $backup to $moment"
    configure
    as_owner $PG_BIN/pg_ctl -D "$DATA" -l "$BASE/server.log" -w -t 3600 start >/dev/null || failed_restore "$before"
    until [ "$(sql 'select pg_is_in_recovery()' 2>/dev/null)" = f ]; do
        running || failed_restore "$before"
        sleep 0.2
    done
    configure
    as_owner $PG_BIN/pg_ctl -D "$DATA" reload >/dev/null
    say "PostgreSQL is as it was at $moment${before:+; what was there is in $before}"
}

failed_restore() {
    grep -E 'FATAL|ERROR' "$BASE/server.log" | tail -n 3 >&2
    rm -rf "$DATA"
    if [ -n "$1" ]; then mv "$1" "$DATA"; start; fi
    die "PostgreSQL did not get to that moment: nothing was changed (is it before now?)"
}

case "${1:-}" in
    start) start ;;
    stop) stop "${2:-fast}" ;;
    running) running ;;
    url) say "postgresql://postgres@localhost/postgres?host=$SOCKET" ;;
    psql) shift; exec $PG_BIN/psql -h "$SOCKET" -U postgres "$@" ;;
    backup) backup ;;
    restore) restore "${2:?to which moment?}" ;;
    destroy) stop immediate || true; rm -rf "$BASE" "$SOCKET" ;;
    *) die "usage: postgres.sh start | stop [fast|immediate] | running | url | psql [arguments] | backup | restore <moment> | destroy" ;;
esac
