#!/usr/bin/env bash
# `make overload`: more load than the machine can do, slow and odd clients, an import beside others' work; in an
# installation of its own. Options are those of Tests/Overload/overload.py.
source "$(dirname "$0")/lib.sh"
python=$("$ROOT/deploy/local/python.sh")
exec "$python" "$ROOT/Tests/Overload/overload.py" "$@"
