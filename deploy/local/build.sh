#!/usr/bin/env bash
# Builds all executables in release mode, showing one line of progress at a time.
source "$(dirname "$0")/lib.sh"
cd "$ROOT"
step "building (release; the first time takes some minutes)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
start=$SECONDS
if [ -t 1 ]; then
    swift build -c release 2>&1 | tee "$log" | awk '/^\[/ { printf "\r\033[K%.100s", $0; fflush() } END { printf "\r\033[K" }'
else
    swift build -c release >"$log" 2>&1 || { grep -E 'error|warning' "$log" >&2 || tail -n 20 "$log" >&2; die "the build failed"; }
fi
grep -q 'error:' "$log" && { grep 'error:' "$log" >&2; die "the build failed"; }
step "built in $((SECONDS - start)) s"
