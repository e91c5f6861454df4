#!/usr/bin/env bash
# `make upgrade-test`: upgrades the last release under load, on both event logs; options of Tests/Upgrade/upgrade.py.
source "$(dirname "$0")/lib.sh"
if find_kafka; then "$ROOT/deploy/local/setup.sh" kafka; logs=(kafka postgres); else logs=(postgres); fi
PYTHON=$("$ROOT/deploy/local/python.sh")
export GUANXI_BUILD=debug
step "building (debug)"
(cd "$ROOT" && swift build >/dev/null)
exec "$PYTHON" "$ROOT/Tests/Upgrade/upgrade.py" --logs "${logs[@]}" "$@"
