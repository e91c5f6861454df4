#!/usr/bin/env bash
# The private PostgreSQL of this checkout: postgres.sh start | stop | running | url | data | psql [arguments] |
#   backup [how many backups stay] | backups | restore <moment | latest> [timeline] | destroy
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
    # Where it is in any case, for people and for `guanxi-local clean`.
    [ "$BASE" = "$RUN/postgres" ] || ln -sfn "$BASE" "$RUN/postgres"
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

# The data folders that restores put aside, the newest first.
all_put_aside() { find "$BASE" -maxdepth 1 -name "${DATA##*/}.before-*" 2>/dev/null | sort -r; }
put_aside() { all_put_aside | head -n 1; }

# What the server calls: its owner may not be able to reach this checkout. Never half of a script, which would say yes.
install_tools() {
    local tool
    for tool in "$ROOT"/deploy/backup/*; do
        install -m 755 "$tool" "$BASE/.${tool##*/}"
        mv "$BASE/.${tool##*/}" "$BASE/${tool##*/}"
    done
}

configure() {
    local archive=/bin/true recovery=
    # On its way to a moment it still needs to know where the log is.
    if [ -e "$DATA/recovery.signal" ]; then
        recovery=$(as_owner grep -E '^(restore_command|recovery_target)' "$DATA/postgresql.auto.conf" || true)
    fi
    if [ -d "$ARCHIVE" ]; then
        install_tools
        archive="\"$BASE/archive-wal\" \"%p\" \"$ARCHIVE/%f\""
    fi
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
    local keep=${1:-}
    running || die "PostgreSQL does not run: start it first"
    case $keep in *[!0-9]* | 0) die "KEEP is '$keep': it must be the number of backups that stay, from 1 on" ;; esac
    [ "$(sql 'show archive_mode')" = on ] || die "PostgreSQL was started before there were backups: stop and start it once"
    if [ ! -d "$ARCHIVE" ]; then
        install -d -o "$OWNER" -m 700 "$BACKUPS" "$ARCHIVE"
        configure
        as_owner $PG_BIN/pg_ctl -D "$DATA" reload >/dev/null
        say "from now on the log is kept: compressed, up to 16 MB a minute while much is written, some kB while nothing is"
    fi
    as_owner "$BASE/base-backup" "$BACKUPS" -h "$SOCKET" -U postgres
    if [ -n "$keep" ]; then as_owner "$BASE/prune-backups" "$BACKUPS" "$ARCHIVE" "$keep"; fi
    say "in $BASE: backups/ has $(backups | wc -l), $(size "$BACKUPS"); archive/, the log since the oldest, has $(size "$ARCHIVE")"
    [ -n "$keep" ] || say "both grow until 'make backup KEEP=n' keeps the n youngest backups and the log since the oldest of them"
}

size() { du -sh "$1" 2>/dev/null | cut -f1; }

# The backups there are, a line each.
backups() { if [ -d "$BACKUPS" ]; then find "$BACKUPS" -maxdepth 1 -name '2*Z' | sort; fi; }

# Sets the server back to a moment; what was there is kept beside it.
restore() {
    local moment=$1 timeline=${2:--} before backup aside
    [ -d "$BACKUPS" ] || die "there is no backup here: 'guanxi-local backup' makes one"
    [ "$moment" = latest ] || date -ud "$moment" >/dev/null 2>&1 || die "'$moment' is no time such as 2026-11-26T04:00:00Z"
    if running; then
        # A commit of this moment: only one that is later than the moment looked for shows that it was reached.
        if [ "$(sql 'select pg_is_in_recovery()')" = f ]; then
            sql 'select pg_current_xact_id()' >/dev/null
            sql 'select pg_switch_wal()' >/dev/null
        fi
        stop
    fi
    # A copy of a backup that was on its way to a moment is nothing to keep.
    if [ -e "$DATA/recovery.signal" ] && [ -n "$(put_aside)" ]; then rm -rf "$DATA"; fi
    before=$DATA.before-$(date -u +%Y%m%dT%H%M%SZ)
    if [ -d "$DATA" ]; then mv "$DATA" "$before"; else before=$(put_aside); fi
    install_tools
    mapfile -t aside < <(all_put_aside)
    if ! backup=$(as_owner "$BASE/prepare-recovery" "$BACKUPS" "$ARCHIVE" "$DATA" "$moment" "$timeline" "${aside[@]}"); then
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
    data) say "$DATA" ;;
    psql) shift; exec $PG_BIN/psql -h "$SOCKET" -U postgres "$@" ;;
    backup) backup "${2:-}" ;;
    backups) backups ;;
    restore) restore "${2:?to which moment?}" "${3:-}" ;;
    destroy) stop immediate || true; rm -rf "$BASE" "$SOCKET" ;;
    *) die "usage: postgres.sh start | stop [fast|immediate] | running | url | data | psql [arguments] | backup [n] | backups |" \
        "restore <moment> [timeline] | destroy" ;;
esac
