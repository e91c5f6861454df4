#!/usr/bin/env bash
# Prints the path of a Python that has what the tests need, making a virtual environment the first time.
source "$(dirname "$0")/lib.sh"
VENV=$RUN/venv
WANTED=$ROOT/Tests/requirements.txt
if ! cmp -s "$WANTED" "$VENV/requirements.txt"; then
    step "installing the Python test tools into ${VENV#"$ROOT"/}" >&2
    rm -rf "$VENV"; mkdir -p "$RUN"
    python3 -m venv "$VENV" || die "python3-venv is missing: run 'make setup'"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check -r "$WANTED" >&2 ||
        die "the Python packages of Tests/requirements.txt could not be installed: check the way to PyPI"
    cp "$WANTED" "$VENV/requirements.txt"
fi
say "$VENV/bin/python"
