#!/usr/bin/env bash
# `make demo-data DATASET=… DATA=…`: loads a public data set through the API of the running platform.
source "$(dirname "$0")/lib.sh"
case "${1:-}" in hardware | education | music) ;; *) die "DATASET is '${1:-}': it must be hardware, education or music" ;; esac
[ -d "${2:-}" ] || die "DATA is '${2:-}': it must be the folder that holds maven-crm/, x-education/ and cdnow/"
[ -s "$RUN/guanxi.env" ] || die "Guanxi does not run here: start it with 'make run'"
set -a; source "$RUN/guanxi.env"; set +a
exec python3 "$ROOT/deploy/demo/load.py" "$1" --data "$2"
