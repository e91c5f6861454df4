#!/usr/bin/env bash
# Runs suites under a sanitizer: sanitizers.sh [thread|address|all] [filter]
# Each has a build of its own below .build/. Ends with 1 when a test fails or a sanitizer reports something.
source "$(dirname "$0")/../deploy/local/lib.sh"
cd "$ROOT"
export TSAN_OPTIONS="suppressions=$ROOT/Tests/thread-sanitizer.supp"
SUITES='^(RuntimeTests|HTTPTests|PostgresTests|EventLogTests|ResourcesTests)\.'

run() {
    local kind=$1 filter=$2 scratch=.build/${1:0:1}san log
    log=$(mktemp)
    step "building with the $kind sanitizer into $scratch"
    # The address sanitizer's builds make the linker complain without harm.
    swift build --build-tests --sanitize="$kind" --scratch-path "$scratch" >"$log" 2>&1 ||
        { grep -E 'error:' "$log" | sort -u | head -n 20; die "the build with the $kind sanitizer failed: see $log"; }
    step "tests under the $kind sanitizer"
    local ok=1
    GUANXI_SANITIZER=$kind swift test --skip-build --disable-xctest --sanitize="$kind" --scratch-path "$scratch" --filter "$filter" \
        >"$log" 2>&1 || ok=0
    grep -E 'SUMMARY: |✘|Test run with' "$log" | sort | uniq -c | sort -rn | head -n 40
    if grep -q 'SUMMARY: ' "$log" || [ "$ok" = 0 ]; then say "see $log"; return 1; fi
    rm -f "$log"
}

failed=0
case "${1:-all}" in
    thread | address) run "$1" "${2:-$SUITES}" || failed=1 ;;
    all) for kind in thread address; do run "$kind" "${2:-$SUITES}" || failed=1; done ;;
    *) die "usage: sanitizers.sh [thread|address|all] [filter]" ;;
esac
exit $failed
