#!/usr/bin/env bash
# All tests, in one run that starts and stops what it needs and ends on "N passed, N failed".
#   Tests/run.sh [part …]      parts: lint swift python platform chaos
source "$(dirname "$0")/../deploy/local/lib.sh"
cd "$ROOT"
passed=0
failed=0
failures=()
left_out=()

pass() { passed=$((passed + ${1:-1})); }
fail() { failed=$((failed + 1)); failures+=("$1"); say "FAILED: $1"; }
# Said now and again at the end: what this machine cannot do.
leave_out() { left_out+=("$1"); say "!! LEFT OUT: $1"; }

# Which Kafka the tests use: the one of KAFKA_HOME, else the one beside the project.
if find_kafka; then
    "$ROOT/deploy/local/setup.sh" kafka
    say "Kafka for the tests: $KAFKA_HOME"
else
    leave_out "everything that needs a broker: KAFKA_HOME is not set and ../shared/kafka is absent"
fi

lint() {
    step "formatting"
    if swift format lint --strict --recursive Package.swift Services Shared Tests; then pass; else fail "swift format lint"; fi
    step "layers"
    if python3 Tests/layers.py; then pass; else fail "layers"; fi
}

swift_tests() {
    step "building the tests"
    local log; log=$(mktemp)
    if ! swift build --build-tests >"$log" 2>&1; then
        grep -E 'error:' "$log" | sort -u | head -n 40; tail -n 5 "$log"; rm -f "$log"; fail "swift build --build-tests"; return
    fi
    step "Swift tests"
    # Not all at once: on few processors each would wait for the others longer than for what it tests.
    swift test --skip-build --disable-xctest --experimental-maximum-parallelization-width 12 >"$log" 2>&1 && local ok=1 || local ok=0
    grep -E '✘|recorded an issue|skipped|error:' "$log" | head -n 80 || true
    # None when the tests' process did not live to the end.
    local line; line=$(grep -E 'Test run with [0-9]+ test' "$log" | tail -n 1 || true)
    say "$line"
    local total bad
    total=$(sed -nE 's/.*Test run with ([0-9]+) tests?.*/\1/p' <<<"$line")
    bad=$(grep -E '^✘ Test .* failed after' "$log" | grep -vc '^✘ Test run' || true)
    if [ "$ok" = 1 ] && [ -n "$total" ]; then pass "$total"
    else
        [ -n "$line" ] || grep -E -A 12 'Program crashed|crashed:|Fatal error' "$log" | head -n 60 || tail -n 30 "$log"
        pass $(( ${total:-0} > bad ? ${total:-0} - bad : 0 ))
        fail "Swift tests ($bad of ${total:-?} failed)"
        failed=$((failed + (bad > 1 ? bad - 1 : 0)))
    fi
    rm -f "$log"
}

# Runs pytest over a folder and adds its counts.
pytest_folder() {
    local name=$1; shift
    step "$name"
    local log; log=$(mktemp)
    "$RUN/venv/bin/python" -m pytest -q -p no:cacheprovider "$@" >"$log" 2>&1 && local ok=1 || local ok=0
    tail -n 60 "$log"
    local good bad
    good=$(sed -nE 's/(^|.*[^0-9])([0-9]+) passed.*/\2/p' "$log" | tail -n 1)
    bad=$(sed -nE 's/(^|.*[^0-9])([0-9]+) failed.*/\2/p' "$log" | tail -n 1)
    pass "${good:-0}"
    if [ $ok = 0 ]; then fail "$name"; failed=$((failed + (${bad:-1} > 1 ? bad - 1 : 0))); fi
    rm -f "$log"
}

python_environment() { "$ROOT/deploy/local/python.sh" >/dev/null; }

# The tools of the tests themselves.
python_tests() {
    python_environment
    pytest_folder "Python tests" Tests/RealData Tests/Chaos Tests/Isolation Tests/Overload deploy/bench
}

# The whole platform as processes, from outside: API by a fuzzer, topics by a foreign client, kills in the middle.
# Most of them wait most of the time, for what they broke to come back: files run beside each other.
platform_tests() {
    python_environment
    export GUANXI_BUILD=debug
    local processors; processors=$(nproc)
    pytest_folder "platform tests" --numprocesses $((processors < 4 ? processors : 4)) --dist loadfile Tests/Platform
}

# May a small disk be mounted here? Only root may, and not in every container.
can_mount() {
    local folder; folder=$(mktemp -d)
    if mount -t tmpfs -o size=1m tmpfs "$folder" 2>/dev/null; then umount "$folder"; rmdir "$folder"; else rmdir "$folder"; return 1; fi
}

# Every fault once, in short, while tenants write: each promise counts.
chaos_tests() {
    step "chaos"
    python_environment
    "$ROOT/deploy/local/setup.sh" chaos
    local options=()
    if ! can_mount; then
        options+=(--no-full-disk)
        leave_out "chaos: the full disk, as no disk can be mounted here: run as root"
    fi
    local log; log=$(mktemp)
    GUANXI_BUILD=debug "$ROOT/deploy/local/chaos.sh" brief "${options[@]}" 2>&1 | tee "$log" && local ok=1 || local ok=0
    local good bad
    good=$(sed -nE 's/^([0-9]+) passed, [0-9]+ failed$/\1/p' "$log" | tail -n 1)
    bad=$(sed -nE 's/^[0-9]+ passed, ([0-9]+) failed$/\1/p' "$log" | tail -n 1)
    pass "${good:-0}"
    if [ $ok = 0 ]; then fail "chaos"; failed=$((failed + (${bad:-1} > 1 ? bad - 1 : 0))); fi
    rm -f "$log"
}

parts=("$@"); [ $# -gt 0 ] || parts=(lint swift python platform chaos)
for part in "${parts[@]}"; do
    case $part in
        lint) lint ;;
        swift) swift_tests ;;
        python) python_tests ;;
        platform) platform_tests ;;
        chaos) chaos_tests ;;
        *) die "no part is named '$part': lint swift python platform chaos" ;;
    esac
done
for part in "${left_out[@]}"; do say "left out: $part"; done
for failure in "${failures[@]}"; do say "failed: $failure"; done
say "$passed passed, $failed failed"
[ "$failed" = 0 ]
