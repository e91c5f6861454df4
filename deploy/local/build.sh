#!/usr/bin/env bash
# Builds all executables in release mode; shows how far it is, and of a failure only what matters.
source "$(dirname "$0")/lib.sh"
cd "$ROOT"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
start=$SECONDS
[ -x "$BIN/guanxi" ] && step "building (release)" || step "building (release; the first time takes some minutes)"

# On a terminal one line that is rewritten, elsewhere a line now and then. No awk: Debian's waits for a full buffer.
progress() {
    local line due=$((SECONDS + 20))
    while IFS= read -r line; do
        [[ $line == \[* ]] || continue
        if [ -t 1 ]; then printf '\r\033[K%.100s' "$line"
        elif [ $SECONDS -ge $due ]; then printf '    %.100s\n' "$line"; due=$((SECONDS + 20)); fi
    done
    [ ! -t 1 ] || printf '\r\033[K'
}
if ! swift build -c release --static-swift-stdlib 2>&1 | tee "$log" | progress; then
    grep -E 'error:|No space left' "$log" | sort -u | head -n 20 >&2 || tail -n 20 "$log" >&2
    ! grep -q 'No space left' "$log" || die "the disk is full: free some space, then run the same command again"
    die "the build failed"
fi
step "built in $((SECONDS - start)) s"
